"""Right answers to lesson 04 are accepted, wrong ones get a telling hint."""

from dni_lesson.exercises import EXERCISES
from dni_lesson.gradients import agreement

import helpers
import numpy as np
import pytest

RIGHT = {
    "04-1": lambda true, synthetic: agreement(true, synthetic)["cosine"],
    "04-2": lambda true, synthetic: agreement(true, synthetic)[
        "sign_agreement"
    ],
    "04-3": "b",
    "04-4": "b",
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answer_is_accepted(name):
    helpers.assert_accepted(name, RIGHT[name])


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("04-1", lambda a, b: np.ravel(a) @ np.ravel(b), "expected 1 (the s"),
        (
            "04-1",
            lambda a, b: np.ravel(a) @ np.ravel(b) / np.linalg.norm(a) ** 2,
            "length does not matter",
        ),
        ("04-1", lambda a, b: None, "received None"),
        (
            "04-2",
            lambda a, b: np.mean(np.sign(a) == np.sign(b)),
            "a true zero is left out",
        ),
        (
            "04-2",
            lambda a, b: np.mean((a * b)[a != 0] >= 0),
            "a predicted zero has no right sign",
        ),
        ("04-3", "a", "'a' is not it"),
        ("04-4", "c", "'c' is not it"),
        ("04-4", "local", "Expected one letter"),
    ],
)
def test_wrong_answer_is_told_what_is_wrong(name, answer, message):
    helpers.assert_refused(name, answer, message)


def test_lesson_has_four_exercises():
    assert [n for n in EXERCISES if n.startswith("04")] == list(RIGHT)
