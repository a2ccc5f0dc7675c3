"""Several training steps in one compiled call.

Keras compiles a step and calls it in a loop. In a small network what
TensorFlow does between two calls takes as long as a good part of the step, so
here the loop is compiled too.
"""

import itertools

import tensorflow as tf


def several_steps(step, count, otherwise):
    """Returns a function that trains on the next batches of an iterator.

    Args:
        step: Function of the data of a batch, such as `train_step`.
        count: Integer >= 1, steps in a call. Their batches are in memory
            together.
        otherwise: Function of an iterator, for what cannot be stacked: Python
            iterators and data with `None` or ragged tensors.

    Returns:
        A function of a `tf.data.Iterator` that takes up to `count` batches
        from it and returns what the last step returned. It raises
        `StopIteration` if no batch was left.
    """
    # A function of its own is traced once, not each time that the loop is.
    step = tf.function(step, autograph=False, reduce_retracing=True)

    @tf.function(jit_compile=True, reduce_retracing=True)
    def steps(stacked, number):
        for k in tf.range(number):
            logs = step(tf.nest.map_structure(lambda one: one[k], stacked))
        return logs

    def train(iterator):
        if not _is_stackable(iterator):
            return otherwise(iterator)
        batches = list(itertools.islice(iterator, count))
        if not batches:
            raise StopIteration
        for _, alike in itertools.groupby(batches, _shapes):
            alike = list(alike)
            number = len(alike)
            # As many in every call, so that one compilation serves all.
            alike += alike[-1:] * (count - number)
            with tf.device("CPU:0"):
                stacked = tf.nest.map_structure(_stack, *alike)
            logs = steps(stacked, tf.constant(number))
        return logs

    return train


def _is_stackable(iterator):
    return isinstance(iterator, tf.data.Iterator) and all(
        isinstance(spec, tf.TensorSpec)
        for spec in tf.nest.flatten(iterator.element_spec)
    )


def _shapes(data):
    return [one.shape for one in tf.nest.flatten(data)]


def _stack(*tensors):
    return tf.stack(tensors)
