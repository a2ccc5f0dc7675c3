"""Right forms of answers to lesson 01 are accepted, slips get a hint."""

from fractions import Fraction

from dni_lesson.schedules import speed
from dni_lesson.schedules.timetable import timetable

import judging
import numpy as np


def idle_locked(forward, backward, link_delay, trips=2, missing=1):
    workers, work = len(forward), sum(forward) + sum(backward)
    step = work + trips * (workers - missing) * link_delay
    return 1 - work / (workers * step)


def idle_by_worker(forward, backward, link_delay):
    both = np.array(forward) + np.array(backward)
    step = both.sum() + 2 * link_delay * (len(both) - 1)
    return np.mean((step - both) / step)


def idle_in_place(forward, backward, link_delay):
    for k in range(len(forward)):
        forward[k] += backward[k]
    work, workers = sum(forward), len(forward)
    return 1 - work / workers / (work + 2 * (workers - 1) * link_delay)


def idle_from_events(forward, backward, link_delay):
    return speed.idle_fraction(
        timetable("locked", forward, backward, link_delay=link_delay)
    )


def bound(forward, backward, predictor):
    rows = zip(forward, backward, predictor, strict=True)
    return (sum(forward) + sum(backward)) / max(map(sum, rows))


def bound_in_a_loop(forward, backward, predictor):
    slowest = 0
    for k in range(len(forward)):
        slowest = max(slowest, forward[k] + backward[k] + predictor[k])
    return (sum(forward) + sum(backward)) / slowest


RIGHT = {
    "01-1": judging.choice_forms("b"),
    "01-2": (
        0.75,
        3 / 4,
        "3/4",
        " 3 / 4 ",
        "0.75",
        "0,75",
        "75 %",
        Fraction(3, 4),
        np.float32(0.75),
    ),
    "01-3": (
        idle_locked,
        idle_by_worker,
        idle_in_place,
        idle_from_events,
        lambda *costs: np.float32(idle_locked(*costs)),
        lambda f, b, c: (
            1 - sum(f + b) / (len(f) * (sum(f + b) + 2 * (len(f) - 1) * c))
        ),
    ),
    "01-4": (
        bound,
        bound_in_a_loop,
        speed.max_speedup,
        lambda f, b, s: np.sum([f, b]) / np.sum([f, b, s], axis=0).max(),
        lambda f, b, s: sum(f + b) / sorted(map(sum, zip(f, b, s)))[-1],
        lambda f, b, s: min(sum(f + b) / sum(one) for one in zip(f, b, s)),
    ),
}
WRONG = {
    "01-1": judging.choice_slips("b", "abcd"),
    "01-2": (
        (0.25, "0.25 is too small"),
        ("1/4", "0.25 is too small"),
        (75, "75 is too large"),
        (1, "1 is too large"),
        (3, "3 is too large"),
        ("4/3", "1.33333 is too large"),
        ("most", "Expected a number. Received: 'most'"),
        ("3/0", "Expected a number"),
        (True, "Expected a number"),
        (float("nan"), "Expected a number"),
        (lambda: 0.75, "Expected a number"),
    ),
    "01-3": (
        (lambda f, b, c: 0.25, "received 0.25"),
        (lambda f, b, c: None, "expected 0.75, received None"),
        (lambda f, b, c: 1 - 1 / len(f), "[2, 3], 1): expected 0.6, received"),
        (
            lambda f, b, c: idle_locked(f, b, c, trips=1),
            "([1, 2], [2, 3], 1): expected 0.6, received 0.555",
        ),
        (
            lambda f, b, c: idle_locked(f, b, c, missing=0),
            "([1, 2], [2, 3], 1): expected 0.6, received 0.666",
        ),
        (lambda f, b, c: 1 - idle_locked(f, b, c), "received 0.25"),
        (lambda f, b, c: 100 * idle_locked(f, b, c), "received 75"),
        (lambda f, b, c: idle_locked(f, b, 0), "expected 0.6"),
        (0.75, "Expected the function `idle_locked` itself"),
    ),
    "01-4": (
        (lambda f, b, s: len(f), "expected 1, received 2"),
        (
            lambda f, b, s: sum(f + b + s) / max(map(sum, zip(f, b, s))),
            "([1, 1], [2, 2], [3, 0]): expected 1, received 1.5",
        ),
        (
            lambda f, b, s: sum(f + b) / (max(f) + max(b) + max(s)),
            "([1, 3, 1], [1, 3, 1], [9, 0, 0]): expected 0.9091, rec",
        ),
        (
            lambda f, b, s: sum(f + b) / (max(f) + max(map(sum, zip(b, s)))),
            "([1, 3, 1], [1, 3, 1], [9, 0, 0]): expected 0.9091",
        ),
        (lambda f, b, s: sum(f + b) / max(map(sum, zip(f, b))), "expected 1"),
        (lambda f, b, s: sum(f + b) / max(f + b + s), "received 3"),
        (lambda f, b, s: max(map(sum, zip(f, b, s))), "received 3"),
        (lambda f, b, s: max(map(sum, zip(f, b, s))) / sum(f + b), "0.5"),
        (lambda f, b, s: print(bound(f, b, s)), "is there a `return`?"),
    ),
}


TestForms = judging.tests_of("01", RIGHT, WRONG)
