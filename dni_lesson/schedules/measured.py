"""From the events of a real run to what a timetable asks for.

A timetable is arithmetic on costs. These functions read the costs off a run
that was measured, and check whether workers were really at work at once.
"""

import itertools
import statistics


def mean_costs(events):
    """Returns the mean duration of each phase, worker by worker.

    Args:
        events: List of `Event`, for instance `AsyncHistory.events`.

    Returns:
        Three lists of floats, `forward`, `backward` and `predictor`, in the
        unit of the events, with one entry for each worker, from the input. A
        phase that a worker has no event of costs 0: in a real run that is
        the last module's forward pass, which is part of its `"backward"`
        event, though `timetable` wants a cost > 0 there. With micro-batches
        the costs are those of one micro-batch.

    Example:

    >>> from dni_lesson.schedules.timetable import timetable
    >>> mean_costs(timetable("decoupled", [1, 1], [2, 3], [1, 0]))
    ([1.0, 1.0], [2.0, 3.0], [1.0, 0.0])
    """
    spent = {}
    for event in events:
        phase = event.phase.removeprefix("synthetic ")
        lane = spent.setdefault((event.worker, phase), [])
        lane.append(event.end - event.start)
    workers = sorted({event.worker for event in events})
    return tuple(
        [
            statistics.fmean(spent.get((worker, phase), [0]))
            for worker in workers
        ]
        for phase in ("forward", "backward", "predictor")
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
    moments = sorted(
        moment
        for event in events
        for moment in ((event.start, 1), (event.end, -1))
    )
    shared, working = 0.0, 0
    for (time, change), (after, _) in itertools.pairwise(moments):
        working += change
        shared += (after - time) * (working > 1)
    return shared / (moments[-1][0] - moments[0][0])
