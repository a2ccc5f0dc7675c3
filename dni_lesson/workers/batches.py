"""The jobs of the first worker: mini-batches and their parts, in order."""

import keras
import numpy as np
import tensorflow as tf


class Batches:
    """Examples in the order in which a run trains on them.

    Args:
        x: Array `(examples, *features)`.
        y: Array `(examples, ...)`.
        batch_size: Integer >= 1; the last batch of an epoch may be smaller.
        microbatches: Integer >= 1, equal parts of a mini-batch.
        seed: Integer, of a new order for each epoch; `None` for the order of
            the arrays.

    Attributes:
        per_epoch: Integer, mini-batches in an epoch.
        shares: Array `(per_epoch,)`, how much of an epoch each of them is.

    Raises:
        ValueError: If `microbatches` does not divide the size of a batch.
    """

    def __init__(self, x, y, batch_size, microbatches, seed):
        x, y = np.asarray(x), np.asarray(y)
        if x.dtype.kind == "f":
            x = x.astype(keras.config.floatx(), copy=False)
        self._x, self._y, self._seed = x, y, seed
        self._size, self._parts = batch_size, microbatches
        starts = np.arange(0, len(x), batch_size)
        self.per_epoch = len(starts)
        self.shares = np.minimum(batch_size, len(x) - starts) / len(x)
        for size in self._sizes():
            if size % microbatches:
                raise ValueError(
                    "`microbatches`. Expected a divisor of the sizes of all "
                    f"batches, {self._sizes()}. "
                    f"Received: microbatches={microbatches}"
                )
        self._epoch = self._order = None

    def _sizes(self):
        examples, size = len(self._x), self._size
        whole = [size] if examples >= size else []
        return whole + ([examples % size] if examples % size else [])

    def examples(self):
        """Yields one job `(h, y)` for each size that occurs."""
        for size in self._sizes():
            yield self._tensors(slice(size // self._parts))

    def __call__(self, job):
        """Returns the tensors `(h, y)` of a job, counted from 0."""
        batch, part = divmod(job, self._parts)
        epoch, batch = divmod(batch, self.per_epoch)
        rows = self._rows(epoch)[batch * self._size : (batch + 1) * self._size]
        size = len(rows) // self._parts
        return self._tensors(rows[part * size : (part + 1) * size])

    def _rows(self, epoch):
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.arange(len(self._x))
            if self._seed is not None:
                order = np.random.default_rng([self._seed, epoch])
                order.shuffle(self._order)
        return self._order

    def _tensors(self, rows):
        return tf.constant(self._x[rows]), tf.constant(self._y[rows])
