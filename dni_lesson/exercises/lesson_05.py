"""The exercises of lesson 05."""

from dni_lesson.exercises.exercise import Exercise, cases, choice, number
from dni_lesson.schedules.speed import needed_delay


def _pace(seconds, updates, backprop_seconds, backprop_updates):
    return (updates / seconds) / (backprop_updates / backprop_seconds)


_PACES = [
    ((2.0, 40, 1.0, 40), _pace, "the same updates in twice the time"),
    ((1.0, 8, 1.0, 40), _pace, "a fifth of the updates in the same time"),
    ((0.5, 8, 1.0, 40), _pace, "a fifth of the updates in half the time"),
    ((3.0, 90, 2.0, 20), _pace, "more updates in more time"),
]
_DELAYS = [
    (arguments, needed_delay, what)
    for *arguments, what in (
        (3, [1, 1], [2, 2], [0, 0], "two equal modules, free predictors"),
        (3, [1, 1], [2, 2], [1, 0], "a predictor of 1 on the first"),
        (5, [1, 2, 1], [2, 2, 2], [1, 1, 0], "three modules"),
        (4, [5, 1, 1], [1, 6, 2], [0, 1, 0], "long forward below, long above"),
        (3, [1, 4], [2, 8], [5, 0], "a costly predictor on the lesser one"),
        (1, [4, 4], [4, 4], [0, 0], "no delay is needed"),
    )
]


EXERCISES = (
    Exercise(
        "05-1",
        number(
            0.41,
            tolerance=0.01,
            wrong={
                0.2: "That is the chance of one layer to be updated.",
                0.8: "That is the chance of one layer to be left alone. Here "
                "there are four.",
                0.0016: "That is the chance that all four are updated.",
                0: "Then in each iteration some layer would be drawn. But each "
                "draw may fail, and all four may fail at once.",
            },
        ),
        hints=(
            "A layer is left alone with probability 1 - p, whatever happens to "
            "the others.",
            "Chances of things that do not depend on each other multiply.",
            "Multiply the chance to be left alone, once for each layer.",
        ),
        because="0.8 ** 4 = 0.41: two iterations of five do nothing at all, "
        "and cost next to nothing.",
    ),
    Exercise(
        "05-2",
        cases("per_update", _PACES),
        hints=(
            "A pace is a number of layer-updates divided by the seconds that "
            "they took.",
            "Backprop's pace stands there already; the arm's has the same "
            "form.",
            "Write the line above once more, for the arm; and take out the "
            "line that raises.",
        ),
        because="Skipped layers lower the updates as much as the seconds, so "
        "skipping gains nothing in this currency.",
    ),
    Exercise(
        "05-3",
        choice(
            "c",
            {
                "a": "Predictors are what is new, so one expects the gain "
                "there. But they are work that backprop does not have.",
                "b": "Calls of their own sound like independence. But on one "
                "device each of them repeats the forward pass.",
                "d": "A clock that counts bookkeeping does flatter the other "
                "side. But bookkeeping is only a part of a step.",
            },
        ),
        hints=(
            "Predictors and separate calls are extra work: can they raise a "
            "speed?",
            "Bookkeeping costs a part of a step. What does leaving out four of "
            "five layer-updates save?",
            "Which of the four leaves out most of the work of an iteration?",
        ),
        because="Predictors and calls make it slower; what raises the number "
        "most is work that is not done.",
    ),
    Exercise(
        "05-4",
        cases("delay_for", _DELAYS),
        hints=(
            "Decoupled workers need as long as the slowest of them, whatever "
            "the delay. Locked ones are to need `speedup` times as long.",
            "A worker does forward + backward + predictor for a mini-batch; "
            "take the largest of these sums.",
            "`zip(forward, backward, predictor)` gives the costs of one worker "
            "after another. The largest sum, `speedup` times, is the step.",
        ),
        because="The longer the link, the better decoupling looks, because "
        "locked workers wait for it twice at every boundary.",
    ),
)
