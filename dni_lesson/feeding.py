"""Arrays on their way into a model, as a data set of batches.

Keras can feed arrays by itself, but (Keras 3.15, TensorFlow 2.21) after
`keras.utils.set_random_seed` it repeats the order of the first epoch in every
epoch; and the tuner of its pipeline holds up the end of an epoch until a timer
runs out, 10 ms * (2**n - 1) after the start, which can double a short epoch.
"""

from dni_lesson.checks import check_int
from dni_lesson.examples import check_examples, check_weights, is_array
from dni_lesson.stepping import STEPS_AT_ONCE, SteppingModel

import keras
import numpy as np
import tensorflow as tf


def batches(x, y=None, sample_weight=None, batch_size=None, shuffle=False):
    """Returns the arrays as a data set of batches.

    Args:
        x: Array `(examples, *features)`, or a structure of such arrays. Floats
            become Keras's float type.
        y: Array `(examples, ...)` or `None`. Default `None`.
        sample_weight: Array `(examples, ...)` or `None`. Default `None`.
        batch_size: Integer >= 1, or `None` for 32, as Keras. Default `None`.
        shuffle: Boolean; a new random order in each epoch, which follows
            `keras.utils.set_random_seed`. Default `False`.

    Returns:
        A `tf.data.Dataset` of tuples `(x,)`, `(x, y)` or
        `(x, y, sample_weight)`; the last batch may be smaller.

    Raises:
        ValueError: If `batch_size` is no integer >= 1.
    """
    batch_size = 32 if batch_size is None else batch_size
    batch_size = check_int("batch_size", batch_size, at_least=1)
    given = (one for one in (x, y, sample_weight) if one is not None)
    given = keras.tree.lists_to_tuples(tuple(given))  # tf.data stacks lists.
    with tf.device("CPU:0"):
        arrays = keras.tree.map_structure(
            lambda array: tf.constant(_as_keras_float(array)), given
        )
    examples = len(keras.tree.flatten(arrays)[0])

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
        .map(
            lambda row: tf.nest.map_structure(
                lambda array: tf.gather(array, row), arrays
            )
        )
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


class CheckedModel(SteppingModel):
    """A Keras model that checks arrays before it computes anything."""

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains the model, as `keras.Model.fit`, after checking the arrays.

        Raises:
            ValueError: If arrays `x`, `y`, `sample_weight` or those in
                `validation_data`, or the labels of a data set, do not fit the
                model.
        """
        x, y = check_examples(self, x, y)
        are_arrays = is_array(x)
        if are_arrays:
            sample_weight = _weights(x, y, sample_weight, class_weight)
            class_weight = None
            if validation_split and validation_data is None:
                (x, y, sample_weight), validation_data = _hold_out(
                    validation_split, x, y, sample_weight
                )
        if isinstance(validation_data, list | tuple):
            size = validation_batch_size or batch_size
            validation_data = self._validation(*validation_data, size=size)
        if are_arrays:
            x = batches(x, y, sample_weight, batch_size, shuffle)
            y = sample_weight = batch_size = None
            shuffle, validation_split = False, 0.0
        with self.executions(
            callbacks, x, steps_per_epoch, verbose, epochs, add_history=True
        ) as callbacks:
            return super().fit(
                x,
                y,
                batch_size,
                epochs,
                verbose,
                callbacks,
                validation_split,
                validation_data,
                shuffle,
                class_weight,
                sample_weight,
                initial_epoch,
                steps_per_epoch,
                validation_steps,
                validation_batch_size,
                validation_freq,
            )

    def _validation(self, x, y=None, sample_weight=None, *, size):
        x, y = check_examples(self, x, y, "validation_data")
        weight = _weights(x, y, sample_weight, name="validation_data")
        return batches(x, y, weight, size)

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """As `keras.Model.evaluate`, after checking the arrays."""
        x, y = check_examples(self, x, y)
        if is_array(x):
            weight = _weights(x, y, sample_weight)
            x, y = batches(x, y, weight, batch_size), None
            batch_size = sample_weight = None
        with self.executions(callbacks, x, steps, verbose) as callbacks:
            return super().evaluate(
                x,
                y,
                batch_size,
                verbose,
                sample_weight,
                steps,
                callbacks,
                return_dict,
                **kwargs,
            )

    def predict(
        self, x, batch_size=None, verbose="auto", steps=None, callbacks=None
    ):
        """As `keras.Model.predict`, after checking the array."""
        x, _ = check_examples(self, x)
        if is_array(x):
            x, batch_size = batches(x, batch_size=batch_size), None
        with self.executions(callbacks, x, steps, verbose) as callbacks:
            return super().predict(x, batch_size, verbose, steps, callbacks)


def _as_keras_float(array):
    array = np.asarray(array)
    if array.dtype.kind == "f":
        return array.astype(keras.config.floatx(), copy=False)
    return array


def _weights(x, y, sample_weight, class_weight=None, name="sample_weight"):
    """Returns the weight of each example, or `None`."""
    examples = len(keras.tree.flatten(x)[0])
    if sample_weight is not None:
        if class_weight is not None:
            raise ValueError(
                "`class_weight` and `sample_weight` cannot both be given"
            )
        check_weights(name, sample_weight, examples)
        return np.asarray(sample_weight)
    if class_weight is None:
        return None
    labels = np.asarray(y)
    if labels.ndim > 1:
        one_hot = labels.shape[-1] != 1
        labels = labels.argmax(-1) if one_hot else labels[..., 0]
    weights = np.ones(labels.shape, keras.config.floatx())
    for number, weight in class_weight.items():
        weights[labels == number] = weight
    return weights


def _hold_out(share, *arrays):
    """Returns two tuples: the arrays without their last `share`, and that.

    Args:
        share: Float between 0 and 1, as `validation_split` in Keras.
        *arrays: Arrays of the same length, or structures of them, or `None`,
            which stays `None`.
    """
    examples = len(keras.tree.flatten(arrays)[0])
    cut = int(examples * (1 - share))
    if not 0 < cut < examples:
        raise ValueError(
            "`validation_split`. Expected a number between 0 and 1 that leaves "
            f"examples for training. Received: {share!r}"
        )
    return tuple(
        keras.tree.map_structure(
            lambda one, part=part: None if one is None else one[part], arrays
        )
        for part in (slice(cut), slice(cut, None))
    )
