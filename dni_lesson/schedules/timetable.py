"""Timetables: which worker does what when, if every module has its own worker.

Whether decoupling pays is a question of schedules before it is one of code.
This file answers it by arithmetic alone, without Keras, threads or pictures:
what each task waits for makes a schedule, a short simulation the events.
"""

from math import inf
from typing import NamedTuple

from dni_lesson.checks import (
    as_float,
    check_choice,
    check_costs,
    check_int,
    check_not_negative,
    check_positive,
    check_that,
)
from dni_lesson.schedules.rules import RULES, needs_of
from dni_lesson.schedules.simulation import Links, simulate

SCHEDULES = tuple(RULES)


class Event(NamedTuple):
    """One piece of work, from start to end.

    Attributes:
        worker: Integer, counted from 1; worker k holds module k.
        start, end: Floats, the times at which the work begins and ends.
        phase: String: `"forward"`; `"backward"`, with a true gradient, or
            `"synthetic backward"`, with a predicted one, both with the update;
            `"input gradient"` and `"weight gradient"`, where these halves of
            the backward pass come apart, the update with the second; or
            `"predictor"`, its prediction and its training.
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
    bandwidth=None,
    message_bytes=None,
    weight_gradient=None,
    slowdown=None,
):
    """Returns the events of a training run with one worker per module.

    Backprop, whose gradients are those of the whole mini-batch:

    - `"locked"`: backprop as it is; only one worker works at a time.
    - `"gpipe"`: backprop in M micro-batches that follow each other through the
      K modules, all forward, then all backward; then all weights change (a
      flush). With equal modules workers are idle for (K - 1) / (M + K - 1) of
      the time, and each holds the activations of M micro-batches.
    - `"1f1b"`: one forward, one backward, then a flush (PipeDream-Flush,
      DAPPLE): idle as long as GPipe, but module k = 1 to K holds the
      activations of at most K - k + 1 micro-batches.
    - `"zb-h1"`: the same with the gradients of inputs, which others wait for,
      before those of weights. Each worker is idle for
      (K - 1) (T_F + T_B - T_W) in a mini-batch instead of 1F1B's
      (K - 1) (T_F + T_B + T_W), if a micro-batch's gradient of the weights
      takes no longer than its forward pass, T_W <= T_F; T_B is the time of its
      input's gradient. No module holds more than K micro-batches.

    Other gradients than backprop's:

    - `"async-1f1b"`: asynchronous 1F1B with weight stashing, as in PipeDream:
      whole mini-batches and no flush. Module k holds at most K - k + 1 of
      them, too few to hide long delays, and as many versions of its weights.
    - `"decoupled"`: update unlocked. A module waits for its input alone and
      updates itself with a predicted gradient right after its forward pass. It
      trains its predictor when the gradient from above arrives. The last
      module uses the true loss and has no predictor.
    - `"unlocked"`: forward unlocked too. A module does not even wait for its
      input but predicts it, at an extra cost.

    Every worker takes mini-batches in order and never waits while a task is
    ready; in 1F1B of all kinds forward and backward passes take turns. Costs
    that a schedule does not know are left out.

    Args:
        schedule: String, one of the above.
        forward: Sequence of floats > 0, what a mini-batch costs each module.
        backward: Sequence of floats > 0, of the backward pass and the update.
        predictor: Sequence of floats >= 0, of the predictor: its prediction
            and its training. The last must be 0. Default: all 0.
        link_delay: Float >= 0, from the end of a transmission to its arrival
            at a neighbour; no worker is busy with it. Default `0`.
        minibatches: Integer >= 1, how many to train on. Default `4`.
        microbatches: Integer >= 1, the parts a mini-batch is split into;
            `"gpipe"`, `"1f1b"` and `"zb-h1"` only. Default `1`.
        queue_size: Integer >= 1: how many mini-batches a decoupled or unlocked
            module may be ahead of the next one, as far as it has heard; in
            `fit_async`, until the gradient is back. Default `None`: any number.
        synthetic_input: Float >= 0, for each unlocked module above the first,
            the cost of its predicted input. Default `0`.
        bandwidth: Float > 0, bytes that a link sends in a unit of time, in
            each direction. A message takes `bytes / bandwidth` to be sent and
            `link_delay` to arrive. A link sends one at a time, so others
            queue, but any number may be on their way. Default `None`: no limit.
        message_bytes: Float >= 0, or a sequence of one for each link, the
            bytes of a mini-batch's activations there; its gradient has as
            many. Labels, and that a queue has room, weigh nothing. Needed with
            `bandwidth`. Default `None`.
        weight_gradient: Sequence of floats >= 0, the part of `backward` that
            is the gradient of the weights and the update; `"zb-h1"` only.
            Default: half of it, as in a chain of dense layers.
        slowdown: Function of a worker and a mini-batch, both counted from 1,
            which returns a float > 0: how many times as long this worker's
            tasks for it take; see `stragglers`. Default `None`: 1.

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
      [arXiv 1806.03377](https://arxiv.org/abs/1806.03377), DAPPLE
      [arXiv 2007.01045](https://arxiv.org/abs/2007.01045), PipeDream-Flush and
      its bubble [arXiv 2104.04473](https://arxiv.org/abs/2104.04473), ZB-H1
      [arXiv 2401.10241](https://arxiv.org/abs/2401.10241).
    """
    check_choice("schedule", schedule, SCHEDULES)
    rule, only = RULES[schedule], f"for {schedule!r}"
    costs = check_costs(forward, backward, predictor)
    synthetic_input = check_not_negative("synthetic_input", synthetic_input)
    minibatches = check_int("minibatches", minibatches, at_least=1)
    microbatches = check_int("microbatches", microbatches, at_least=1)
    is_fit = rule.splits or microbatches == 1
    check_that(is_fit, "microbatches", microbatches, f"1 {only}")
    if queue_size is not None:
        queue_size = check_int("queue_size", queue_size, at_least=1)
        check_that(rule.synthetic, "queue_size", queue_size, f"None {only}")
    is_fit = rule.weights_apart or weight_gradient is None
    check_that(is_fit, "weight_gradient", weight_gradient, f"None {only}")
    weights = _weight_costs(weight_gradient, costs[1])
    links = _links(
        link_delay, bandwidth, message_bytes, len(weights) - 1, microbatches
    )
    factor = _factors(slowdown)
    lanes = _lanes(rule, costs, weights, synthetic_input)

    def duration(phase, k, j):
        whole = lanes[phase, k] * factor(k + 1, j // microbatches + 1)
        return whole / microbatches

    events = []
    jobs = minibatches * microbatches
    needs = needs_of(rule, len(weights), microbatches, jobs, queue_size)
    for phase, k, j, start, end in simulate(
        lanes, jobs, duration, needs, links
    ):
        phase = _name(rule, phase, is_last=k == len(weights) - 1)
        b, m = divmod(j, microbatches)
        events.append(Event(k + 1, start, end, phase, b + 1, k + 1, m + 1))
    return events


def _lanes(rule, costs, weights, synthetic_input):
    """Returns what a mini-batch costs in each phase of each module."""
    lanes = {}
    for k, (f, b, s) in enumerate(zip(*costs, strict=True)):
        is_predicted = k > 0 and not rule.input_arrives
        lanes["forward", k] = f + (synthetic_input if is_predicted else 0.0)
        lanes["backward", k] = b - (weights[k] if rule.weights_apart else 0.0)
        if rule.weights_apart:
            lanes["weights", k] = weights[k]
        if rule.synthetic and s > 0:
            lanes["predictor", k] = s
    return lanes


def _name(rule, phase, is_last):
    if phase == "backward" and rule.synthetic and not is_last:
        return "synthetic backward"
    if rule.weights_apart:
        names = {"backward": "input gradient", "weights": "weight gradient"}
        return names.get(phase, phase)
    return phase


def _weight_costs(values, backward):
    """Returns what gradients of weights cost, one float for each module."""
    if values is None:
        return [cost / 2 for cost in backward]
    costs = _floats(values)
    is_right = len(costs) == len(backward) and all(
        0 <= cost <= most for cost, most in zip(costs, backward, strict=True)
    )
    expected = f"a part of `backward` for each of {len(backward)} modules"
    check_that(is_right, "weight_gradient", values, expected)
    return costs


def _links(delay, bandwidth, message_bytes, links, microbatches):
    """Returns the `Links`; what crosses them is one micro-batch."""
    delay = check_not_negative("link_delay", delay)
    if message_bytes is not None:
        sizes = _floats(message_bytes) or [as_float(message_bytes)] * links
        is_right = len(sizes) == links and all(0 <= x < inf for x in sizes)
        expected = f"a finite number >= 0, or one for each of {links} links"
        check_that(is_right, "message_bytes", message_bytes, expected)
    if bandwidth is None:
        return Links(delay, [0.0] * links)
    bandwidth = check_positive("bandwidth", bandwidth)
    expected = "the size of messages, as there is a bandwidth"
    is_right = message_bytes is not None
    check_that(is_right, "message_bytes", message_bytes, expected)
    return Links(delay, [size / bandwidth / microbatches for size in sizes])


def _floats(values):
    """Returns a sequence as floats, or `[]` if it is none."""
    try:
        return [as_float(value) for value in values]
    except TypeError:
        return []


def _factors(slowdown):
    """Returns `slowdown`, with a check of what it returns."""
    if slowdown is None:
        return lambda worker, minibatch: 1.0
    check_that(callable(slowdown), "slowdown", slowdown, "a function")

    def factor(worker, minibatch):
        return check_positive("slowdown", slowdown(worker, minibatch))

    return factor
