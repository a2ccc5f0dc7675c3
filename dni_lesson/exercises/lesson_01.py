"""The exercises of lesson 01."""

from dni_lesson import speed
from dni_lesson.exercises.exercise import (
    Exercise,
    Wrong,
    choice,
    is_close,
    number,
)
from dni_lesson.timetable import timetable


def _judge_idle(idle_locked):
    for forward, backward, delay in (
        ([1, 1, 1, 1], [2, 2, 2, 2], 0),
        ([1, 2], [2, 3], 1),
        ([1, 1, 1], [2, 2, 2], 0.5),
    ):
        events = timetable("locked", forward, backward, link_delay=delay)
        expected = speed.idle_fraction(events)
        received = idle_locked(forward, backward, delay)
        _compare("idle_locked", (forward, backward, delay), expected, received)


def _judge_bound(bound):
    for forward, backward, predictor in (
        ([1, 1], [2, 2], [0, 0]),
        ([1, 1], [2, 2], [3, 0]),
        ([3, 1, 1], [3, 2, 2], [1, 1, 0]),
        ([1, 3, 1], [1, 3, 1], [9, 0, 0]),
    ):
        expected = speed.max_speedup(forward, backward, predictor)
        received = bound(forward, backward, predictor)
        _compare("bound", (forward, backward, predictor), expected, received)


def _compare(name, arguments, expected, received):
    if not is_close(received, expected):
        called = ", ".join(map(str, arguments))
        raise Wrong(
            f"{name}({called}): expected {expected:.4g}, received {received!r}."
        )


EXERCISES = (
    Exercise(
        "01-1",
        choice("b"),
        hints=(
            "Go through the three definitions one by one. What must have "
            "happened before the loss can send anything?",
            "The loss needs the output of the last module, so all modules must "
            "have run forward. Must any have run backward?",
            "No module waits for another's backward pass: that lock is open, "
            "the other two are not.",
        ),
        because="The loss exists only after the last forward pass, so forward "
        "and update stay locked; nobody waits for a backward pass.",
    ),
    Exercise(
        "01-2",
        number(0.75, tolerance=0.001),
        hints=(
            "At any one moment, how many of the four work?",
            "Exactly one. So how many of four wait?",
            "Three of four: write it as a number between 0 and 1.",
        ),
        because="One works while three wait, all the time.",
    ),
    Exercise(
        "01-3",
        _judge_idle,
        hints=(
            "Each of the K - 1 boundaries is crossed twice in a step: once by "
            "activations going up, once by a gradient coming down.",
            "A step takes work + 2 * (workers - 1) * link_delay. In that time "
            "the workers could have done workers * step.",
            "idle = 1 - work / (workers * step)",
        ),
        because="Without delay this is (K - 1) / K, whatever the costs; each "
        "delay only adds to the waiting.",
    ),
    Exercise(
        "01-4",
        _judge_bound,
        hints=(
            "The numerator is the work of one worker that trains by backprop: "
            "it needs no predictors.",
            "Every worker does f + b + s for each mini-batch. All must keep "
            "pace with the slowest of them.",
            "slowest = max(f + b + s for f, b, s in "
            "zip(forward, backward, predictor))",
        ),
        because="A chain of workers moves at the pace of the slowest one.",
    ),
)
