"""The exercises of lesson 00."""

from dni_lesson.exercises.exercise import Exercise, cases, choice

import numpy as np

_WAITS = [
    ((k, modules), 2 * modules - k)
    for k, modules in ((1, 4), (3, 4), (4, 4), (2, 10))
]
_READINGS = [
    ((np.array(readings), np.array(labels)), share)
    for readings, labels, share in (
        ([7, 2, 1, 0], [7, 2, 1, 0], 1),
        ([7, 2, 1, 0], [7, 3, 1, 4], 0.5),
        ([1, 1, 1, 1, 1], [0, 0, 0, 0, 1], 0.2),
        ([3, 0, 0], [0, 3, 1], 0),
    )
]


EXERCISES = (
    Exercise(
        "00-1",
        cases("waits_for", _WAITS),
        hints=(
            "The modules above module k are k + 1, k + 2, ... up to the last.",
            "With four modules, three stand above module 1 and none above "
            "module 4.",
            "How many numbers stand from k + 1 up to `modules`? Put that count "
            "in the gap, and take out the line that raises.",
        ),
        because="All modules run forward, then those above run backward: "
        "the lower the module, the longer its wait.",
    ),
    Exercise(
        "00-2",
        choice(
            "a",
            {
                "b": "The predictors know nothing yet, that is true. But who "
                "asks them while a digit is only read?",
                "c": "Luck chose the weights. But it chose once: both networks "
                "begin with the same ones.",
            },
        ),
        hints=(
            "Do the predictors take part when a digit is only read?",
            "A predictor acts in the backward pass. Is there one here?",
            "Both have the same weights. What else could make a reading "
            "differ?",
        ),
        because="Before training both are the same function: predictors act "
        "in the backward pass only.",
    ),
    Exercise(
        "00-3",
        cases("accuracy", _READINGS),
        hints=(
            "`readings == labels` compares the arrays entry by entry.",
            "True counts as 1 and False as 0: the mean is the share.",
            "`np.mean` takes an array of True and False as well. Return what "
            "it says of the comparison.",
        ),
        because="The mean of the comparisons is the share of right readings.",
    ),
    Exercise(
        "00-4",
        choice(
            "b",
            {
                "a": "That would be so if the gap stayed as it was after three "
                "epochs. It has changed from epoch to epoch.",
                "c": "The label helps a predictor. But the best that it can "
                "predict is the gradient that backprop has anyway.",
            },
        ),
        hints=(
            "After three epochs cDNI was behind. Is the gap growing or "
            "shrinking from epoch to epoch?",
            "The predictors get better with every gradient that they see.",
            "The two end so close that another seed may change their order.",
        ),
        because="The gap closes. Which of the two ends ahead by a few digits "
        "depends on the seed.",
    ),
)
