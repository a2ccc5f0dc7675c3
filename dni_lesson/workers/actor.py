"""A worker in a process of its own: what Ray starts, once for each part.

Inside runs the same `Worker` over the same `Stage` as on a thread. Only its
neighbours are elsewhere: an `Outbox` takes their place.
"""

import math
import os
import threading
import time
import traceback
from types import SimpleNamespace
from typing import NamedTuple

from dni_lesson.workers.brief import load_model
from dni_lesson.workers.job import Record, joined
from dni_lesson.workers.mailbox import Stopped
from dni_lesson.workers.outbox import Outbox
from dni_lesson.workers.partition import partition
from dni_lesson.workers.placement import set_weights_of, threads_per_call
from dni_lesson.workers.team import make_stage, worker_kind

import tensorflow as tf


class Snapshot(NamedTuple):
    """From what a killed actor starts again.

    Attributes:
        position: Integer, mini-batches done.
        state: What `Stage.state` returns.
        record: `Record` since the actor was made, without events.
    """

    position: int
    state: tuple
    record: Record | None = None


class News(NamedTuple):
    """What has happened in an actor since the last time.

    Attributes:
        losses: List of `(mini-batches, losses)` that the top has reported.
        weights: List of `(mini-batches, weights)`, see `EpochEnds`.
        snapshot: `Snapshot`, if there is a new one.
        busy: Float, seconds since the present call began, 0 between calls.
        idle: Float, see `Mailbox.idle`; infinite after the end.
    """

    losses: tuple = ()
    weights: tuple = ()
    snapshot: Snapshot | None = None
    busy: float = 0.0
    idle: float = 0.0


class ModuleActor:
    """Holds one part, and works on it when told so.

    Its methods are called from several threads: one of them runs the worker.

    Args:
        brief: `Brief`.
    """

    def __init__(self, brief):
        self._brief, self._worker = brief, None
        # Actors that share a machine share its cores.
        threads_per_call(max((os.cpu_count() or 1) // brief.actors_here, 1))
        model = load_model(brief)
        parts = partition(model, brief.schedule, brief.sizes)
        below, part = parts[: brief.number - 1], parts[brief.number - 1]
        self._stage = make_stage(
            part,
            model,
            brief.schedule,
            brief.microbatches,
            together=brief.together,
        )
        under = [module for part in below for module in part.modules]
        for x, y in brief.examples:
            batches = x if brief.together else [x]
            h = [_through(under, tf.constant(one)) for one in batches]
            self._stage.compile(
                tf.stack(h) if brief.together else h[0], tf.constant(y)
            )
        self._records, self._news = [], News()
        self._lock, self._seen = threading.Lock(), 0
        self._generation = self._stopped = 0

    def ready(self):
        """Returns when the part is compiled."""

    def run(self, plan, generation, below, above):
        """Works until all is done or `stop` is called.

        Args:
            plan: `Plan`.
            generation: Integer, how often workers were started; messages of an
                earlier start are dropped.
            below, above: The neighbours' actors, `None` at the ends.
        """
        worker = self._make_worker(plan, is_last=above is None)
        with self._lock:
            if generation <= self._stopped:
                return
            self._worker, self._generation, self._seen = worker, generation, 0
            self._has_ended = threading.Event()
        worker.below, worker.above = (
            actor
            and SimpleNamespace(box=Outbox(actor, generation, worker.box.stop))
            for actor in (below, above)
        )
        try:
            worker.run()
        except Stopped:
            pass
        except Exception as error:
            # TensorFlow's errors lose their text between processes.
            told = "".join(traceback.format_exception_only(error)).strip()
            raise RuntimeError(told) from error
        finally:
            try:
                for neighbour in filter(None, (worker.below, worker.above)):
                    neighbour.box.close()
            finally:
                self._records.append(_on_the_clock(worker.record()))
                self._has_ended.set()

    def _make_worker(self, plan, is_last):
        brief = self._brief
        worker = worker_kind(brief.schedule, is_last, brief.together)(
            brief.number, self._stage, plan, brief.link_delay, brief.batches
        )
        worker.after_message = self._after_message
        worker.on_weights = self._on_weights
        if is_last:
            worker.on_report = self._on_report
            worker.losses = self._worker.losses if self._worker else {}
        return worker

    def deliver(self, generation, messages):
        """Takes messages of a neighbour in, in their order."""
        while max(self._generation, self._stopped) < generation:
            time.sleep(1e-3)  # The neighbour was started first.
        if self._generation == generation:
            for kind, message in messages:
                tensors = [_as_tensor(one) for one in message]
                self._worker.box.put(kind, tensors)

    def stop(self, generation, step_timeout):
        """Ends a run before its next call, and waits for that."""
        with self._lock:
            self._stopped = generation
            runs = self._worker and self._generation == generation
        if runs:
            self._worker.box.stop()
            while not self._has_ended.wait(0.05):
                if self._busy() > step_timeout:
                    return  # It hangs.

    def news(self):
        """Returns the `News`."""
        with self._lock:
            news, self._news = self._news, News()
            return news._replace(busy=self._busy(), idle=self._idle())

    def go_on(self, generation, minibatches):
        """Lets the first worker begin what comes after an epoch's end."""
        if self._generation == generation:
            self._worker.box.put("go on", minibatches)

    def position(self, generation):
        """Returns that of the worker of a start, `None` if it never began."""
        runs = self._generation == generation
        return self._worker.position if runs else None

    def state(self):
        """Returns the state of the stage, with averages of weights applied."""
        self._stage.finish()
        return self._stage.state()

    def set_weights(self, weights):
        """Sets the weights, see `set_weights_of`."""
        set_weights_of(self._stage.part, weights)

    def follow(self, learning_rate):
        self._stage.follow(learning_rate)

    def set_state(self, state):
        self._stage.set_state(state)

    def records(self):
        """Returns a `Record` for each start."""
        return self._records

    def _busy(self):
        since = self._worker and self._worker.busy_since
        return time.perf_counter() - since if since else 0.0

    def _idle(self):
        if self._worker is None or self._has_ended.is_set():
            return math.inf
        return self._worker.box.idle()

    def _after_message(self):
        updates, every = self._worker.updates, self._brief.snapshot_every
        if updates // every > self._seen // every:
            records = [
                one._replace(events=[], staleness=[])
                for one in (*self._records, self._worker.record())
            ]
            state, position = self._stage.state(), self._worker.position
            with self._lock:
                snapshot = Snapshot(position, state, joined(records))
                self._news = self._news._replace(snapshot=snapshot)
        self._seen = updates

    def _on_report(self, minibatches, losses):
        told = minibatches, {job: float(one) for job, one in losses.items()}
        with self._lock:
            losses = (*self._news.losses, told)
            self._news = self._news._replace(losses=losses)

    def _on_weights(self, *told):
        with self._lock:
            weights = (*self._news.weights, told)
            self._news = self._news._replace(weights=weights)


def _through(modules, h):
    for module in modules:
        h = module(h)
    return h


def _as_tensor(value):
    # Jobs are integers and stay so.
    return value if isinstance(value, int) else tf.constant(value)


def _on_the_clock(record):
    """Returns the record with times that processes have in common."""
    shift = time.time() - time.perf_counter()
    events = [
        one._replace(start=one.start + shift, end=one.end + shift)
        for one in record.events
    ]
    return record._replace(events=events)
