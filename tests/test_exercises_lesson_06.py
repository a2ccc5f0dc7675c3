"""Right forms of answers to lesson 06 are accepted, slips get a hint."""

from dni_lesson.exercises import lesson_06
from dni_lesson.schedules.cuts import best_cut, join
from dni_lesson.schedules.speed import step_time
from dni_lesson.schedules.timetable import timetable

import judging
import numpy as np
import pytest


def step(cut, costs, joined=join, schedule="decoupled"):
    workers = joined(cut, *costs)
    return step_time(timetable(schedule, *workers, minibatches=40))


def cuts(layers):
    return [[k, layers - k] for k in range(1, layers)]


def fastest_cut(*costs, **how):
    return min(cuts(len(costs[0])), key=lambda cut: step(cut, costs, **how))


def last_of_the_fastest(*costs):
    return min(reversed(cuts(len(costs[0]))), key=lambda cut: step(cut, costs))


def joined_by_hand(cut, forward, backward, predictor):
    k = cut[0]
    work = [[sum(c[:k]), sum(c[k:])] for c in (forward, backward)]
    return [*work, [predictor[k - 1], 0]]


def all_predictors(cut, forward, backward, predictor):
    work = join(cut, forward, backward, predictor)
    return *work[:2], [sum(predictor[: cut[0]]), 0]


def costliest_predictor(cut, forward, backward, predictor):
    work = join(cut, forward, backward, predictor)
    return *work[:2], [max(predictor[: cut[0]]), 0]


def predictor_above(cut, forward, backward, predictor):
    work = join(cut, forward, backward, predictor)
    return *work[:2], [predictor[cut[0]], 0]


def without_predictors(cut, forward, backward, predictor):
    return join(cut, forward, backward, [0] * len(forward))


def backward_only(cut, forward, backward, predictor):
    return join(cut, [1e-9] * len(forward), backward, predictor)


RIGHT = {
    "06-1": (11, 11.0, "11", 12, 44 / 4, "44/4", np.int64(11)),
    "06-2": (
        fastest_cut,
        last_of_the_fastest,
        lambda *costs: tuple(fastest_cut(*costs)),
        lambda *costs: np.array(fastest_cut(*costs)),
        lambda *costs: fastest_cut(*costs, joined=joined_by_hand),
        lambda *costs: best_cut(*costs, workers=2, exactly=True),
        lambda *costs: min((step(c, costs), c) for c in cuts(len(costs[0])))[1],
    ),
}
WRONG = {
    "06-1": (
        (10, "10 is too small"),  # The links alone: 40 ms.
        (5, "5 is too small"),  # One link.
        (6, "6 is too small"),
        (40, "40 is too large"),
        (44, "44 is too large"),
        ("22", "22 is too large"),
        ("44 ms", "Expected a number"),
    ),
    "06-2": (
        (lambda f, b, s: [1, 3], "equal modules, free predictors"),
        (lambda f, b, s: [2, 2], "a heavy first module"),
        (lambda f, b, s: [len(f) // 2, len(f) - len(f) // 2], "a heavy first"),
        (
            lambda *costs: fastest_cut(*costs, joined=without_predictors),
            "predictors of 5",
        ),
        (
            lambda *costs: fastest_cut(*costs, joined=all_predictors),
            "a costly predictor below",
        ),
        (
            lambda *costs: fastest_cut(*costs, joined=costliest_predictor),
            "a costly predictor below",
        ),
        (
            lambda *costs: fastest_cut(*costs, joined=predictor_above),
            "expected",
        ),
        (
            lambda *costs: fastest_cut(*costs, joined=backward_only),
            "expected",
        ),
        (lambda *costs: fastest_cut(*costs)[::-1], "a heavy first module"),
        (lambda *costs: fastest_cut(*costs)[0], "received 2"),
        (lambda f, b, s: str([2, 2]), "received '[2, 2]'"),
        (lambda f, b, s: None, "received None"),
        ([2, 2], "Expected the function `fastest_cut` itself"),
    ),
}


TestForms = judging.tests_of("06", RIGHT, WRONG)


def test_in_every_case_one_cut_is_faster_than_all_others():
    for costs, expected, _ in lesson_06._CUTS:
        others = [cut for cut in cuts(len(costs[0])) if cut != expected]
        best = step(expected, costs)
        assert all(step(cut, costs) > best for cut in others)


def test_the_queue_of_the_first_exercise_is_the_shortest_that_hides_the_link():
    def step(queue_size):
        return step_time(
            timetable(
                "decoupled",
                [1, 1],
                [2, 3],
                [1, 0],
                link_delay=20,
                minibatches=200,
                queue_size=queue_size,
            )
        )

    assert step(10) > step(11) == pytest.approx(4)
