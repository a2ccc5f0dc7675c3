"""Tests of the exercises of lesson 02: right answers and typical slips."""

from dni_lesson.exercises import check
from dni_lesson.exercises.lesson_02 import EXERCISES

import numpy as np
import pytest


def answer(capsys, exercise, value):
    check(exercise, value)
    return capsys.readouterr().out


def step(weights, seen, target, rate):
    error = seen @ weights - target
    return weights - rate * seen.T @ error / len(seen)


RIGHT = {
    "02-1": lambda h, y, w2: w2 * (w2 * h - y),
    "02-2": step,
    "02-3": "C",
    "02-4": 3,
}


@pytest.mark.parametrize("exercise", RIGHT)
def test_the_right_answer_is_accepted(exercise, capsys):
    out = answer(capsys, exercise, RIGHT[exercise])
    assert out.startswith(f"Exercise {exercise}: right. ")


@pytest.mark.parametrize(
    ("wrong", "telling"),
    [
        (lambda h, y, w2: w2 * h - y, "the gradient above module 2"),
        (lambda h, y, w2: h * (w2 * h - y), "dL/dw2"),
        (lambda h, y, w2: -w2 * (w2 * h - y), "the sign is not"),
        (lambda h, y, w2: 2 * w2 * (w2 * h - y), "twice too large"),
        (lambda h, y, w2: 0, "nudging h says 3"),
        (lambda h, y, w2: None, "Expected a number"),
    ],
)
def test_a_wrong_gradient_is_explained(wrong, telling, capsys):
    assert telling in answer(capsys, "02-1", wrong)


def scaled(factor):
    def wrong(weights, seen, target, rate):
        return weights + factor * (step(weights, seen, target, rate) - weights)

    return wrong


@pytest.mark.parametrize(
    ("wrong", "telling"),
    [
        (scaled(-1), "sign is turned round"),
        (scaled(4), "the sum over the batch"),
        (scaled(2), "twice too large"),
        (scaled(0.7), "The first value of your gradient"),
        (lambda w, s, t, r: np.zeros(4), "you return the shape (4,)"),
    ],
)
def test_a_wrong_step_is_explained(wrong, telling, capsys):
    assert telling in answer(capsys, "02-2", wrong)


def test_wrong_predictions_earn_hints(capsys):
    assert "'a' is not it. Hint 1 of 3" in answer(capsys, "02-3", "a")
    assert "1 is too small. Hint 1 of 3" in answer(capsys, "02-4", 1)


def test_there_are_four_exercises_with_three_hints():
    assert [one.name for one in EXERCISES] == list(RIGHT)
    assert all(len(one.hints) == 3 for one in EXERCISES)
