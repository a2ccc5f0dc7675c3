"""The exercises of lesson 00."""

from dni_lesson.exercises.exercise import (
    Exercise,
    Wrong,
    choice,
    is_close,
)


def _judge_waits(waits_for):
    for k, modules in ((1, 4), (3, 4), (4, 4), (2, 10)):
        expected = 2 * modules - k
        received = waits_for(k, modules)
        if received != expected:
            raise Wrong(
                f"waits_for({k}, {modules}): expected {expected}, "
                f"received {received!r}."
            )


def _judge_accuracy(accuracy):
    cases = (
        ([7, 2, 1, 0], [7, 2, 1, 0], 1.0),
        ([7, 2, 1, 0], [7, 3, 1, 4], 0.5),
        ([1, 1, 1, 1, 1], [0, 0, 0, 0, 1], 0.2),
    )
    for readings, labels, expected in cases:
        received = accuracy(readings, labels)
        if not is_close(received, expected):
            raise Wrong(
                f"accuracy({readings}, {labels}): expected {expected}, "
                f"received {received!r}."
            )


EXERCISES = (
    Exercise(
        "00-1",
        _judge_waits,
        hints=(
            "The modules above module k are k + 1, k + 2, ... up to the last.",
            "With four modules, three stand above module 1 and none above "
            "module 4.",
            "backward = modules - k, and no exception after it.",
        ),
        because="All modules run forward, then those above run backward: "
        "the lower the module, the longer its wait.",
    ),
    Exercise(
        "00-2",
        choice("a"),
        hints=(
            "Do the predictors take part when a digit is only read?",
            "A predictor acts in the backward pass. Is there one here?",
            "Same weights, same forward pass: the same readings.",
        ),
        because="Before training both are the same function: predictors act "
        "in the backward pass only.",
    ),
    Exercise(
        "00-3",
        _judge_accuracy,
        hints=(
            "`readings == labels` compares the arrays entry by entry.",
            "True counts as 1 and False as 0: the mean is the share.",
            "return np.mean(readings == labels)",
        ),
        because="The mean of the comparisons is the share of right readings.",
    ),
    Exercise(
        "00-4",
        choice("b"),
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
