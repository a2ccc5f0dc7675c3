"""Right answers to lesson 01 are accepted, wrong ones get a telling hint."""

from dni_lesson.exercises import EXERCISES

import helpers
import pytest


def idle_locked(forward, backward, link_delay, trips=2, missing=1):
    workers, work = len(forward), sum(forward) + sum(backward)
    step = work + trips * (workers - missing) * link_delay
    return 1 - work / (workers * step)


def bound(forward, backward, predictor):
    rows = zip(forward, backward, predictor, strict=True)
    return (sum(forward) + sum(backward)) / max(map(sum, rows))


RIGHT = {"01-1": "b", "01-2": 0.75, "01-3": idle_locked, "01-4": bound}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answer_is_accepted(name):
    helpers.assert_accepted(name, RIGHT[name])


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("01-1", "a", "'a' is not it"),
        ("01-1", 2, "Expected one letter"),
        ("01-2", 0.25, "0.25 is too small"),
        ("01-2", 75, "75 is too large"),
        ("01-2", "most", "Expected a number"),
        ("01-3", lambda f, b, c: 0.25, "received 0.25"),
        ("01-3", lambda f, b, c: None, "expected 0.75, received None"),
        (
            "01-3",
            lambda f, b, c: idle_locked(f, b, c, trips=1),
            "([1, 2], [2, 3], 1): expected 0.6, received 0.555",
        ),
        (
            "01-3",
            lambda f, b, c: idle_locked(f, b, c, missing=0),
            "([1, 2], [2, 3], 1): expected 0.6, received 0.666",
        ),
        ("01-4", lambda f, b, s: len(f), "expected 1, received 2"),
        (
            "01-4",
            lambda f, b, s: sum(f + b + s) / max(map(sum, zip(f, b, s))),
            "([1, 1], [2, 2], [3, 0]): expected 1, received 1.5",
        ),
        (
            "01-4",
            lambda f, b, s: sum(f + b) / (max(f) + max(b) + max(s)),
            "([1, 3, 1], [1, 3, 1], [9, 0, 0]): expected 0.9091, rec",
        ),
    ],
)
def test_wrong_answer_is_told_what_is_wrong(name, answer, message):
    helpers.assert_refused(name, answer, message)


def test_lesson_has_four_exercises():
    assert [n for n in EXERCISES if n.startswith("01")] == list(RIGHT)
