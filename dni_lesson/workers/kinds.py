"""What the kinds of workers do with a message."""

import math

from dni_lesson.workers.worker import Worker

import tensorflow as tf


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
        self.above.box.put("input", (job, out, y))
        self._send_down(job, g)
        self._held[job] = out, y, self.updates


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
        if self.plan.microbatches == 1:
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
        count = self._count(h)
        self._done += count
        learn = self._learn_top
        g = self._timed("backward", job, learn, job, h, y, count=count)
        self._send_down(job, g)
        done, rest = divmod(job + count, self.plan.microbatches)
        if rest == 0 and done % self.plan.report_every == 0:
            losses, self.losses = self.losses, {}
            self.on_report(done, losses)

    def _may_start_until(self):
        return math.inf

    def _learn_top(self, job, h, y):
        if self.plan.microbatches == 1:
            loss, below = self._stage.update(h, y)
            self.updates += self._count(h)
        else:
            loss, below, gradients = self._stage.backward(h, y)
            self._sum_up(job, gradients)
        losses = tf.unstack(loss) if self.plan.together else [loss]
        self.losses.update(enumerate(losses, job))
        return below
