"""What workers must keep in memory, counted in the events of a timetable."""

from typing import NamedTuple

_BACKWARD = ("backward", "synthetic backward", "weight gradient")


class Held(NamedTuple):
    """The most that each worker holds at one moment, in micro-batches.

    Attributes:
        activations: List of integers: from the forward pass until the backward
            pass, gradients of weights included, has used them.
        outputs: List of integers: outputs of a module that were used, but from
            whose gradient its predictor has yet to learn.
        inputs: List of integers: what the worker below has sent but this one
            has not begun, on the link or in a queue.
    """

    activations: list
    outputs: list
    inputs: list


def held(events):
    """Returns how much workers hold at most: activations, outputs, inputs.

    Where mini-batches are split into M, divide by M: then the unit is what a
    worker holds of one mini-batch. Weights are not counted; each mini-batch
    under way in `"async-1f1b"` needs a version of them too.

    Args:
        events: List of `Event`, from `timetable`.

    Returns:
        `Held`, with one entry for each worker, from the input.

    Example:

    >>> from dni_lesson.schedules import timetable
    >>> costs = {"forward": [1, 1, 1], "backward": [2, 2, 2]}
    >>> held(timetable("gpipe", **costs, microbatches=8)).activations
    [8, 8, 8]
    >>> held(timetable("1f1b", **costs, microbatches=8)).activations
    [3, 2, 1]
    """
    forward, backward, predictor = {}, {}, {}
    for event in events:
        key = event.worker, event.minibatch, event.microbatch
        if event.phase == "forward":
            forward[key] = event
        elif event.phase == "predictor":
            predictor[key] = event
        elif event.phase in _BACKWARD:
            backward[key] = event
    spans = [[], [], []]
    for key, event in forward.items():
        worker, *job = key
        spans[0].append((worker, event.start, backward[key].end))
        if key in predictor:
            spans[1].append((worker, backward[key].end, predictor[key].end))
        if (worker - 1, *job) in forward:
            sent = forward[worker - 1, *job].end
            spans[2].append((worker, sent, event.start))
    workers = sorted({event.worker for event in events})
    return Held(*([_peak(part, k) for k in workers] for part in spans))


def _peak(spans, worker):
    """Returns how many spans of a worker there are at most at one moment."""
    changes = sorted(
        change
        for k, start, end in spans
        if k == worker
        for change in ((start, 1), (end, -1))
    )
    number = most = 0
    for _, change in changes:
        number += change
        most = max(most, number)
    return most
