"""The jobs of the first worker: mini-batches and their parts, in order."""

from dni_lesson.checks import check_bool, check_int

import keras
import numpy as np
import tensorflow as tf


class Batches:
    """Examples in the order in which a run trains on them.

    Args:
        x: Array `(examples, *features)`.
        y: Array `(examples, ...)`.
        batch_size: Integer >= 1; the last batch of an epoch may be smaller.
        schedule: `Schedule`. Its `microbatches` are equal parts of a
            mini-batch. Of those that go `together` there are fewer where an
            epoch ends, and a last, smaller one is alone.
        seed: Integer >= 0, of the order of the examples. Default `0`.
        shuffle: Boolean: a new order in each epoch, or that of the arrays.
            Default `True`.

    Attributes:
        per_epoch: Integer, mini-batches in an epoch.
        kind: Tuple, the dtypes and shapes of examples.
        shares: Array `(per_epoch,)`, how much of an epoch each of them is.

    Raises:
        ValueError: If an argument is out of its range, or the number of
            micro-batches does not divide the size of a batch.
    """

    def __init__(self, x, y, batch_size, schedule, seed=0, shuffle=True):
        batch_size = check_int("batch_size", batch_size, at_least=1)
        x, y = np.asarray(x), np.asarray(y)
        if x.dtype.kind == "f":
            x = x.astype(keras.config.floatx(), copy=False)
        self._x, self._y = x, y
        self._seed = check_int("seed", seed, at_least=0)
        self._shuffles = check_bool("shuffle", shuffle)
        self.kind = x.dtype.str, x.shape[1:], y.dtype.str, y.shape[1:]
        self._size, self._microbatches = batch_size, schedule.microbatches
        self._together = schedule.together
        starts = np.arange(0, len(x), batch_size)
        self.per_epoch = len(starts)
        self.shares = np.minimum(batch_size, len(x) - starts) / len(x)
        for size in self._sizes():
            if size % self._microbatches:
                raise ValueError(
                    "`microbatches`. Expected a divisor of the sizes of all "
                    f"batches, {self._sizes()}. "
                    f"Received: microbatches={self._microbatches}"
                )
        self._epoch = self._order = None

    def _sizes(self):
        examples, size = len(self._x), self._size
        whole = [size] if examples >= size else []
        return whole + ([examples % size] if examples % size else [])

    def examples(self):
        """Yields one job `(h, y)` for each shape that occurs."""
        batch, shapes = 0, set()
        while batch < self.per_epoch:
            places = self._places(batch)
            if places.shape not in shapes:
                shapes.add(places.shape)
                yield self(batch * self._microbatches)
            batch += len(places)

    def __call__(self, job):
        """Returns the tensors `(h, y)` of a job.

        Args:
            job: Integer, counted from 0 in micro-batches; of several
                mini-batches it is the first.
        """
        batch, part = divmod(job, self._microbatches)
        epoch, batch = divmod(batch, self.per_epoch)
        rows = self._rows(epoch)[self._places(batch)]
        if self._together > 1:
            return self._tensors(rows)
        (rows,) = rows
        size = len(rows) // self._microbatches
        return self._tensors(rows[part * size : (part + 1) * size])

    def _places(self, batch):
        """Returns the places in an epoch of the mini-batches from this one on
        that go together, `(mini-batches, batch)`."""
        whole = len(self._x) // self._size - batch
        count = max(min(self._together, whole), 1)
        start = batch * self._size
        end = min(start + count * self._size, len(self._x))
        return np.arange(start, end).reshape(count, -1)

    def _rows(self, epoch):
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.arange(len(self._x))
            if self._shuffles:
                rng = np.random.default_rng([self._seed, epoch])
                rng.shuffle(self._order)
        return self._order

    def _tensors(self, rows):
        return tf.constant(self._x[rows]), tf.constant(self._y[rows])
