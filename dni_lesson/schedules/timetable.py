"""Timetables: which worker does what when, if every module has its own worker.

Whether decoupling pays is a question of schedules before it is one of code.
This file answers it by arithmetic alone, without Keras, threads or pictures:
what each task waits for makes a schedule, a short simulation the events.
"""

from typing import NamedTuple

from dni_lesson.checks import (
    check_choice,
    check_costs,
    check_int,
    check_not_negative,
    check_that,
)

SCHEDULES = ("locked", "gpipe", "1f1b", "decoupled", "unlocked")

# A free worker takes the first of these that is ready. Gradients go before new
# inputs: a local update then follows its forward pass at once.
_PRIORITY = ("backward", "predictor", "forward")


class Event(NamedTuple):
    """One piece of work, from start to end.

    Attributes:
        worker: Integer, counted from 1; worker k holds module k.
        start, end: Floats, the times at which the work begins and ends.
        phase: String: `"forward"`; `"backward"`, with a true gradient, or
            `"synthetic backward"`, with a predicted one, both with the update;
            or `"predictor"`, its prediction and its training.
        minibatch: Integer, counted from 1.
        module: Integer, counted from 1 at the input.
        microbatch: Integer, counted from 1 within the mini-batch.
    """

    worker: int
    start: float
    end: float
    phase: str
    minibatch: int
    module: int
    microbatch: int = 1


def timetable(
    schedule,
    forward,
    backward,
    predictor=None,
    *,
    link_delay=0.0,
    minibatches=4,
    microbatches=1,
    queue_size=None,
    synthetic_input=0.0,
):
    """Returns the events of a training run with one worker per module.

    - `"locked"`: backprop as it is; only one worker works at a time.
    - `"gpipe"`: backprop in micro-batches that follow each other through the
      modules; all are awaited before the next mini-batch begins (a flush).
    - `"1f1b"`: one forward, one backward, no flush, as in PipeDream. Module k
      of K holds at most K - k + 1 mini-batches, too few to hide long delays.
    - `"decoupled"`: update unlocked. A module waits for its input alone and
      updates itself with a predicted gradient right after its forward pass. It
      trains its predictor when the gradient from above arrives. The last
      module uses the true loss and has no predictor.
    - `"unlocked"`: forward unlocked too. A module does not even wait for its
      input but predicts it, at an extra cost.

    Every worker takes mini-batches in order and never waits while a task is
    ready. Costs that a schedule does not know are left out.

    Args:
        schedule: String, one of the above.
        forward: Sequence of floats > 0, what a mini-batch costs each module.
        backward: Sequence of floats > 0, of the backward pass and the update.
        predictor: Sequence of floats >= 0, of the predictor: its prediction
            and its training. The last must be 0. Default: all 0.
        link_delay: Float >= 0, from the end of a task to the arrival of its
            message at a neighbour; no worker is busy with it. Default `0`.
        minibatches: Integer >= 1, how many to train on. Default `4`.
        microbatches: Integer >= 1, the parts a mini-batch is split into;
            `"gpipe"` only. Default `1`.
        queue_size: Integer >= 1: how many mini-batches a decoupled or unlocked
            module may be ahead of the next one, as far as it has heard; in
            `fit_async`, until the gradient is back. Default `None`: any number.
        synthetic_input: Float >= 0, for each unlocked module above the first,
            the cost of its predicted input. Default `0`.

    Returns:
        A list of `Event`, in the order of their start.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> timetable("locked", [1, 1], [2, 2], minibatches=1)[-1][:4]
    (1, 4.0, 6.0, 'backward')

    Reference:

    - DNI [arXiv 1608.05343](https://arxiv.org/abs/1608.05343), GPipe
      [arXiv 1811.06965](https://arxiv.org/abs/1811.06965), PipeDream
      [arXiv 1806.03377](https://arxiv.org/abs/1806.03377).
    """
    check_choice("schedule", schedule, SCHEDULES)
    costs = check_costs(forward, backward, predictor)
    link_delay = check_not_negative("link_delay", link_delay)
    synthetic_input = check_not_negative("synthetic_input", synthetic_input)
    minibatches = check_int("minibatches", minibatches, at_least=1)
    microbatches = check_int("microbatches", microbatches, at_least=1)
    is_fit = schedule == "gpipe" or microbatches == 1
    check_that(is_fit, "microbatches", microbatches, f"1 for {schedule!r}")
    is_decoupled = schedule in ("decoupled", "unlocked")
    if queue_size is not None:
        queue_size = check_int("queue_size", queue_size, at_least=1)
        expected = f"None for {schedule!r}"
        check_that(is_decoupled, "queue_size", queue_size, expected)

    durations = {}
    for k, (f, b, s) in enumerate(zip(*costs, strict=True)):
        durations["forward", k] = f / microbatches
        durations["backward", k] = b / microbatches
        if is_decoupled and s > 0:
            durations["predictor", k] = s
        if schedule == "unlocked" and k > 0:
            durations["forward", k] += synthetic_input
    top = len(costs[0]) - 1
    needs = _needs(schedule, top + 1, link_delay, microbatches, queue_size)
    events = []
    jobs = minibatches * microbatches
    for phase, k, j, start, end in _simulate(durations, jobs, needs):
        if is_decoupled and phase == "backward" and k < top:
            phase = "synthetic backward"
        b, m = divmod(j, microbatches)
        events.append(Event(k + 1, start, end, phase, b + 1, k + 1, m + 1))
    return events


