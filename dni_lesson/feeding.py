"""Arrays on their way into a model: checked, then fed in batches.

Keras can feed arrays by itself, but (Keras 3.15, TensorFlow 2.21) after
`keras.utils.set_random_seed` it repeats the order of the first epoch in every
epoch; and the tuner of its pipeline holds up the end of an epoch until a timer
runs out, 10 ms * (2**n - 1) after the start, which can double a short epoch.
"""

from dni_lesson.checks import check_examples, check_int

import keras
import numpy as np
import tensorflow as tf

# Training steps between two returns to Python, and so batches that should wait
# for the next ones. Callbacks see a batch only at such a return. A step takes
# 1.12 times as long with 4, and 0.97 times with 64 (2 CPU cores, cDNI,
# 784-256-256-256-10, batch 256).
STEPS_AT_ONCE = 16


def batches(x, y=None, sample_weight=None, batch_size=None, shuffle=False):
    """Returns the arrays as a data set of batches.

    Args:
        x: Array `(examples, *features)`. Floats become Keras's float type.
        y: Array `(examples, ...)` or `None`. Default `None`.
        sample_weight: Array `(examples,)` or `None`. Default `None`.
        batch_size: Integer >= 1, or `None` for 32, as Keras. Default `None`.
        shuffle: Boolean; a new random order in each epoch, which follows
            `keras.utils.set_random_seed`. Default `False`.

    Returns:
        A `tf.data.Dataset` of tuples `(x,)`, `(x, y)` or
        `(x, y, sample_weight)`; the last batch may be smaller.

    Raises:
        ValueError: If `batch_size` is no integer >= 1 or `sample_weight` has
            not one entry per example.
    """
    batch_size = 32 if batch_size is None else batch_size
    check_int("batch_size", batch_size, at_least=1)
    examples = len(x)
    if sample_weight is not None and len(sample_weight) != examples:
        raise ValueError(
            f"`sample_weight`. Expected one weight per example: {examples}. "
            f"Received: {len(sample_weight)}"
        )
    with tf.device("CPU:0"):
        arrays = tuple(
            tf.constant(_as_keras_float(array))
            for array in (x, y, sample_weight)
            if array is not None
        )

    def order(seed):
        rows = tf.range(examples)
        if shuffle:
            rows = tf.random.experimental.stateless_shuffle(rows, seed)
        return rows

    # Each epoch runs through this afresh and draws another seed.
    seeds = tf.data.Dataset.random(rerandomize_each_iteration=True).batch(2)
    data = (
        seeds.take(1)
        .map(order)
        .rebatch(batch_size)
        .map(lambda row: tuple(tf.gather(array, row) for array in arrays))
        .apply(
            tf.data.experimental.assert_cardinality(-(-examples // batch_size))
        )
        .prefetch(STEPS_AT_ONCE)
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    # To rewrite its graph, tf.data would copy all arrays at each start.
    options.experimental_optimization.apply_default_optimizations = False
    return data.with_options(options)


class CheckedModel(keras.Model):
    """A Keras model that checks arrays and feeds them in `batches`."""

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        *,
        shuffle=True,
        sample_weight=None,
        validation_split=0.0,
        validation_data=None,
        validation_batch_size=None,
        **kwargs,
    ):
        """Trains the model, as `keras.Model.fit`, after checking the arrays.

        Raises:
            ValueError: If arrays `x`, `y`, `sample_weight` or those in
                `validation_data` do not fit the model.
        """
        x, y = check_examples(self, x, y)
        if _is_array(x) and validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = _hold_out(
                validation_split, x, y, sample_weight
            )
        if isinstance(validation_data, list | tuple):
            size = validation_batch_size or batch_size
            validation_data = self._validation(*validation_data, size=size)
        if _is_array(x):
            x = batches(x, y, sample_weight, batch_size, shuffle)
            y, sample_weight, batch_size = None, None, None
            shuffle, validation_split = False, 0.0
        return super().fit(
            x,
            y,
            batch_size,
            epochs,
            shuffle=shuffle,
            sample_weight=sample_weight,
            validation_split=validation_split,
            validation_data=validation_data,
            **kwargs,
        )

    def _validation(self, x, y=None, sample_weight=None, *, size):
        x, y = check_examples(self, x, y, "validation_data")
        return batches(x, y, sample_weight, size)

    def evaluate(
        self, x=None, y=None, batch_size=None, *, sample_weight=None, **kwargs
    ):
        """As `keras.Model.evaluate`, after checking the arrays."""
        x, y = check_examples(self, x, y)
        if _is_array(x):
            x, y = batches(x, y, sample_weight, batch_size), None
            batch_size = sample_weight = None
        return super().evaluate(
            x, y, batch_size, sample_weight=sample_weight, **kwargs
        )

    def predict(self, x, batch_size=None, **kwargs):
        """As `keras.Model.predict`, after checking the array."""
        x, _ = check_examples(self, x)
        if _is_array(x):
            x, batch_size = batches(x, batch_size=batch_size), None
        return super().predict(x, batch_size, **kwargs)


def _hold_out(share, *arrays):
    """Returns two tuples: the arrays without their last `share`, and that.

    Args:
        share: Float between 0 and 1, as `validation_split` in Keras.
        *arrays: Arrays of the same length, or `None`, which stays `None`.
    """
    cut = int(len(arrays[0]) * (1 - share))
    if not 0 < cut < len(arrays[0]):
        raise ValueError(
            "`validation_split`. Expected a number between 0 and 1 that leaves "
            f"examples for training. Received: {share!r}"
        )
    first = tuple(None if one is None else one[:cut] for one in arrays)
    last = tuple(None if one is None else one[cut:] for one in arrays)
    return first, last


def _is_array(x):
    """Returns whether `x` is an array or tensor rather than a data set."""
    return hasattr(x, "__array__")


def _as_keras_float(array):
    array = np.asarray(array)
    if array.dtype.kind == "f":
        return array.astype(keras.config.floatx(), copy=False)
    return array
