"""The exercises of lesson 05."""

from dni_lesson.exercises.exercise import (
    Exercise,
    Wrong,
    choice,
    is_close,
    number,
)
from dni_lesson.speed import needed_delay


def _judge_per_update(per_update):
    for seconds, updates, backprop_seconds, backprop_updates, what in (
        (2.0, 40, 1.0, 40, "the same updates in twice the time"),
        (1.0, 8, 1.0, 40, "a fifth of the updates in the same time"),
        (0.5, 8, 1.0, 40, "a fifth of the updates in half the time"),
        (3.0, 90, 2.0, 20, "more updates in more time"),
    ):
        arguments = (seconds, updates, backprop_seconds, backprop_updates)
        expected = (updates / seconds) / (backprop_updates / backprop_seconds)
        received = per_update(*arguments)
        _compare("per_update", arguments, expected, received, what)


def _judge_delay(delay_for):
    for speedup, forward, backward, predictor, what in (
        (3, [1, 1], [2, 2], [0, 0], "two equal modules, free predictors"),
        (3, [1, 1], [2, 2], [1, 0], "a predictor of 1 on the first"),
        (5, [1, 2, 1], [2, 2, 2], [1, 1, 0], "three modules"),
    ):
        arguments = (speedup, forward, backward, predictor)
        expected = needed_delay(*arguments)
        received = delay_for(*arguments)
        _compare("delay_for", arguments, expected, received, what)


def _compare(name, arguments, expected, received, what):
    if not is_close(received, expected):
        called = ", ".join(map(str, arguments))
        raise Wrong(
            f"{name}({called}): expected {expected:.4g} ({what}), received "
            f"{received!r}."
        )


EXERCISES = (
    Exercise(
        "05-1",
        number(0.41, tolerance=0.01),
        hints=(
            "A layer is left alone with probability 1 - p, whatever happens to "
            "the others.",
            "All four are left alone with probability (1 - p) to the power of "
            "four.",
            "0.8 * 0.8 * 0.8 * 0.8",
        ),
        because="0.8 ** 4 = 0.41: two iterations of five do nothing at all, "
        "and cost next to nothing.",
    ),
    Exercise(
        "05-2",
        _judge_per_update,
        hints=(
            "A pace is a number of layer-updates divided by the seconds that "
            "they took.",
            "Backprop's pace stands there already; the arm's has the same "
            "form.",
            "pace = updates / seconds, and no exception after it.",
        ),
        because="Skipped layers lower the updates as much as the seconds, so "
        "skipping gains nothing in this currency.",
    ),
    Exercise(
        "05-3",
        choice("c"),
        hints=(
            "Predictors and separate calls are extra work: can they raise a "
            "speed?",
            "Bookkeeping costs a part of a step. What does leaving out four of "
            "five layer-updates save?",
            "Work that is not done takes no time: look at p.",
        ),
        because="Predictors and calls make it slower; what raises the number "
        "most is work that is not done.",
    ),
    Exercise(
        "05-4",
        _judge_delay,
        hints=(
            "Decoupled workers need as long as the slowest of them, whatever "
            "the delay. Locked ones are to need `speedup` times as long.",
            "A worker does forward + backward + predictor for a mini-batch; "
            "take the largest of these sums.",
            "slowest = max(map(sum, zip(forward, backward, predictor))), then "
            "locked = speedup * slowest",
        ),
        because="The longer the link, the better decoupling looks, because "
        "locked workers wait for it twice at every boundary.",
    ),
)
