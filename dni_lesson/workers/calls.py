"""Compiled functions that do not look at what they are given."""

import tensorflow as tf


def compiled(function, examples, jit_compile):
    """Returns a compiled function for tensors like the examples.

    A concrete function of TensorFlow compares every tensor with its signature,
    in Python. With the residuals of two layers that is a fifth of a call in a
    narrow net, and as long as it lasts no other worker gets Python's lock.
    Workers send each other nothing that does not fit, so here the tensors go
    straight to the function inside.

    Args:
        function: Function of tensors, or of lists of them.
        examples: List of its arguments.
        jit_compile: Boolean, whether XLA compiles it.

    Returns:
        A function of the same arguments, which must be tensors with the shapes
        and dtypes of the examples. Gradient tapes do not see its calls.
    """
    concrete = tf.function(
        function, jit_compile=jit_compile, autograph=False
    ).get_concrete_function(*examples)
    # TensorFlow's pages name `inference_fn`, but of its methods only one that
    # checks as well. If `call_preflattened` goes, the tests of this file fail.
    inside, captured = concrete.inference_fn, list(concrete.captured_inputs)

    def call(*arguments):
        return inside.call_preflattened(
            [*tf.nest.flatten(arguments), *captured]
        )

    return call
