"""How fast the workers of a timetable are, and how fast they could ever be.

A timetable shows every event; these functions say in one number what it means.
Like the timetable they are plain arithmetic: costs may be seconds or counts.
"""

import statistics
from collections.abc import Iterable

from dni_lesson.checks import check_positive
from dni_lesson.schedules.cuts import best_cut, join
from dni_lesson.schedules.timetable import Event, check_costs

# "Over 3-fold faster": the speed-up that the course examines.
CLAIM = 3.0


def step_time(events):
    """Returns the time per mini-batch in the middle of a run.

    Decoupled workers may finish mini-batches in bunches, so this is the slope
    of a line through the times at which they are done. The first and the last
    quarter are left out, where workers wait for the first messages or have run
    out of work: with many mini-batches it is the time of an endless run.

    Args:
        events: List of `Event`, from `timetable`.
    """
    events = _check_events(events)
    done = {0: min(event.start for event in events)}
    for event in events:
        done[event.minibatch] = max(done.get(event.minibatch, 0.0), event.end)
    batches = sorted(done)
    middle = batches[len(done) // 4 : max(len(done) * 3 // 4, 1) + 1]
    times = [done[batch] for batch in middle]
    return statistics.linear_regression(middle, times).slope


def idle_fraction(events):
    """Returns the share of their time that workers wait, in a long run.

    Filling and emptying the pipeline is left out, as in `step_time`.

    Args:
        events: List of `Event`, from `timetable`.
    """
    events = _check_events(events)
    work = sum(event.end - event.start for event in events)
    workers = len({event.worker for event in events})
    minibatches = len({event.minibatch for event in events})
    busy = work / minibatches / (workers * step_time(events))
    return max(1 - busy, 0.0)  # The slope may be a hair too small.


def staleness(events):
    """Returns how old the gradients are from which predictors learn.

    Args:
        events: List of `Event`, from `timetable`.

    Returns:
        A list of integers, one for each `"predictor"` event: how many more
        updates the module has made since the one of this mini-batch.
    """
    events = _check_events(events, at_least=0)
    updates = {}
    for event in events:
        if event.phase == "synthetic backward":
            updates.setdefault(event.module, []).append(event)
    return [
        sum(
            update.minibatch > event.minibatch and update.start < event.start
            for update in updates[event.module]
        )
        for event in events
        if event.phase == "predictor"
    ]


def max_speedup(forward, backward, predictor=None, workers=None):
    """Returns the most that decoupling can gain over one worker.

    One worker that trains by backprop needs `sum(forward + backward)` for a
    mini-batch. Decoupled workers are as slow as the slowest of them, which
    does `forward + backward + predictor` for its part.

    Args:
        forward: Sequence of floats > 0, one cost per module.
        backward: Sequence of floats > 0.
        predictor: Sequence of floats >= 0, the last 0. Default: all 0.
        workers: Integer >= 1: at most so many share the modules, in the best
            cut. Default: one worker for each module.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> max_speedup([1, 1], [2, 2], [1, 0])
    1.5
    """
    costs = check_costs(forward, backward, predictor)
    one_worker = sum(costs[0]) + sum(costs[1])
    if workers is not None:
        costs = join(best_cut(*costs, workers), *costs)
    return one_worker / _slowest(costs)


def fewest_workers(speedup, forward, backward, predictor=None):
    """Returns how many workers a speed-up over one worker takes at least.

    Args:
        speedup: Float > 0, how many times as fast as one worker.
        forward, backward, predictor: As in `max_speedup`.

    Returns:
        Integer, or `None` if not even a worker for each module is enough.

    Example:

    >>> fewest_workers(3, [1] * 9, [2] * 9)
    3
    """
    speedup = check_positive("speedup", speedup)
    costs = check_costs(forward, backward, predictor)
    for workers in range(1, len(costs[0]) + 1):
        if max_speedup(*costs, workers=workers) >= speedup:
            return workers
    return None


def needed_delay(speedup, forward, backward, predictor=None):
    """Returns the link delay that makes decoupled workers so much faster.

    The comparison is with locked workers over the same cut. These pay two
    crossings of each boundary for a mini-batch, `sum(forward + backward) +
    2 * (K - 1) * delay` for K modules; decoupled workers hide them.

    Args:
        speedup: Float > 0, how many times as fast as locked workers.
        forward, backward, predictor: As in `max_speedup`, at least two modules.

    Returns:
        Float >= 0, in the units of the costs; 0 if no delay is needed.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> needed_delay(3, [1, 1], [2, 2], [1, 0])
    3.0
    """
    speedup = check_positive("speedup", speedup)
    costs = check_costs(forward, backward, predictor)
    crossings = 2 * (len(costs[0]) - 1)
    if crossings == 0:
        raise ValueError(
            "`forward`. Expected two or more modules, so that there is a link. "
            f"Received: forward={forward!r}"
        )
    work = sum(costs[0]) + sum(costs[1])
    return max(speedup * _slowest(costs) - work, 0.0) / crossings


def _check_events(events, at_least=1):
    found = list(events) if isinstance(events, Iterable) else None
    if (
        found is None
        or len(found) < at_least
        or not all(isinstance(one, Event) for one in found)
    ):
        raise ValueError(
            f"`events`. Expected {at_least} or more `Event`s, as from "
            f"`timetable`. Received: events={events!r}"
        )
    return found


def _slowest(costs):
    return max(map(sum, zip(*costs, strict=True)))
