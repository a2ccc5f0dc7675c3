"""Arrays on their way into a model: checked, then fed in batches.

Keras can feed arrays by itself, but (Keras 3.15, TensorFlow 2.21) after
`keras.utils.set_random_seed` it repeats the order of the first epoch in every
epoch; and the tuner of its pipeline holds up the end of an epoch until a timer
runs out, 10 ms * (2**n - 1) after the start, which can double a short epoch.
"""

import contextlib

from dni_lesson.checks import check_int
from dni_lesson.examples import (
    check_examples,
    check_labels,
    check_weights,
    is_array,
)
from dni_lesson.stepping import (
    ExecutionCallbacks,
    SeveralSteps,
    is_stackable,
)

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


class CheckedModel(keras.Model):
    """A Keras model that checks arrays and labels, and takes several steps.

    Arrays are checked before anything is trained, the labels of data sets in
    the step in which they are read.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._steps_at_once, self._several_steps = 1, {}
        self._callbacks = None

    def build_for(self, x):
        """Builds the model, if it is not built, for arrays such as these."""
        if not self.built:
            with _scope(self):
                self.build(
                    keras.tree.map_structure(
                        lambda one: (None, *one.shape[1:]), x
                    )
                )

    def make_train_function(self, force=False):
        """As in Keras, with checked labels, and several steps in a call."""
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = self._checking(
                "train", self.train_function, self.train_step
            )

    def make_test_function(self, force=False):
        """As in Keras, with checked labels, and several steps in a call."""
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = self._checking(
                "test", self.test_function, self.test_step
            )

    def _checking(self, kind, function, step):
        """Returns a function of an iterator that looks at each batch first."""
        if keras.backend.backend() != "tensorflow":
            return function
        several = None
        if self._steps_at_once > 1 and not self.run_eagerly:
            several = SeveralSteps(step, self._steps_at_once, self.jit_compile)
        self._several_steps[kind] = several

        def call(iterator):
            if isinstance(iterator, tf.distribute.DistributedIterator):
                return function(iterator)
            batch = next(iterator)
            x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
            try:
                if is_array(x) and is_array(y):
                    self.build_for(x)
                    check_labels(self, y)
            except ValueError:
                self._finish_steps()
                raise
            if several is not None and is_stackable(iterator):
                return several(batch)
            return function(iter([batch]))

        return call

    def get_metrics_result(self):
        """As in Keras, once steps that wait for others are done."""
        self._finish_steps()
        return super().get_metrics_result()

    def _waiting(self, kind):
        several = self._several_steps.get(kind)
        return several is not None and several.waiting

    def _finish_steps(self):
        for kind in filter(self._waiting, self._several_steps):
            logs = self._several_steps[kind].finish()
            if self._callbacks is not None:
                self._callbacks.finish(kind, logs)

    @contextlib.contextmanager
    def _execution_callbacks(self, callbacks, data, steps, verbose, **kwargs):
        """Has callbacks told of executions while the body runs."""
        outside = self._callbacks
        if not isinstance(callbacks, ExecutionCallbacks):  # Those of `fit`.
            callbacks = ExecutionCallbacks(
                self._waiting,
                getattr(callbacks, "callbacks", callbacks),
                add_progbar=verbose != 0,
                verbose=verbose,
                steps=steps or number_of_batches(data),
                model=self,
                **kwargs,
            )
        self._callbacks = callbacks
        try:
            yield callbacks
        finally:
            self._callbacks = outside
            if outside is None:  # After an error or an interrupt some wait.
                for kind in filter(self._waiting, self._several_steps):
                    self._several_steps[kind].waiting.clear()

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
        with self._execution_callbacks(
            callbacks,
            x,
            steps_per_epoch,
            verbose,
            add_history=True,
            epochs=epochs,
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
        with self._execution_callbacks(
            callbacks, x, steps, verbose, epochs=1
        ) as callbacks:
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

    def make_predict_function(self, force=False):
        """As in Keras, for groups of any number of batches."""
        before = self.steps_per_execution
        self.steps_per_execution = 2
        try:
            super().make_predict_function(force)
        finally:
            self.steps_per_execution = before

    def predict(
        self, x, batch_size=None, verbose="auto", steps=None, callbacks=None
    ):
        """As `keras.Model.predict`, after checking the array."""
        x, _ = check_examples(self, x)
        if is_array(x):
            x, batch_size = batches(x, batch_size=batch_size), None
        # Keras takes whole groups, more than `steps` says, and counts those
        # that an end cuts short as whole ones.
        together = not steps and number_of_batches(x) is not None
        with self._execution_callbacks(
            callbacks, x, steps, verbose, epochs=1
        ) as callbacks:
            self.steps_per_execution = self._steps_at_once if together else 1
            try:
                return super().predict(x, batch_size, verbose, steps, callbacks)
            finally:
                self.steps_per_execution = 1


def _scope(model):
    """Returns the scope in which a model's variables are made."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy.scope() if strategy else contextlib.nullcontext()


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


def number_of_batches(data):
    """Returns how many batches a data set has, or `None`."""
    if isinstance(data, keras.utils.PyDataset):
        return data.num_batches
    try:
        return len(data)
    except TypeError:  # Not known, or without end.
        return None


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


def _as_keras_float(array):
    array = np.asarray(array)
    if array.dtype.kind == "f":
        return array.astype(keras.config.floatx(), copy=False)
    return array
