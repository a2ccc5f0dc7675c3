"""What the calls of workers and their messages cost on this machine.

Each call is measured alone, in the order in which a mini-batch meets them. What
workers then do at the same time is not measured here but foretold, see
`schedules.forecast`.
"""

import contextlib
import os
import statistics
import time
from types import SimpleNamespace

from dni_lesson.schedules import step_time
from dni_lesson.schedules.advice import Costs
from dni_lesson.workers.schedule import make_plan, make_schedule
from dni_lesson.workers.sharing import slowdown
from dni_lesson.workers.stage import make_stage
from dni_lesson.workers.team import run_on_threads
from dni_lesson.workers.worker import make_worker

import tensorflow as tf

_FEWEST, _MOST = 5, 200  # mini-batches that are measured


def measure_costs(team, batches, seconds=0.7):
    """Returns the `Costs` of a team's calls, seconds of a mini-batch.

    Args:
        team: `Team`, compiled for these batches.
        batches: `Batches`.
        seconds: Float > 0, about how long it may take. Default `0.7`.
    """
    took, deadline = [], time.perf_counter() + seconds
    while len(took) < _FEWEST or (
        len(took) < _MOST and time.perf_counter() < deadline
    ):
        took.append(_one_minibatch(team, batches, len(took)))
    # The first finds nothing in the caches.
    kept, sent = took[-1][1:]
    workers = zip(*(phases for phases, *_ in took[1:]), strict=True)
    costs = [
        [statistics.median(phase) for phase in zip(*of_worker, strict=True)]
        for of_worker in workers
    ]
    forward, backward, predictor = map(list, zip(*costs, strict=True))
    return Costs(forward, backward, predictor, kept, sent)


def _one_minibatch(team, batches, number):
    """Returns what a mini-batch costs: of each worker the seconds of three
    phases, and the bytes that it keeps; of each link the bytes of a message."""
    parts = team.stages[0].schedule.microbatches
    begin = time.perf_counter()
    h, y = batches(number * parts)
    gathering = time.perf_counter() - begin
    seconds, kept, sent = [], [], []
    for stage in team.stages:
        with stage.on_device():
            out, phases, held = _calls(stage, h, y)
        forward, backward, predictor = phases
        forward += 0.0 if seconds else parts * gathering
        seconds.append((forward, backward, predictor))
        kept.append(parts * held)
        if out is not None:
            sent.append(parts * _bytes(out, y))
        h = out
    return seconds, kept, sent


def _calls(stage, h, y):
    """Returns a stage's output, the seconds of its forward, its backward and
    its predictor's calls for a mini-batch, and the bytes that it keeps of a
    micro-batch."""
    if stage.part.is_last:
        # Forward and backward pass are one call.
        return None, (1e-6, _learn(stage, h, y), 0.0), _bytes(h)
    (out, residuals), forward = _timed(stage, stage.forward, h, y)
    residuals = list(residuals)
    if not stage.schedule.synthetic:
        backward = _learn(stage, residuals, out)
        return out, (forward, backward, 0.0), _bytes(*residuals)
    update, predictor = stage.update_synthetic, 0.0
    _, backward = _timed(stage, update, residuals, out, y)
    if stage.learns_to_predict:
        _, predictor = _timed(stage, stage.train_predictor, out, y, out)
    # What it needs to teach its predictor when the gradient is back.
    return out, (forward, backward, predictor), _bytes(out, y)


def _learn(stage, *arguments):
    """Returns the seconds of a backward pass and the update."""
    parts = stage.schedule.microbatches
    if parts == 1:
        return _timed(stage, stage.update, *arguments)[1]
    (*_, gradients), backward = _timed(stage, stage.backward, *arguments)
    begin = time.perf_counter()
    stage.apply([gradients] * parts)
    return backward + time.perf_counter() - begin


def _timed(stage, call, *arguments):
    """Returns what a call does, and the seconds of all of a mini-batch."""
    # Micro-batches follow each other, so all but the first find caches warm.
    begin = time.perf_counter()
    for _ in range(stage.schedule.microbatches):
        result = call(*arguments)
    return result, time.perf_counter() - begin


def _bytes(*tensors):
    return sum(int(tf.size(one)) * one.dtype.size for one in tensors)


def held_bytes(model, part, h, y):
    """Returns the bytes that a backward pass needs of a forward pass.

    Args:
        model: The compiled `DecoupledModel`.
        part: `Part`, of which the backward pass may be part of the same call.
        h, y: Tensors, what it reads.

    Returns:
        Integer; of a part with a loop, which hides the rest, its input alone.
    """
    lower = part._replace(is_last=False)
    stage = make_stage(lower, model, make_schedule("locked"))
    try:
        stage.compile(h, y)
    except ValueError:
        return _bytes(h)
    return _bytes(*stage.forward(h, y)[1])


def reaching_the_last(team, batches):
    """Returns `(h, y)` of a first mini-batch as the last worker gets them."""
    h, y = batches(0)
    for stage in team.stages[:-1]:
        with stage.on_device():
            h, _ = stage.forward(h, y)
    return h, y


def measure_sharing(team, batches, seconds=2.0):
    """Returns how many workers' work the workers of a team do at once.

    Measured are as many of them as there are cores, those with most to do. More
    would only take turns.

    Args:
        team, batches: As in `measure_costs`; the schedule has whole
            mini-batches.
        seconds: Float > 0, about how long it may take. Default `2.0`.
    """
    h, y = batches(0)
    repeated = []
    for stage in team.stages:
        call = _repeating(stage, h, y)
        call()  # The first finds nothing in the caches.
        h, phases, _ = call()
        repeated.append((sum(phases), call))
    repeated.sort(key=lambda one: one[0], reverse=True)
    calls = [call for _, call in repeated[: os.cpu_count()]]
    return len(calls) / slowdown(calls, seconds)


def _repeating(stage, h, y):
    def call():
        with stage.on_device():
            return _calls(stage, h, y)

    return call


def measure_crossing(link_delay=0.0, seconds=0.3):
    """Returns how long it takes from a call to the one that waits for it.

    Two workers whose calls take no time train a network of nothing: all that
    is left are their messages.

    Args:
        link_delay: Float >= 0, seconds, as in `fit_async`. Default `0.0`.
        seconds: Float > 0, about how long it may take. Default `0.3`.
    """
    steps = int(min(max(seconds / (2 * link_delay + 1e-4), 12), 400))
    plan = make_plan(make_schedule("locked"), 1, steps, link_delay=link_delay)
    below = make_worker(1, _nothing(False), plan, lambda job: (None, None))
    above = make_worker(2, _nothing(True), plan)
    below.above, above.below = above, below
    run_on_threads([below, above], plan, lambda *_: False)
    return step_time(below.events + above.events) / 2


def _nothing(is_last):
    """Returns a stage of no layers, whose calls take no time."""
    return SimpleNamespace(
        part=SimpleNamespace(is_last=is_last),
        learns_to_predict=False,
        on_device=contextlib.nullcontext,
        forward=lambda h, y: (h, []),
        update=lambda *_: (0.0, None) if is_last else None,
    )


@contextlib.contextmanager
def unchanged(variables):
    """Gives variables their values back when the context ends."""
    variables = list({id(one): one for one in variables}.values())
    before = [tf.identity(one.value) for one in variables]
    try:
        yield
    finally:
        for one, value in zip(variables, before, strict=True):
            one.assign(value)
