"""Looking at a model while it trains: when, and by what is compiled once."""

from dni_lesson.checks import check_int

import keras
import tensorflow as tf


class ProbeMonitor(keras.callbacks.Callback):
    """Measures after each epoch or each few steps; a subclass says what.

    It has a method `_begin`, which is called when training begins, and one
    `_rows`, which yields a dict for each row to come, with these `keys`.
    """

    def __init__(self, keys, every):
        super().__init__()
        if every != "epoch":
            every = check_int("every", every, at_least=1)
        self._keys, self.every = ("step", *keys), every
        self.history = {key: [] for key in self._keys}

    def on_train_begin(self, logs=None):
        self.history = {key: [] for key in self._keys}
        self._step = self._measured = 0
        self._begin()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_start = self._step

    def on_train_batch_end(self, batch, logs=None):
        self._step = self._epoch_start + batch + 1
        if self.every != "epoch" and self._step // self.every > self._measured:
            self._measured = self._step // self.every
            self._measure()

    def on_epoch_end(self, epoch, logs=None):
        if self.every == "epoch":
            self._measure()

    def _measure(self):
        for row in self._rows():
            for key in self._keys:
                value = self._step if key == "step" else row[key]
                self.history[key].append(value)


def traced(function):
    """Returns a `tf.function` of arrays that is traced once for each shape.

    Called by itself, the function of a fifth model would be taken for one that
    is traced too often, and warn.
    """
    known = {}

    def call(*arrays):
        tensors = keras.tree.map_structure(tf.convert_to_tensor, arrays)
        kind = str([(t.shape, t.dtype) for t in tf.nest.flatten(tensors)])
        if kind not in known:
            known[kind] = function.get_concrete_function(*tensors)
        return known[kind](*tensors)

    return call
