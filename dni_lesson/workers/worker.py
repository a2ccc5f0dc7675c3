"""When a worker does what: one loop, three kinds of workers.

Workers share nothing but messages. Worker k alone reads and writes the weights
of its part. Inputs reach a worker in the order of the mini-batches; nothing
else is ordered between workers.
"""

import math
import time

from dni_lesson.timetable import Event
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
        box: `Mailbox` with messages `"input"`, `(job, h, y)`, and `"gradient"`,
            `(job, g)`.
        events: List of `Event`, times as of `time.perf_counter`.
        staleness: List of integers, for each gradient that arrived from above
            how many updates came between it and its mini-batch's.
        updates, predictor_updates: Integers, counted in mini-batches.
        busy_since: Float, when the present call began, or `None`.
        after_message: Function that is called between two messages.
    """

    freshest_first = None  # the kind of messages of which this is true

    def __init__(self, number, stage, plan, delay, source=None):
        self.number, self._stage, self._plan = number, stage, plan
        self.below = self.above = None
        self.box = Mailbox(delay, ("input", "gradient"))
        self._source = source
        self._jobs = plan.minibatches * plan.microbatches
        self._started = self._done = plan.first * plan.microbatches
        self._held = {}
        self.events, self.staleness = [], []
        self.updates = self.predictor_updates = 0
        self.busy_since = None
        self.after_message = lambda: None

    @property
    def position(self):
        """After how many mini-batches the weights are as they are."""
        return self._plan.first + self.updates

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
        with self._stage.on_device():
            while self._done < self._jobs:
                kind, message = self._next()
                if kind == "input":
                    self._started += 1
                    self.on_input(*message)
                else:
                    self._done += 1
                    self.on_gradient(*message)
                self.after_message()

    def on_input(self, job, h, y):
        raise NotImplementedError

    def on_gradient(self, job, g):
        raise NotImplementedError

    def _next(self):
        """Waits for the next message; gradients before new inputs."""
        may_start = self._started < min(self._jobs, self._may_start_until())
        kinds = ["gradient", "input"] if may_start else ["gradient"]
        if self._plan.in_turn:
            kinds = kinds[-1:]
        newest = None if self._plan.in_turn else self.freshest_first
        if self._source is None or not may_start:
            return self.box.take(kinds, newest)
        # The first worker takes its inputs itself: it never waits for one.
        message = self.box.take(kinds, newest, wait=False)
        return message or ("input", self._from_source())

    def _may_start_until(self):
        # A mini-batch that has begun to come back is not yet done.
        size = self._plan.microbatches
        return (self._done // size + self._plan.window) * size

    def _from_source(self):
        return self._started, *self._source(self._started)

    def _timed(self, phase, job, call, *arguments):
        """Calls and records the event."""
        batch, part = divmod(job, self._plan.microbatches)
        self.busy_since = start = time.perf_counter()
        result = call(*arguments)
        end, self.busy_since = time.perf_counter(), None
        self.events.append(
            Event(
                self.number, start, end, phase, batch + 1, self.number, part + 1
            )
        )
        return result

    def _send_down(self, job, g):
        if self.below is not None:
            self.below.box.put("gradient", (job, g))

    def _ends_minibatch(self, job):
        return (job + 1) % self._plan.microbatches == 0


class Decoupled(Worker):
    """Updates itself at once and learns to predict from what comes back."""

    freshest_first = "gradient"

    def on_input(self, job, h, y):
        stage = self._stage
        out, residuals = self._timed("forward", job, stage.forward, h, y)
        self.above.box.put("input", (job, out, y))
        update = stage.update_synthetic
        g = self._timed("synthetic backward", job, update, residuals, out, y)
        self.updates += 1
        self._send_down(job, g)
        self._held[job] = out, y, self.updates

    def on_gradient(self, job, g):
        out, y, updates = self._held.pop(job)
        self.staleness.append(self.updates - updates)
        if self._stage.learns_to_predict:
            train = self._stage.train_predictor
            self._timed("predictor", job, train, out, y, g)
            self.predictor_updates += 1


class TrueGradient(Worker):
    """Waits for the true gradient; later mini-batches may begin meanwhile."""

    def on_input(self, job, h, y):
        out, residuals = self._timed("forward", job, self._stage.forward, h, y)
        self._held[job] = residuals, self.updates
        self.above.box.put("input", (job, out, y))

    def on_gradient(self, job, g):
        residuals, updates = self._held.pop(job)
        self.staleness.append(self.updates - updates)
        below = self._timed("backward", job, self._learn, job, residuals, g)
        self._send_down(job, below)

    def _learn(self, job, residuals, g):
        if self._plan.microbatches == 1:
            below = self._stage.update(residuals, g)
            self.updates += 1
            return below
        below, gradients = self._stage.backward(residuals, g)
        self._sum_up(job, gradients)
        return below

    def _sum_up(self, job, gradients):
        self._held.setdefault("gradients", []).append(gradients)
        if self._ends_minibatch(job):
            self._stage.apply(self._held.pop("gradients"))
            self.updates += 1


class Top(TrueGradient):
    """The last worker: the loss is its own, so it never waits for a gradient.

    Its forward and backward pass are one call, recorded as `"backward"`.

    Attributes:
        losses: Dict of tensors, job to loss, since the last report.
        on_report: Function that gets the number of mini-batches done, and
            `losses`.
    """

    def __init__(self, *arguments, **kwargs):
        super().__init__(*arguments, **kwargs)
        self.losses = {}
        self.on_report = lambda minibatches, losses: None

    def on_input(self, job, h, y):
        self._done += 1
        g = self._timed("backward", job, self._learn_top, job, h, y)
        self._send_down(job, g)
        done, rest = divmod(job + 1, self._plan.microbatches)
        if rest == 0 and done % self._plan.report_every == 0:
            losses, self.losses = self.losses, {}
            self.on_report(done, losses)

    def _may_start_until(self):
        return math.inf

    def _learn_top(self, job, h, y):
        if self._plan.microbatches == 1:
            loss, below = self._stage.update(h, y)
            self.updates += 1
        else:
            loss, below, gradients = self._stage.backward(h, y)
            self._sum_up(job, gradients)
        self.losses[job] = loss
        return below