def _needs(schedule, K, c, M, q):
    """Returns a function: what a task waits for, as pairs `(task, delay)`."""
    # k: module, 0 at the input     K: number of modules
    # j: micro-batch, counted on    M: micro-batches in a mini-batch
    # c: link delay                 q: queue size
    #
    # F(k, j), forward, waits for
    #   F(k-1, j) + c     its input: all but unlocked
    #   B(k, j-1)         the flush: locked, gpipe; if j begins a mini-batch
    #   B(k, j-(K-k))     one of those it holds: 1f1b
    #   F(k+1, j-q) + c   room in the queue: decoupled, unlocked
    # B(k, j), backward, waits for
    #   F(k, j')          j' the last of its mini-batch
    #   B(k+1, j) + c     the true gradient: locked, gpipe, 1f1b
    # P(k, j), predictor, waits for
    #   B(k, j)           which used its prediction
    #   B(k+1, j) + c     the gradient to learn from
    #
    # k  locked (all costs 1)         decoupled
    # -  -----------------------      -----------------------
    # 0  F0 .. .. .. .. B0 F1 ..      F0 B0 F1 B1 P0 P1 F2 B2
    # 1  .. F0 .. .. B0 .. .. F1      .. F0 B0 F1 B1 P0 P1 F2
    # 2  .. .. F0 B0 .. .. .. ..      .. .. F0 B0 F1 B1 .. ..
    has_flush = schedule in ("locked", "gpipe")

    def needs(phase, k, j):
        below, above = k > 0, k < K - 1
        if phase == "forward":
            if below and schedule != "unlocked":
                yield ("forward", k - 1, j), c
            if has_flush and j >= M and j % M == 0:
                yield ("backward", k, j - 1), 0.0
            if schedule == "1f1b" and j >= K - k:
                yield ("backward", k, j - (K - k)), 0.0
            if q is not None and above and j >= q:
                yield ("forward", k + 1, j - q), c
        elif phase == "backward":
            yield ("forward", k, j - j % M + M - 1), 0.0
            if above and (has_flush or schedule == "1f1b"):
                yield ("backward", k + 1, j), c
        else:
            yield ("backward", k, j), 0.0
            yield ("backward", k + 1, j), c

    return needs


def _simulate(durations, jobs, needs):
    """Yields `(phase, module, job, start, end)` in the order of the starts."""
    # A lane is what one module does in one phase, job after job. What can start
    # first runs next; what that makes possible starts later.
    lanes = sorted(durations, key=lambda lane: _PRIORITY.index(lane[0]))
    next_job, ended, ready = dict.fromkeys(lanes, 0), {}, {}
    free = {k: 0.0 for _, k in lanes}
    waiting = lanes
    while next_job:
        for lane in waiting:
            needed = list(needs(*lane, next_job[lane]))
            if all(task in ended for task, _ in needed):
                times = [ended[task] + delay for task, delay in needed]
                ready[lane] = max(times, default=0.0)
        lane = min(
            (lane for lane in lanes if lane in ready),
            key=lambda lane: max(ready[lane], free[lane[1]]),
        )
        (phase, k), j = lane, next_job[lane]
        start = max(ready.pop(lane), free[k])
        ended[phase, k, j] = free[k] = start + durations[lane]
        yield phase, k, j, start, free[k]
        next_job[lane] += 1
        if next_job[lane] == jobs:
            del next_job[lane]
        # Only neighbours wait for what has just ended.
        waiting = [
            lane
            for lane in next_job
            if abs(lane[1] - k) < 2 and lane not in ready
        ]
