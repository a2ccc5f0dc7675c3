"""Compiled functions that do not look at what they are given."""

import tensorflow as tf


def one_by_one(function, examples):
    """Returns a function that calls another for each entry of a first axis.

    Args:
        function: Function of tensors that returns tensors, or `None`.
        examples: List of its arguments, each with one more axis in front.

    Returns:
        A function of such arguments. Its calls follow each other, so that each
        sees what the one before it has done to variables; the results have the
        additional axis too.
    """
    specs = [tf.TensorSpec(one.shape[1:], one.dtype) for one in examples]
    trace = tf.function(function, autograph=False).get_concrete_function(*specs)
    outputs = trace.structured_outputs
    # A map must have an output, so it has one that nobody looks at.
    signature = [
        tf.TensorSpec(one.shape, one.dtype)
        for one in [tf.zeros(()), *_tensors(outputs)]
    ]

    def call(*stacked):
        _, *results = tf.map_fn(
            lambda one: [tf.zeros(()), *_tensors(function(*one))],
            stacked,
            parallel_iterations=1,
            fn_output_signature=signature,
        )
        rest = iter(results)
        return tf.nest.map_structure(
            lambda one: None if one is None else next(rest), outputs
        )

    return call


def _tensors(structure):
    return [one for one in tf.nest.flatten(structure) if one is not None]


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
