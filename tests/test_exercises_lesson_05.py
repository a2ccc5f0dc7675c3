"""Right answers to lesson 05 are accepted, wrong ones get a telling hint."""

from dni_lesson.exercises import EXERCISES
from dni_lesson.speed import needed_delay

import helpers
import pytest

RIGHT = {
    "05-1": 0.41,
    "05-2": lambda s, u, bs, bu: (u / s) / (bu / bs),
    "05-3": "c",
    "05-4": needed_delay,
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answer_is_accepted(name):
    helpers.assert_accepted(name, RIGHT[name])


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("05-1", 0.2, "0.2 is too small"),
        ("05-1", 0.8, "0.8 is too large"),
        ("05-2", lambda s, u, bs, bu: bs / s, "a fifth of the updates in the"),
        ("05-2", lambda s, u, bs, bu: u / bu, "in twice the time"),
        ("05-3", "a", "'a' is not it"),
        ("05-4", lambda v, f, b, s: 0.0, "two equal modules"),
        (
            "05-4",
            lambda v, f, b, s: needed_delay(v, f, b),
            "a predictor of 1 on the first",
        ),
    ],
)
def test_wrong_answer_is_told_what_is_wrong(name, answer, message):
    helpers.assert_refused(name, answer, message)


def test_lesson_has_four_exercises():
    assert [n for n in EXERCISES if n.startswith("05")] == list(RIGHT)
