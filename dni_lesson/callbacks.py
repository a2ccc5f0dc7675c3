"""Callbacks that watch training and leave it as it is.

Each ends in `history`, a plain dict of equal-length lists, ready for
`pandas.DataFrame`.
"""

import time

from dni_lesson.checks import check_int
from dni_lesson.gradients import agreement, check_probe, gradient_function

import keras
import numpy as np


class GradientMonitor(keras.callbacks.Callback):
    """Compares synthetic with true gradients on a fixed probe batch.

    The true gradients come from one full backward pass through the current
    weights, the synthetic ones from the interfaces. Training is left as it is:
    with and without the monitor the weights are the same, bit for bit. As a
    side effect `history` grows by one row per interface at each measurement.

    One measurement costs about two training steps on a batch of the probe's
    size; the function is compiled when training begins.

    Args:
        x_probe: Array `(batch, *features)`; a few hundred examples are enough.
        y_probe: Array `(batch,)` or `(batch, num_classes)`, their labels.
        every: `"epoch"` or an integer n >= 1: measure after each epoch, or
            after every n-th step. Callbacks see steps in groups of the model's
            `steps_per_execution`, so a measurement comes at the end of the
            group in which it is due; compile with `steps_per_execution=1` to
            have them at the step. Default `"epoch"`.

    Attributes:
        history: Dict of equal-length lists: `step` (training steps since `fit`
            began), `boundary` (1 at the input), `cosine`, `sign_agreement`,
            `norm_ratio`, `relative_error` (see `agreement`). Begins anew with
            each `fit`; empty for a model without interfaces.

    Raises:
        ValueError: If `every` is neither; at the start of training if the
            probe does not fit the model.

    Example:

    >>> monitor = dni.GradientMonitor(x_train[:256], y_train[:256])
    >>> history = model.fit(
    ...     x_train, y_train, epochs=2, verbose=0, callbacks=[monitor]
    ... )
    >>> pandas.DataFrame(monitor.history)[["step", "boundary"]].shape
    (4, 2)
    """

    def __init__(self, x_probe, y_probe, every="epoch"):
        super().__init__()
        if every != "epoch":
            every = check_int("every", every, at_least=1)
        self.x_probe, self.y_probe, self.every = x_probe, y_probe, every
        self.history = _empty_history()

    def on_train_begin(self, logs=None):
        self.history = _empty_history()
        self._step = 0
        self._measured = 0
        probe = check_probe(self.model, self.x_probe, self.y_probe, "probe")
        compute = gradient_function(self.model)
        self._compute = lambda: compute(*probe)
        self._compute()  # Compile now, not inside the first epoch.

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_start = self._step

    def on_train_batch_end(self, batch, logs=None):
        self._step = self._epoch_start + _steps_done(self, batch)
        if self.every != "epoch":
            due = self._step // self.every
            if due > self._measured:
                self._measured = due
                self._measure()

    def on_epoch_end(self, epoch, logs=None):
        if self.every == "epoch":
            self._measure()

    def _measure(self):
        for boundary, true, synthetic in self._compute():
            row = {"step": self._step, "boundary": boundary}
            row.update(agreement(true, synthetic))
            for key, value in row.items():
                self.history[key].append(value)


def _steps_done(callback, batch):
    """Returns the steps done in this epoch.

    Keras reports the end of a full group of `steps_per_execution` steps even
    where the epoch ends within the group.
    """
    return min(batch + 1, callback.params.get("steps") or batch + 1)


def _empty_history():
    keys = ("step", "boundary", *agreement(np.ones(1), np.ones(1)))
    return {key: [] for key in keys}


class ThroughputMonitor(keras.callbacks.Callback):
    """Measures training steps per second, validation and compiling left out.

    The first group of steps of a `fit` compiles the step and is not counted;
    neither is what happens between epochs. Training is left as it is. As a
    side effect `history` grows by one row per epoch. Timings are wall-clock
    and noisy: compare ratios measured side by side.

    Attributes:
        history: Dict of equal-length lists: `epoch` (from 0), `steps` and
            `seconds` (those counted), `steps_per_second`. An epoch in which no
            step was counted has no row. Begins anew with each `fit`.

    Example:

    >>> monitor = dni.ThroughputMonitor()
    >>> history = model.fit(
    ...     x_train, y_train, epochs=2, verbose=0, callbacks=[monitor]
    ... )
    >>> len(monitor.history["steps_per_second"])
    1
    """

    def __init__(self):
        super().__init__()
        self.history = {}

    def on_train_begin(self, logs=None):
        self.history = {
            key: [] for key in ("epoch", "steps", "seconds", "steps_per_second")
        }
        self._compiled = False

    def on_epoch_begin(self, epoch, logs=None):
        self._first, self._last = 0, 0
        self._start = self._end = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self._last, self._end = _steps_done(self, batch), time.perf_counter()
        if not self._compiled:
            self._compiled = True
            self._first, self._start = self._last, self._end

    def on_epoch_end(self, epoch, logs=None):
        steps, seconds = self._last - self._first, self._end - self._start
        if steps:
            row = (epoch, steps, seconds, steps / seconds)
            for values, value in zip(self.history.values(), row, strict=True):
                values.append(value)
