"""How long a step of `fit_async` will take, from what its calls cost alone.

A timetable knows costs that stay what they are. On a machine they do not: a
call that runs beside others takes longer where cores are shared. How much of
its time a worker spends beside others the timetable itself says, so it is drawn
up again with the costs that it implies, until both agree.
"""

import itertools
import math

from dni_lesson.checks import (
    check_choice,
    check_costs,
    check_int,
    check_not_negative,
    check_positive,
    check_that,
)
from dni_lesson.schedules.speed import step_time
from dni_lesson.schedules.timetable import timetable

SCHEDULES = ("locked", "gpipe", "delayed", "decoupled")
_MINIBATCHES, _ROUNDS, _CLOSE = 120, 12, 1e-3


def forecast(
    schedule,
    forward,
    backward,
    predictor=None,
    *,
    crossing=0.0,
    bandwidth=None,
    message_bytes=None,
    cores=None,
    queue_size=8,
    microbatches=1,
):
    """Returns how long a step of workers will take.

    Args:
        schedule: String, one of those of `fit_async`.
        forward: Sequence of floats > 0, what a mini-batch costs each worker
            alone on the machine, from the input.
        backward: Sequence of floats > 0, of the backward pass and the update.
        predictor: Sequence of floats >= 0, the last 0. Default: all 0.
        crossing: Float >= 0, from the end of a call to the call of a neighbour
            that waits for its message; without what `bandwidth` adds. Default
            `0`.
        bandwidth: Float > 0, bytes that a link sends in a unit of time, in each
            direction. Default `None`: no limit.
        message_bytes: Sequence of floats >= 0, for each link the bytes of a
            mini-batch's message. Needed with `bandwidth`. Default `None`.
        cores: Float > 0, how many workers' work they do at once, see
            `workers.sharing`: each of n workers at work takes `n / cores` times
            as long, if that is more than 1. Default `None`: as many as there
            are workers.
        queue_size: Integer >= 1, how many mini-batches a decoupled or delayed
            worker may have under way. Default `8`.
        microbatches: Integer >= 1, the parts of a mini-batch; `"gpipe"` only.
            Default `1`.

    Returns:
        Float, in the unit of the costs.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> round(forecast("locked", [1, 1], [2, 2], crossing=3.0), 3)
    12.0
    >>> round(forecast("decoupled", [1, 1], [2, 2], cores=1.0), 1)
    6.0
    """
    check_choice("schedule", schedule, SCHEDULES)
    costs = check_costs(forward, backward, predictor)
    if schedule != "decoupled":
        costs = check_costs(forward, backward)
    crossing = check_not_negative("crossing", crossing)
    cores = math.inf if cores is None else check_positive("cores", cores)
    cores = max(cores, 1.0)
    queue_size = check_int("queue_size", queue_size, at_least=1)
    microbatches = check_int("microbatches", microbatches, at_least=1)
    sending = _sending(bandwidth, message_bytes, len(costs[0]) - 1)
    if schedule == "gpipe":
        return _flushed(costs, microbatches, cores, crossing, sending)
    queue = {"queue_size": queue_size} if schedule != "locked" else {}
    now, events = _settled(
        costs,
        cores,
        # Late gradients cost no time, only a longer queue.
        "decoupled" if queue else "locked",
        link_delay=crossing,
        bandwidth=bandwidth,
        message_bytes=message_bytes,
        **queue,
    )
    crossings = [crossing + seconds for seconds in sending]
    answered = _round_trip(schedule, now, crossings) / queue_size
    return max(step_time(events), answered)


def _settled(costs, cores, schedule, **links):
    """Returns the costs beside others and their timetable, that imply each
    other."""
    slower = [1.0] * len(costs[0])
    for _ in range(_ROUNDS):
        now = [
            [cost * slow for cost, slow in zip(phase, slower, strict=True)]
            for phase in costs
        ]
        events = timetable(schedule, *now, minibatches=_MINIBATCHES, **links)
        implied = beside_others(events, cores)
        # Half way: what one worker gains by being faster others may lose.
        step = [(b - a) / 2 for a, b in zip(slower, implied, strict=True)]
        if max(map(abs, step)) < _CLOSE:
            break
        slower = [a + b for a, b in zip(slower, step, strict=True)]
    return now, events


def beside_others(events, cores):
    """Returns how many times as long as alone the work of each worker takes.

    Args:
        events: List of `Event`.
        cores: Float >= 1: n workers at work have the speed of so many.

    Returns:
        List of floats >= 1, one for each worker.

    Example:

    >>> from dni_lesson.schedules.timetable import timetable
    >>> beside_others(timetable("locked", [1, 1], [2, 2]), 1.0)
    [1.0, 1.0]
    >>> round(beside_others(timetable("decoupled", [1, 1], [2, 2]), 1.0)[1], 1)
    1.8
    """
    workers = sorted({event.worker for event in events})
    changes = sorted(
        (time, change, event.worker)
        for event in events
        for time, change in ((event.start, 1), (event.end, -1))
    )
    took, done = dict.fromkeys(workers, 0.0), dict.fromkeys(workers, 0.0)
    working = set()
    for (time, change, worker), after in itertools.pairwise(changes):
        # Ends come before starts at the same time, so nobody is there twice.
        (working.add if change == 1 else working.discard)(worker)
        speed = min(cores / len(working), 1.0) if working else 1.0
        for one in working:
            took[one] += after[0] - time
            done[one] += (after[0] - time) * speed
    return [took[one] / done[one] for one in workers]


def _sending(bandwidth, message_bytes, links):
    """Returns how long a message keeps each link busy."""
    if bandwidth is None:
        return [0.0] * links
    bandwidth = check_positive("bandwidth", bandwidth)
    is_list = isinstance(message_bytes, list | tuple)
    check_that(
        is_list and len(message_bytes) == links,
        "message_bytes",
        message_bytes,
        f"bytes for each of {links} links",
    )
    return [
        check_not_negative("message_bytes", size) / bandwidth
        for size in message_bytes
    ]


def _flushed(costs, parts, cores, crossing, sending):
    """Returns the time of a mini-batch in parts, before the next one begins.

    Workers of `fit_async` go backward as soon as a gradient is there. So one
    part goes up and down alone, and while the slowest worker, all cores or the
    slowest link are at the others, no time is lost.
    """
    work = [sum(phases) for phases in zip(*costs, strict=True)]
    slowest = max(*work, sum(work) / cores, *sending)
    alone = sum(work) + 2 * sum(sending) + (parts - 1) * slowest
    return alone / parts + 2 * len(sending) * crossing


def _round_trip(schedule, costs, crossings):
    """Returns the longest time from a worker's start on a mini-batch to the
    gradient that answers it, of schedules that have a queue for them."""
    passes = [f + b for f, b in zip(*costs[:2], strict=True)]
    trips = [0.0]
    for k, forward in enumerate(costs[0][:-1]):
        if schedule == "decoupled":
            trips.append(forward + passes[k + 1] + 2 * crossings[k])
        elif schedule == "delayed":
            above = sum(passes[k + 1 :]) + 2 * sum(crossings[k:])
            trips.append(forward + above)
    return max(trips)
