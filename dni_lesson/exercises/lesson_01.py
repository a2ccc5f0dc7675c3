"""The exercises of lesson 01."""

from dni_lesson.exercises.exercise import Exercise, cases, choice, number
from dni_lesson.schedules import speed
from dni_lesson.schedules.timetable import timetable


def _idle(forward, backward, delay):
    events = timetable("locked", forward, backward, link_delay=delay)
    return speed.idle_fraction(events)


_LOCKED = [
    (([1, 1, 1, 1], [2, 2, 2, 2], 0), _idle),
    (([1, 2], [2, 3], 1), _idle),
    (([1, 1, 1], [2, 2, 2], 0.5), _idle),
    (([3, 1, 1, 2], [1, 4, 2, 2], 2), _idle),
]
_BOUNDS = [
    (([1, 1], [2, 2], [0, 0]), speed.max_speedup),
    (([1, 1], [2, 2], [3, 0]), speed.max_speedup),
    (([3, 1, 1], [3, 2, 2], [1, 1, 0]), speed.max_speedup),
    (([1, 3, 1], [1, 3, 1], [9, 0, 0]), speed.max_speedup),
    (([4, 1, 1], [1, 6, 1], [0, 2, 0]), speed.max_speedup),
]


EXERCISES = (
    Exercise(
        "01-1",
        choice(
            "b",
            {
                "a": "Then nothing would have changed. But a module no longer "
                "needs what those above it compute on the way back.",
                "c": "Its own forward pass is behind a module, that is true. "
                "But is the loss there as soon as this module has run?",
                "d": "Then a module could start before its input is there.",
            },
        ),
        hints=(
            "Go through the three definitions one by one. What must have "
            "happened before the loss can send anything?",
            "The loss needs the output of the last module, so all modules must "
            "have run forward. Must any have run backward?",
            "Ask of each lock: does a module still wait for it, if gradients "
            "need not pass the modules in between?",
        ),
        because="The loss exists only after the last forward pass, so forward "
        "and update stay locked; nobody waits for a backward pass.",
    ),
    Exercise(
        "01-2",
        number(
            0.75,
            tolerance=0.001,
            wrong={
                0: "Then all four would work all the time: each needs what "
                "another has put out.",
                0.25: "What does a worker do in that share of the time?",
                0.5: "Then two of the four would work at any one moment.",
                1: "Then nobody would ever work.",
                3: "That may be a number of workers; the answer is a fraction.",
            },
        ),
        hints=(
            "At any one moment, how many of the four work?",
            "The next begins when the one before has ended. So how many of "
            "four wait?",
            "Divide those who wait by all of them: a number between 0 and 1.",
        ),
        because="One works while three wait, all the time.",
    ),
    Exercise(
        "01-3",
        cases("idle_locked", _LOCKED),
        hints=(
            "Each of the K - 1 boundaries is crossed twice in a step: once by "
            "activations going up, once by a gradient coming down.",
            "In a step all the work is done once, and every message travels "
            "once. Nobody does two things at a time.",
            "A step is the work, plus one link delay for each message: count "
            "the messages from the number of workers.",
        ),
        because="Without delay this is (K - 1) / K, whatever the costs; each "
        "delay only adds to the waiting.",
    ),
    Exercise(
        "01-4",
        cases("bound", _BOUNDS),
        hints=(
            "The numerator is the work of one worker that trains by backprop: "
            "it needs no predictors.",
            "Every worker does f + b + s for each mini-batch. All must keep "
            "pace with the slowest of them.",
            "`zip(forward, backward, predictor)` gives the three costs of one "
            "worker after another. Add them up, then take the largest sum.",
        ),
        because="A chain of workers moves at the pace of the slowest one.",
    ),
)
