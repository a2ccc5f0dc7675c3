"""How fast the workers of a timetable are, and how fast they could ever be.

Events, of a timetable or of a measured run, are made into numbers: the time of
a step, what each module costs, how much of the time workers wait. Costs alone
say how much decoupling can gain. All of it is arithmetic, in any unit of time.
"""

import itertools
import statistics
from collections.abc import Iterable

from dni_lesson.checks import check_costs, check_positive, check_that
from dni_lesson.schedules.cuts import best_cut, join
from dni_lesson.schedules.timetable import Event

# "Over 3-fold faster": the speed-up that the course examines.
CLAIM = 3.0

_BACKWARD = ("synthetic backward", "input gradient")


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
        A list of integers, one for each `"predictor"` event: how many updates
        the module has made since it updated itself on this mini-batch.
    """
    events = _check_events(events, at_least=0)
    updates = {}  # From module to its updates.
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


def mean_costs(events):
    """Returns the mean duration of each phase, worker by worker.

    Where the two gradients of a backward pass come apart, it costs both.

    Args:
        events: List of `Event`, for instance `AsyncHistory.events`.

    Returns:
        Three lists of floats, `forward`, `backward` and `predictor`, in the
        unit of the events, with one entry for each worker, from the input. A
        phase without events costs 0. In a run of `fit_async` that is the last
        module's forward pass, which is part of its `"backward"` event;
        `timetable` wants a cost > 0 there. With micro-batches the costs are
        those of one micro-batch.

    Example:

    >>> from dni_lesson.schedules.timetable import timetable
    >>> mean_costs(timetable("decoupled", [1, 1], [2, 3], [1, 0]))
    ([1.0, 1.0], [2.0, 3.0], [1.0, 0.0])
    """
    durations = {}  # From worker and phase to the durations of its events.
    for event in events:
        phase = "backward" if event.phase in _BACKWARD else event.phase
        key = event.worker, phase
        durations.setdefault(key, []).append(event.end - event.start)
    means = {key: statistics.fmean(values) for key, values in durations.items()}
    workers = sorted({event.worker for event in events})
    return tuple(
        [sum(means.get((k, phase), 0.0) for phase in phases) for k in workers]
        for phases in (
            ("forward",),
            ("backward", "weight gradient"),
            ("predictor",),
        )
    )


def at_once(events):
    """Returns the share of the run in which two or more workers are at work.

    Args:
        events: List of `Event`, at least one.

    Example:

    >>> from dni_lesson.schedules.timetable import timetable
    >>> at_once(timetable("locked", [1, 1], [2, 2]))
    0.0
    """
    changes = sorted(
        change
        for event in events
        for change in ((event.start, 1), (event.end, -1))
    )
    shared_time, working = 0.0, 0
    for (time, change), (next_time, _) in itertools.pairwise(changes):
        working += change
        shared_time += (next_time - time) * (working > 1)
    return shared_time / (changes[-1][0] - changes[0][0])


def max_speedup(forward, backward, predictor=None, workers=None):
    """Returns the most that decoupling can gain over one worker.

    One worker that trains by backprop needs `sum(forward + backward)` for a
    mini-batch. Decoupled workers are as slow as the slowest of them, which
    does `forward + backward + predictor` for its part. The bound is one for
    workers that share the modules out and run both passes of their own: copies
    of the network, or passes on different workers, may gain more.

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
    checked = list(events) if isinstance(events, Iterable) else [None]
    are_events = all(isinstance(event, Event) for event in checked)
    check_that(
        are_events and len(checked) >= at_least,
        "events",
        events,
        f"{at_least} or more `Event`s, as from `timetable`",
    )
    return checked


def _slowest(costs):
    return max(map(sum, zip(*costs, strict=True)))
