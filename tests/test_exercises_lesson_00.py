"""Right answers to lesson 00 are accepted, wrong ones get a telling hint."""

from dni_lesson.exercises import EXERCISES

import helpers
import numpy as np
import pytest

RIGHT = {
    "00-1": lambda k, modules: modules + (modules - k),
    "00-2": "a",
    "00-3": lambda read, labels: np.mean(np.equal(read, labels)),
    "00-4": "B",
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answer_is_accepted(name):
    helpers.assert_accepted(name, RIGHT[name])


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("00-1", lambda k, modules: modules + k, "(1, 4): expected 7, rec"),
        ("00-1", lambda k, modules: 2 * modules, "received 8"),
        ("00-2", "b", "'b' is not it"),
        ("00-3", lambda read, labels: 4, "expected 1.0, received 4"),
        ("00-3", lambda read, labels: None, "received None"),
        (
            "00-3",
            lambda read, labels: float(sum(np.equal(read, labels)) / 4),
            "expected 0.2, received 0.25",
        ),
        ("00-4", "a", "'a' is not it"),
        ("00-4", 2, "Expected one letter"),
    ],
)
def test_wrong_answer_is_told_what_is_wrong(name, answer, message):
    helpers.assert_refused(name, answer, message)


def test_lesson_has_four_exercises():
    assert [n for n in EXERCISES if n.startswith("00")] == list(RIGHT)
