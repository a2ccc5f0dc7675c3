"""The exercises of lesson 04."""

from dni_lesson.exercises.exercise import (
    Exercise,
    Wrong,
    choice,
    is_close,
)

import numpy as np


def _compare(name, function, cases):
    """Raises `Wrong` where a function of two arrays gives no right number."""
    for true, synthetic, expected, what in cases:
        received = function(np.array(true), np.array(synthetic))
        if not is_close(received, expected):
            raise Wrong(
                f"{name}({true}, {synthetic}): expected {expected:g} ({what}), "
                f"received {received!r}."
            )


def _judge_cosine(cosine):
    cases = (
        ([3.0, 4.0], [3.0, 4.0], 1.0, "the same direction"),
        ([3.0, 4.0], [6.0, 8.0], 1.0, "length does not matter"),
        ([3.0, 4.0], [-4.0, 3.0], 0.0, "at right angles"),
        ([[3.0], [4.0]], [[-3.0], [-4.0]], -1.0, "opposite, any shape"),
        ([3.0, 4.0], [1.0, 0.0], 0.6, "3 / 5"),
    )
    _compare("cosine", cosine, cases)


def _judge_sign_agreement(sign_agreement):
    cases = (
        ([1.0, -2.0, 3.0, -4.0], [9.0, -9.0, 9.0, -9.0], 1.0, "all signs"),
        ([1.0, -2.0, 3.0, -4.0], [1.0, 2.0, -3.0, 4.0], 0.25, "one of four"),
        ([1.0, 0.0, -1.0], [1.0, 0.0, 1.0], 0.5, "a true zero is left out"),
        ([1.0, -1.0], [0.0, 0.0], 0.0, "a predicted zero has no right sign"),
    )
    _compare("sign_agreement", sign_agreement, cases)


EXERCISES = (
    Exercise(
        "04-1",
        _judge_cosine,
        hints=(
            "`np.linalg.norm(true)` is the length of `true`.",
            "`lengths` is one number: the length of `true` times that of "
            "`synthetic`.",
            "lengths = np.linalg.norm(true) * np.linalg.norm(synthetic), and "
            "no exception after it.",
        ),
        because="Dividing by both lengths leaves the direction alone.",
    ),
    Exercise(
        "04-2",
        _judge_sign_agreement,
        hints=(
            "`np.sign` gives -1, 0 or 1 for each value of an array.",
            "`same` is an array of True and False: compare the signs with ==.",
            "same = np.sign(true) == np.sign(synthetic), and no exception "
            "after it.",
        ),
        because="Half is chance; a prediction of zero agrees nowhere.",
    ),
    Exercise(
        "04-3",
        choice("b"),
        hints=(
            "Who sees the true loss: the module below or above a boundary?",
            "The predictor at boundary 1 learns from the prediction at "
            "boundary 2, that one from boundary 3.",
            "Only at the boundary next to the loss is the target the true "
            "gradient.",
        ),
        because="Next to the loss the predictor learns from the true gradient; "
        "further down from predictions.",
    ),
    Exercise(
        "04-4",
        choice("b"),
        hints=(
            "Boundary 1 is only one of three; what about boundary 3?",
            "A weight's gradient sums over many examples and steps: what is "
            "common adds up.",
            "Module 3 gets gradients that agree a little; local gives none.",
        ),
        because="Low agreement slows learning, and costs accuracy against "
        "cDNI, but it does not stop it.",
    ),
)
