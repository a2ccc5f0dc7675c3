"""Several training steps in one compiled call.

Keras compiles a step and calls it in a loop. In a small network what
TensorFlow does between two calls takes as long as a good part of the step, so
here the loop is compiled too. Keras can do that by itself, but it counts whole
groups of steps and so (Keras 3.15) runs more of them than `steps_per_epoch`
says. Here Keras takes single steps, which wait until a group is full or what
they lead to is asked for.
"""

import itertools

import keras
import tensorflow as tf


class SeveralSteps:
    """A train function whose steps wait for each other.

    Args:
        step: Function of the data of a batch, such as `train_step`.
        count: Integer >= 1, steps in a compiled call. Their batches are in
            memory together.
        jit_compile: Boolean, whether XLA compiles the loop.

    Attributes:
        waiting: List, the batches whose steps are still to be done.
    """

    def __init__(self, step, count, jit_compile=True):
        self.waiting, self._logs, self._count = [], {}, count
        self._traced = {}
        # A function of its own is traced once, not each time that the loop is.
        step = tf.function(step, autograph=False, reduce_retracing=True)

        @tf.function(jit_compile=jit_compile, autograph=False)
        def steps(stacked, number):
            def batch(k):
                return tf.nest.map_structure(lambda one: one[k], stacked)

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

        self._steps = steps

    def __call__(self, batch):
        """Takes a batch; does the steps that wait if there are enough.

        Args:
            batch: Nested structure of tensors.

        Returns:
            A dict that holds, once its step is done, what the last step said.
        """
        self.waiting.append(batch)
        if len(self.waiting) == self._count:
            self.finish()
        return self._logs

    def finish(self):
        """Does the steps that wait, and returns what the last one said."""
        batches, self.waiting = self.waiting, []
        for shapes, alike in itertools.groupby(batches, _shapes):
            alike = list(alike)
            number = tf.constant(len(alike))
            # As many in every call, so that one compilation serves all.
            alike += alike[-1:] * (self._count - len(alike))
            with tf.device("CPU:0"):
                stacked = tf.nest.map_structure(_stack, *alike)
            # Called by itself, the `tf.function` of a fifth model would be
            # taken for one that is traced too often, and warn.
            if shapes not in self._traced:
                self._traced[shapes] = self._steps.get_concrete_function(
                    stacked, number
                )
            self._logs.update(self._traced[shapes](stacked, number))
        return self._logs


class ExecutionCallbacks(keras.callbacks.CallbackList):
    """Tells callbacks of executions, where Keras tells it of steps.

    As always in Keras, callbacks hear of the first step of an execution when
    it begins, and of its last one when all are done.

    Args:
        waiting: Function of `"train"` or `"test"` that returns whether there
            are such steps that are still to be done.
        *args: As for `keras.callbacks.CallbackList`.
        **kwargs: As for `keras.callbacks.CallbackList`.
    """

    def __init__(self, waiting, *args, **kwargs):
        self._waiting, self._last = waiting, None
        super().__init__(*args, **kwargs)

    def on_train_batch_begin(self, batch, logs=None):
        if not self._waiting("train"):
            super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._last = batch
        if not self._waiting("train"):
            super().on_train_batch_end(batch, logs)

    def on_test_batch_begin(self, batch, logs=None):
        if not self._waiting("test"):
            super().on_test_batch_begin(batch, logs)

    def on_test_batch_end(self, batch, logs=None):
        self._last = batch
        if not self._waiting("test"):
            super().on_test_batch_end(batch, logs)

    def on_predict_batch_end(self, batch, logs=None):
        # Here Keras takes groups itself, of which the last one may be short.
        last = (self.params["steps"] or batch + 1) - 1
        super().on_predict_batch_end(min(batch, last), logs)

    def finish(self, kind, logs):
        """Tells of the end of an execution that waited for more steps."""
        end = getattr(super(), f"on_{kind}_batch_end")
        end(self._last, logs)


def is_stackable(iterator):
    """Returns whether the batches of an iterator can wait for each other.

    Python iterators are run at once, since whoever made one may look at the
    weights in between; data with `None` or ragged tensors have no stack.
    """
    return isinstance(iterator, tf.data.Iterator) and all(
        isinstance(spec, tf.TensorSpec)
        for spec in tf.nest.flatten(iterator.element_spec)
    )


def _shapes(data):
    return tuple((one.shape, one.dtype) for one in tf.nest.flatten(data))


def _stack(*tensors):
    return tf.stack(tensors)
