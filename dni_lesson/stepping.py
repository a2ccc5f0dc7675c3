"""The loops of `fit`, `evaluate` and `predict`, several steps in a call.

Keras compiles a step and calls it in a loop. In a small network what
TensorFlow does between two calls takes as long as a good part of the step, so
here the loop is compiled too. Keras can do that by itself, but in whole groups
of steps alone, so that (Keras 3.15) it runs more of them than
`steps_per_epoch` says. Here each group is told how long it is before it begins:

    fit(..., steps_per_epoch=20), steps_per_execution=8
    Keras counts       0 ... 7   8 ... 15   16 ... 23
    steps taken        8         8          4
    callbacks hear of  7         15         19
"""

import contextlib
import itertools

from dni_lesson.examples import check_labels, is_array

import keras
import tensorflow as tf

# Training steps between two returns to Python. Callbacks see a batch only at
# such a return. A step takes 1.12 times as long with 4, and 0.97 times with 64
# (2 CPU cores, cDNI, 784-256-256-256-10, batch 256).
STEPS_AT_ONCE = 16


CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)


def convolves_on_cpu(layers):
    """Returns whether there are convolutions, and no GPU to compute them.

    XLA then makes the step of a small `cnn` slower: 35 ms a step, and 250 in a
    loop of 16 steps, against 15 in that loop without it (2 CPU cores, 28 x 28,
    two blocks of 16, batch 128, backprop).

    Args:
        layers: List of Keras layers or models; entries may be `None`.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    if tf.config.list_physical_devices("GPU"):
        return False
    return _convolve(layers)


def _convolve(layers):
    return any(
        isinstance(one, CONVOLUTIONS) or _convolve(getattr(one, "layers", []))
        for one in layers
    )


def several_steps(step, count, jit_compile=True):
    """Returns a function that takes up to `count` steps in a compiled call.

    Args:
        step: Function of the data of a batch, such as `train_step`.
        count: Integer >= 1.
        jit_compile: Boolean, whether XLA compiles the loop. Default `True`.

    Returns:
        A function of a list of batches, which returns the logs of the last
        step. There is one call for neighbours of the same shapes; batches of
        one call are in memory together.
    """
    # A function of its own is traced once, not each time that the loop is.
    step = tf.function(step, autograph=False, reduce_retracing=True)
    traced_calls = {}

    @tf.function(jit_compile=jit_compile, autograph=False)
    def steps(stacked, number):
        def batch(k):
            return tf.nest.map_structure(lambda values: values[k], stacked)

        # Also where an error in the step shows, before any loop.
        traced = step.get_concrete_function(batch(0))
        nothing = tf.nest.map_structure(
            lambda log: tf.zeros(log.shape, log.dtype),
            traced.structured_outputs,
        )
        return tf.while_loop(
            lambda k, _: k < number,
            lambda k, _: (k + 1, step(batch(k))),
            (0, nothing),
        )[1]

    def take(group):
        logs = None
        for shapes, alike in itertools.groupby(group, _shapes):
            alike = list(alike)
            number = tf.constant(len(alike))
            # As many in every call, so that one compilation serves all.
            alike += alike[-1:] * (count - len(alike))
            with tf.device("CPU:0"):
                stacked = tf.nest.map_structure(_stack, *alike)
            # Called by itself, the `tf.function` of a fifth model would be
            # taken for one that is traced too often, and warn.
            if shapes not in traced_calls:
                traced_calls[shapes] = steps.get_concrete_function(
                    stacked, number
                )
            logs = traced_calls[shapes](stacked, number)
        return logs

    return take


def _shapes(data):
    return tuple((leaf.shape, leaf.dtype) for leaf in tf.nest.flatten(data))


def _stack(*tensors):
    return tf.stack(tensors)


def is_stackable(iterator):
    """Returns whether the batches of an iterator can go into one call.

    Data with `None` or ragged tensors have no stack; a Python iterator is what
    `train_on_batch` hands on.
    """
    return isinstance(iterator, tf.data.Iterator) and all(
        isinstance(spec, tf.TensorSpec)
        for spec in tf.nest.flatten(iterator.element_spec)
    )


class Executions(keras.callbacks.CallbackList):
    """Tells the model how long a group of steps is, then callbacks how long it
    was.

    Args:
        model: `SteppingModel`.
        limit: Integer, the steps of an epoch; `None` for all that data have.
        callbacks: List of callbacks, or `None`.
        **kwargs: As for `keras.callbacks.CallbackList`.
    """

    def __init__(self, model, limit, callbacks, **kwargs):
        self.limit = limit
        super().__init__(callbacks, model=model, **kwargs)

    def _begin(self, batch):
        self._first, steps = batch, self.model.together
        if self.limit:
            steps = min(steps, self.limit - batch)
        self.model.steps_per_execution = self.model.steps_done = steps

    def _end(self):
        self.model.steps_per_execution = self.model.together
        return self._first + self.model.steps_done - 1

    def on_train_batch_begin(self, batch, logs=None):
        self._begin(batch)
        super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(self._end(), logs)

    def on_test_batch_begin(self, batch, logs=None):
        self._begin(batch)
        super().on_test_batch_begin(batch, logs)

    def on_test_batch_end(self, batch, logs=None):
        super().on_test_batch_end(self._end(), logs)

    def on_predict_batch_begin(self, batch, logs=None):
        self._begin(batch)
        super().on_predict_batch_begin(batch, logs)

    def on_predict_batch_end(self, batch, logs=None):
        super().on_predict_batch_end(self._end(), logs)


class SteppingModel(keras.Model):
    """A Keras model whose loops take several steps in a compiled call.

    The labels of a batch are checked when it is read.

    Attributes:
        together: Integer, the steps of a whole group in Keras's loop.
        steps_per_execution: Integer, those of the present group.
        steps_done: Integer, those that there was data for.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps_at_once = self.together = self.steps_done = 1

    def build_for(self, x):
        """Builds the model, if it is not built, for arrays such as these."""
        if not self.built:
            strategy = getattr(self, "distribute_strategy", None)
            with strategy.scope() if strategy else contextlib.nullcontext():
                self.build(
                    keras.tree.map_structure(
                        lambda array: (None, *array.shape[1:]), x
                    )
                )

    def is_distributed(self):
        """Returns whether a `tf.distribute` strategy is at work."""
        strategy = getattr(self, "distribute_strategy", None)
        if strategy is None:
            return False
        with strategy.scope():
            return tf.distribute.has_strategy()

    def make_train_function(self, force=False):
        """As in Keras, for groups of steps with checked labels."""
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = self._by_groups(
                self.train_function, self.train_step
            )

    def make_test_function(self, force=False):
        """As in Keras, for groups of steps with checked labels."""
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = self._by_groups(
                self.test_function, self.test_step
            )

    def make_predict_function(self, force=False):
        """As in Keras, and counts the steps of a group."""
        if self.predict_function is None or force:
            super().make_predict_function(force)
            if keras.backend.backend() == "tensorflow":
                function = self.predict_function

                def call(group):
                    self.steps_done = len(group)
                    return function(group)

                self.predict_function = call

    def _by_groups(self, one_by_one, step):
        """Returns a function of an iterator that takes a group of steps."""
        if keras.backend.backend() != "tensorflow":
            return one_by_one
        at_once = several_steps(step, self.steps_at_once, self.jit_compile)

        def call(iterator):
            if isinstance(iterator, tf.distribute.DistributedIterator):
                return one_by_one(iterator)

            def take(group):
                self.steps_done = len(group)
                if self.together > 1 and is_stackable(iterator):
                    return at_once(group)
                return one_by_one(iter(group))

            group = []
            try:
                for batch in itertools.islice(
                    iterator, self.steps_per_execution
                ):
                    self._check_labels_of(batch)
                    group.append(batch)
            except Exception:
                if group:  # As if each had been taken when it was read.
                    take(group)
                raise
            if not group:
                raise StopIteration
            return take(group)

        return call

    def _check_labels_of(self, batch):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        if is_array(x) and is_array(y):
            self.build_for(x)
            check_labels(self, y)

    @contextlib.contextmanager
    def executions(
        self, callbacks, data, steps, verbose, epochs=1, add_history=False
    ):
        """Has Keras's loop go by groups of steps while the body runs."""
        limit = steps or keras.config.max_steps_per_epoch()
        if isinstance(callbacks, Executions):  # Those of `fit` validate.
            before, callbacks.limit = callbacks.limit, limit
            try:
                yield callbacks
            finally:
                callbacks.limit = before
            return
        before = self.together, self.steps_per_execution
        goes_by_groups = (
            keras.backend.backend() == "tensorflow"
            and not self.run_eagerly
            and not self.is_distributed()
            and (epochs == 1 or _ends_are_found(data, limit))
        )
        self.together = self.steps_at_once if goes_by_groups else 1
        self.steps_per_execution = self.together
        try:
            yield Executions(
                self,
                limit,
                getattr(callbacks, "callbacks", callbacks),
                add_history=add_history,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=epochs,
                steps=steps or _number_of_batches(data),
            )
        finally:
            self.together, self.steps_per_execution = before


def _number_of_batches(data):
    """Returns how many batches a data set has, or `None`."""
    if isinstance(data, keras.utils.PyDataset):
        return data.num_batches
    try:
        return len(data)
    except TypeError:  # Not known, or without end.
        return None


def _ends_are_found(data, limit):
    """Returns whether Keras, going by groups, finds the end of each epoch.

    Where epochs of `limit` steps follow each other through data that end, it
    counts the last group as a whole one and believes too early in the end.
    """
    number = _number_of_batches(data)
    if not limit or limit == number:
        return True
    if isinstance(data, tf.data.Dataset):
        return data.cardinality() == tf.data.INFINITE_CARDINALITY
    return number is None  # A generator does not begin anew.
