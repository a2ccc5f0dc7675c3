"""Right forms of answers to lesson 07 are accepted, slips get a hint."""

from dni_lesson.schedules.speed import max_speedup

import judging
import numpy as np
import pytest


def one_worker(forward, backward):
    return sum(forward) + sum(backward)


def break_even(forward, backward):
    pairs = zip(forward[:-1], backward[:-1], strict=True)
    return one_worker(forward, backward) - max(map(sum, pairs))


def break_even_in_place(forward, backward):
    one = sum(forward + backward)
    forward.pop()
    return one - max(forward[k] + backward[k] for k in range(len(forward)))


def break_even_searched(forward, backward):
    low, high = 0, one_worker(forward, backward)
    for _ in range(60):
        middle = (low + high) / 2
        predictor = [middle] * (len(forward) - 1) + [0]
        gains = max_speedup(forward, backward, predictor) > 1
        low, high = (middle, high) if gains else (low, middle)
    return low


def less(busiest):
    return lambda f, b: one_worker(f, b) - busiest(f, b)


RIGHT = {
    "07-1": judging.choice_forms("b"),
    "07-2": (
        break_even,
        break_even_in_place,
        break_even_searched,
        lambda f, b: min(
            one_worker(f, b) - x - y for x, y in zip(f[:-1], b[:-1])
        ),
        less(lambda f, b: (np.array(f) + b)[:-1].max()),
        less(lambda f, b: max(map(sum, list(zip(f, b))[:-1]))),
        less(lambda f, b: max(f[k] + b[k] for k in range(len(f) - 1))),
    ),
}
WRONG = {
    "07-1": judging.choice_slips("b", "abcd"),
    "07-2": (
        (lambda f, b: 3, "four equal workers"),
        (
            less(lambda f, b: max(map(sum, zip(f, b)))),
            "the costliest worker is the last",
        ),
        (
            less(lambda f, b: max(f[:-1]) + max(b[:-1])),
            "long forward in one, long backward above",
        ),
        (less(lambda f, b: f[0] + b[0]), "long forward in one, long backward"),
        (less(lambda f, b: max(f[:-1])), "two equal workers"),
        (less(lambda f, b: sum(f[:-1] + b[:-1])), "four equal workers"),
        (one_worker, "expected 3 (two equal workers), received 6"),
        (lambda f, b: max(map(sum, zip(f, b))), "four equal workers"),
        (lambda f, b: None, "received None"),
        (3, "Expected the function `break_even` itself"),
    ),
}


TestForms = judging.tests_of("07", RIGHT, WRONG)


@pytest.mark.parametrize("modules", [([1, 2, 3], [3, 1, 2]), ([1, 3], [2, 6])])
def test_at_break_even_decoupled_workers_are_as_fast_as_one(modules):
    predictor = [break_even(*modules)] * (len(modules[0]) - 1) + [0]
    assert max_speedup(*modules, predictor) == pytest.approx(1)
