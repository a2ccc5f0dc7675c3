"""The exercises of lesson 04."""

from dni_lesson.exercises.exercise import Exercise, cases, choice

import numpy as np


def _of_arrays(*rows):
    """Returns rows for `cases`, with the two lists as arrays."""
    return [
        ((np.array(true), np.array(synthetic)), expected, what)
        for true, synthetic, expected, what in rows
    ]


_COSINES = _of_arrays(
    ([3.0, 4.0], [3.0, 4.0], 1, "the same direction"),
    ([3.0, 4.0], [6.0, 8.0], 1, "length does not matter"),
    ([3.0, 4.0], [-4.0, 3.0], 0, "at right angles"),
    ([[3.0], [4.0]], [[-3.0], [-4.0]], -1, "opposite, any shape"),
    ([3.0, 4.0], [1.0, 0.0], 0.6, "3 / 5"),
)
_SIGNS = _of_arrays(
    ([1.0, -2.0, 3.0, -4.0], [9.0, -9.0, 9.0, -9.0], 1, "all signs"),
    ([1.0, -2.0, 3.0, -4.0], [1.0, 2.0, -3.0, 4.0], 0.25, "one of four"),
    ([1.0, 0.0, -1.0], [1.0, 0.0, 1.0], 0.5, "a true zero is left out"),
    ([1.0, -1.0], [0.0, 0.0], 0, "a predicted zero has no right sign"),
)


EXERCISES = (
    Exercise(
        "04-1",
        cases("cosine", _COSINES),
        hints=(
            "`np.linalg.norm(true)` is the length of `true`.",
            "`lengths` is one number: the length of `true` times that of "
            "`synthetic`.",
            "Write `np.linalg.norm` twice, once for each gradient, with a * "
            "between; and take out the line that raises.",
        ),
        because="Dividing by both lengths leaves the direction alone.",
    ),
    Exercise(
        "04-2",
        cases("sign_agreement", _SIGNS),
        hints=(
            "`np.sign` gives -1, 0 or 1 for each value of an array.",
            "`same` is an array of True and False: compare the signs with ==.",
            "Take `np.sign` of each gradient, and compare the two arrays, not "
            "the gradients; and take out the line that raises.",
        ),
        because="Half is chance; a prediction of zero agrees nowhere.",
    ),
    Exercise(
        "04-3",
        choice(
            "b",
            {
                "a": "There the predictor is nearest to the digit. But a "
                "prediction is as good as what it was taught, too.",
                "c": "All predictors have the same form. But each has another "
                "teacher: it learns from what the module above sends down.",
            },
        ),
        hints=(
            "Who sees the true loss: the module below or above a boundary?",
            "The predictor at boundary 1 learns from the prediction at "
            "boundary 2, that one from boundary 3.",
            "A prediction of a prediction is worse than one of the truth. "
            "Where is the target the truth?",
        ),
        because="Next to the loss the predictor learns from the true gradient; "
        "further down from predictions.",
    ),
    Exercise(
        "04-4",
        choice(
            "b",
            {
                "a": "At boundary 1 the predictions do look useless. But there "
                "are other boundaries, and a weight hears many examples.",
                "c": "Wrong gradients do harm if they push the same way again "
                "and again. What if they err in another way each time?",
            },
        ),
        hints=(
            "Boundary 1 is only one of three; what about boundary 3?",
            "A weight's gradient sums over many examples and steps: what is "
            "common adds up.",
            "Compare what module 3 gets under the three rules.",
        ),
        because="Low agreement slows learning, and costs accuracy against "
        "cDNI, but it does not stop it.",
    ),
)
