"""When a worker does what: the loop of all kinds of workers.

Workers share nothing but messages. Worker k alone reads and writes the weights
of its part. Inputs reach a worker in the order of the mini-batches; nothing
else is ordered between workers.
"""

import math
import threading
import time

from dni_lesson.schedules.timetable import Event
from dni_lesson.workers.ends import EpochEnds
from dni_lesson.workers.job import Record
from dni_lesson.workers.mailbox import Mailbox


class Worker:
    """One worker: its part of the network, its mailbox and its neighbours.

    Args:
        number: Integer, counted from 1 at the input.
        stage: `LowerStage` or `TopStage`, compiled.
        plan: `Plan`.
        delay: Float, seconds that messages to this worker take.
        source: Function of the job that returns `(h, y)`; the first worker
            alone has one. Default `None`.

    Attributes:
        below, above: The neighbours, `None` at the ends.
        box: `Mailbox` with messages `"input"`, `(job, h, y)`, `"gradient"`,
            `(job, g)`, and `"go on"`, the end of an epoch in mini-batches.
        turn: Lock, held while a message is worked on: who has it sees weights
            that nobody changes.
        events: List of `Event`, times as of `time.perf_counter`.
        staleness: List of integers, for each gradient that arrived from above
            how many updates came between it and its mini-batch's.
        updates, predictor_updates: Integers, counted in mini-batches.
        busy_since: Float, when the present call began, or `None`.
        after_message: Function that is called between two messages.
        on_weights: Function, see `EpochEnds`, called if `plan.holds`.
    """

    freshest_first = None  # the kind of messages of which this is true

    def __init__(self, number, stage, plan, delay, source=None):
        self.number, self._stage, self.plan = number, stage, plan
        self.below = self.above = None
        self.box = Mailbox(delay, ("input", "gradient", "go on"))
        self.turn = threading.Lock()
        self._source = source
        self._jobs = plan.minibatches * plan.microbatches
        self._started = self._done = plan.first * plan.microbatches
        self._held = {}
        self.events, self.staleness = [], []
        self.updates = self.predictor_updates = 0
        self.busy_since = None
        self.after_message = lambda: None
        self.on_weights = lambda minibatches, weights: None
        self._until = plan.end_after(plan.first) if plan.holds else math.inf

    @property
    def position(self):
        """After how many mini-batches the weights are as they are."""
        return self.plan.first + self.updates

    def record(self):
        """Returns the `Record` of what was done so far."""
        return Record(
            self.number,
            self.events,
            self.staleness,
            self.updates,
            self.predictor_updates,
        )

    def run(self):
        """Works until all mini-batches are done.

        Raises:
            Stopped: If the mailbox was stopped.
        """
        ends = None
        if self.plan.holds:
            ends = EpochEnds(self._stage, self.plan, self.on_weights)
        with self._stage.on_device():
            while self._done < self._jobs:
                kind, message = self._next()
                with self.turn:
                    self._do(kind, message)
                    if ends:
                        ends.look(self.updates, self.predictor_updates)
                    self.after_message()

    def _do(self, kind, message):
        if kind == "go on":
            self._until = message
        elif kind == "input":
            self._started += self._count(message[1])
            self.on_input(*message)
        else:
            self._done += self._count(message[1])
            self.on_gradient(*message)

    def on_input(self, job, h, y):
        raise NotImplementedError

    def on_gradient(self, job, g):
        raise NotImplementedError

    def _next(self):
        """Waits for the next message; gradients before new inputs."""
        may_start = self._started < min(self._jobs, self._may_start_until())
        kinds = ["gradient", "input"] if may_start else ["gradient"]
        if self.plan.in_turn:
            kinds = kinds[-1:]
        newest = None if self.plan.in_turn else self.freshest_first
        if self._source is None or not may_start:
            return self.box.take(kinds, newest)
        if self._is_held():
            return self.box.take([*kinds[:-1], "go on"], newest)
        # The first worker takes its inputs itself: it never waits for one.
        message = self.box.take(kinds, newest, wait=False)
        return message or ("input", self._from_source())

    def _is_held(self):
        # As if the answer to an epoch's last mini-batch were not yet back.
        ahead = self.plan.window - 1 if self.above else 0
        return self._started // self.plan.microbatches >= self._until + ahead

    def _may_start_until(self):
        # A mini-batch that has begun to come back is not yet done.
        size = self.plan.microbatches
        return (self._done // size + self.plan.window) * size

    def _from_source(self):
        return self._started, *self._source(self._started)

    def _count(self, tensor):
        """Returns how many jobs a message with this tensor is about."""
        return len(tensor) if self.plan.together else 1

    def _timed(self, phase, job, call, *arguments, count=1):
        """Calls and records an event, or several that share the time."""
        self.busy_since = start = time.perf_counter()
        result = call(*arguments)
        each, self.busy_since = (time.perf_counter() - start) / count, None
        for k in range(count):
            batch, part = divmod(job + k, self.plan.microbatches)
            self.events.append(
                Event(
                    self.number,
                    start + k * each,
                    start + (k + 1) * each,
                    phase,
                    batch + 1,
                    self.number,
                    part + 1,
                )
            )
        return result

    def _send_down(self, job, g):
        if self.below is not None:
            self.below.box.put("gradient", (job, g))

    def _ends_minibatch(self, job):
        return (job + 1) % self.plan.microbatches == 0
