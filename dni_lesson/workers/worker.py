"""Workers: when each of them does what, and what it does with a message.

Workers share nothing but messages. Worker k alone reads and writes the weights
of its part. Inputs reach a worker in the order of the mini-batches; nothing
else is ordered between workers.
"""

import math
import threading
import time

from dni_lesson.schedules import Event
from dni_lesson.workers.history import EpochEnds, Record
from dni_lesson.workers.mailbox import Mailbox

import tensorflow as tf

# A decoupled worker and mini-batch j:
#
#   worker below                 this worker                  worker above
#        |                            |                             |
#        |----- "input" (j, h, y) --->| out = forward(h, y)         |
#        |                            |----- "input" (j, out, y) -->|
#        |                            | update_synthetic(): new     |
#        |                            | weights, without waiting    |
#        |<--- "gradient" (j, g_h) ---|                             |
#        |                            | the same for j + 1, ...:    |
#        |                            | `window` may be under way   |
#        |                            |<---- "gradient" (j, g) -----|
#        |                            | train_predictor(out, y, g)  |
#
# Where gradients are not synthetic, "input" means forward(h, y) alone, and
# "gradient" means update(g): only then there is a g_h to send.


class Worker:
    """One worker: its part of the network, its mailbox and its neighbours.

    Args:
        number: Integer, counted from 1 at the input.
        stage: `LowerStage` or `TopStage`, compiled.
        plan: `Plan`.
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
        after_message: Function that is called between two messages.
        on_epoch_end: Function that gets the number of mini-batches, the weights
            as from `EpochEnds`, and of the top a dict, job to loss.
    """

    freshest_first = None  # the kind of messages of which this is true

    def __init__(self, number, stage, plan, source=None):
        self.number, self._stage, self.plan = number, stage, plan
        self._schedule = plan.schedule
        self.below = self.above = None
        kinds = "input", "gradient", "go on"
        self.box = Mailbox(plan.link_delay, kinds, plan.bandwidth)
        self.turn = threading.Lock()
        self._source = source
        microbatches = self._schedule.microbatches
        self._jobs = plan.minibatches * microbatches
        self._started = self._done = plan.first * microbatches
        self._under_way, self._gradients = {}, []
        self.events, self.staleness = [], []
        self.updates = self.predictor_updates = 0
        self._busy_since = None
        self.after_message = lambda: None
        self.on_epoch_end = lambda minibatches, weights, losses: None
        self._until = plan.end_after(plan.first) if plan.watched else math.inf

    @property
    def position(self):
        """After how many mini-batches the weights are as they are."""
        return self.plan.first + self.updates

    def busy(self):
        """Returns for how many seconds the present call has lasted."""
        since = self._busy_since
        return 0.0 if since is None else time.perf_counter() - since

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
        ends = EpochEnds(self._stage, self.plan)
        with self._stage.on_device():
            while self._done < self._jobs:
                kind, message = self._next()
                with self.turn:
                    self._do(kind, message)
                    for end in ends.reached(
                        self.updates, self.predictor_updates
                    ):
                        self.on_epoch_end(*end, self._take_losses())
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

    def _take_losses(self):
        return None

    def _next(self):
        """Waits for the next message; gradients before new inputs."""
        may_start = self._started < min(self._jobs, self._may_start_until())
        kinds = ["gradient", "input"] if may_start else ["gradient"]
        if self.plan.in_turn:
            kinds = kinds[-1:]
        newest = None if self.plan.in_turn else self.freshest_first
        if self._source is None or not may_start:
            return self.box.take(kinds, newest)
        if self._has_to_wait():
            return self.box.take([*kinds[:-1], "go on"], newest)
        # The first worker takes its inputs itself: it never waits for one.
        message = self.box.take(kinds, newest, wait=False)
        return message or ("input", self._from_source())

    def _has_to_wait(self):
        # As if the answer to an epoch's last mini-batch were not yet back.
        ahead = self._schedule.window - 1 if self.above else 0
        started = self._started // self._schedule.microbatches
        return started >= self._until + ahead

    def _may_start_until(self):
        # A mini-batch that has begun to come back is not yet done.
        size = self._schedule.microbatches
        return (self._done // size + self._schedule.window) * size

    def _from_source(self):
        return self._started, *self._source(self._started)

    def _count(self, tensor):
        """Returns how many jobs a message with this tensor is about."""
        return len(tensor) if self._schedule.together > 1 else 1

    def _timed(self, phase, job, call, *arguments, count=1):
        """Calls and records an event, or several that share the time."""
        self._busy_since = start = time.perf_counter()
        result = call(*arguments)
        each, self._busy_since = (time.perf_counter() - start) / count, None
        for k in range(count):
            batch, part = divmod(job + k, self._schedule.microbatches)
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

    def _send_up(self, job, out, y):
        self.above.box.put("input", (job, out, y))

    def _send_down(self, job, g):
        if self.below is not None:
            self.below.box.put("gradient", (job, g))


class Decoupled(Worker):
    """Updates itself at once and learns to predict from what comes back."""

    freshest_first = "gradient"

    def on_input(self, job, h, y):
        stage = self._stage
        out, residuals = self._timed("forward", job, stage.forward, h, y)
        self._send_up(job, out, y)
        update = stage.update_synthetic
        g = self._timed("synthetic backward", job, update, residuals, out, y)
        self.updates += 1
        self._send_down(job, g)
        self._under_way[job] = out, y, self.updates

    def on_gradient(self, job, g):
        out, y, updates = self._under_way.pop(job)
        count = self._count(out)
        for k in reversed(range(count)):
            self.staleness.append(self.updates - updates + k)
        if self._stage.learns_to_predict:
            train = self._stage.train_predictor
            self._timed("predictor", job, train, out, y, g, count=count)
            self.predictor_updates += count


class DecoupledTogether(Decoupled):
    """The same for several mini-batches in a call, one after the other.

    Its forward and backward pass are one call, recorded as `"synthetic
    backward"`.
    """

    def on_input(self, job, h, y):
        learn, count = self._stage.learn, self._count(h)
        out, g = self._timed(
            "synthetic backward", job, learn, h, y, count=count
        )
        self.updates += count
        self._send_up(job, out, y)
        self._send_down(job, g)
        self._under_way[job] = out, y, self.updates


class TrueGradient(Worker):
    """Waits for the true gradient; later mini-batches may begin meanwhile."""

    def on_input(self, job, h, y):
        out, residuals = self._timed("forward", job, self._stage.forward, h, y)
        self._under_way[job] = residuals, self.updates
        self._send_up(job, out, y)

    def on_gradient(self, job, g):
        residuals, updates = self._under_way.pop(job)
        self.staleness.append(self.updates - updates)
        below = self._timed("backward", job, self._learn, job, residuals, g)
        self._send_down(job, below)

    def _learn(self, job, residuals, g):
        if self._schedule.microbatches == 1:
            below = self._stage.update(residuals, g)
            self.updates += 1
            return below
        below, gradients = self._stage.backward(residuals, g)
        self._sum_up(job, gradients)
        return below

    def _sum_up(self, job, gradients):
        """Updates the part when all micro-batches of a mini-batch are there."""
        self._gradients.append(gradients)
        if (job + 1) % self._schedule.microbatches == 0:
            self._stage.apply(self._gradients)
            self._gradients = []
            self.updates += 1


class Top(TrueGradient):
    """The last worker: the loss is its own, so it never waits for a gradient.

    Its forward and backward pass are one call, recorded as `"backward"`.

    Attributes:
        losses: Dict of tensors, job to loss, since an epoch's last end.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.losses = {}

    def on_input(self, job, h, y):
        count = self._count(h)
        self._done += count
        learn = self._learn_top
        g = self._timed("backward", job, learn, job, h, y, count=count)
        self._send_down(job, g)

    def _take_losses(self):
        losses, self.losses = self.losses, {}
        return losses

    def _may_start_until(self):
        return math.inf

    def _learn_top(self, job, h, y):
        if self._schedule.microbatches == 1:
            loss, below = self._stage.update(h, y)
            self.updates += self._count(h)
        else:
            loss, below, gradients = self._stage.backward(h, y)
            self._sum_up(job, gradients)
        losses = tf.unstack(loss) if self._schedule.together > 1 else [loss]
        self.losses.update(enumerate(losses, job))
        return below


def make_worker(number, stage, plan, source=None):
    """Returns the kind of worker that a part needs; arguments as `Worker`."""
    if stage.part.is_last:
        kind = Top
    elif not plan.schedule.synthetic:
        kind = TrueGradient
    elif plan.schedule.together > 1:
        kind = DecoupledTogether
    else:
        kind = Decoupled
    return kind(number, stage, plan, source)


class WorkerError(RuntimeError):
    """A worker raised, took too long, or could not be restarted.

    Attributes:
        module: Integer, the worker, counted from 1 at the input. It holds
            several modules if there are fewer workers than modules.
    """

    def __init__(self, module, trouble):
        super().__init__(f"Module {module} {trouble}")
        self.module = module


KEPT = "Updates that were finished are kept in the model"


def check_progress(workers, step_timeout):
    """Raises a `WorkerError` if a worker hangs, or all wait for each other.

    Args:
        workers: List of triples: the number, for how many seconds its present
            call lasts, and for how many it waits without a message on its way,
            infinite after the end.
        step_timeout: Float, seconds.
    """
    for number, busy, _ in workers:
        if busy > step_timeout:
            raise WorkerError(
                number,
                "hangs: a call has not returned for "
                f"step_timeout={step_timeout} s. {KEPT}",
            )
    waits = {number: idle for number, _, idle in workers if idle < math.inf}
    if waits and min(waits.values()) > step_timeout:
        raise WorkerError(
            min(waits),
            "and all others wait, and no message has been on its way for "
            f"step_timeout={step_timeout} s. {KEPT}",
        )
