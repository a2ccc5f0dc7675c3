"""Compiled calls, and a training step that is two of them instead of one.

A worker must send its output on before it knows the gradient, so its forward
and its backward pass cannot be one compiled call. Running the forward pass
again for the backward pass would charge locked training for work that nobody
needs. TensorFlow can record an eager call of a compiled function on a tape, but
that costs 1 ms a step in Python and copies weights. Here both passes are traced
once, as one graph; what the backward part reads of the forward part are the
residuals; and the graph is cut in two there.
"""

import keras
import tensorflow as tf


class CompiledCall:
    """One call of a stage, compiled anew for each batch size.

    A concrete function of TensorFlow compares every tensor with its signature,
    in Python. With the residuals of two layers that is a fifth of a call in a
    narrow net, and as long as it lasts no other worker gets Python's lock.
    Workers send each other nothing that does not fit, so here the tensors go
    straight to the function inside: which one it is, the shape of the last of
    them says. Gradient tapes do not see the calls.

    Args:
        jit_compile: Boolean, whether XLA compiles.
        one_by_one: Boolean: arguments have one more axis in front, and the
            function is called for each entry of it, see `one_by_one`. Default
            `False`.
    """

    def __init__(self, jit_compile, one_by_one=False):
        self._jit_compile, self._one_by_one = jit_compile, one_by_one
        self._compiled = {}

    def add(self, function, *examples):
        """Compiles for tensors like the examples; returns what a call does.

        Args:
            function: Function of tensors, or of lists of them.
            *examples: Its arguments.
        """
        if self._one_by_one:
            function = one_by_one(function, examples)
        concrete = tf.function(
            function, jit_compile=self._jit_compile, autograph=False
        ).get_concrete_function(*examples)
        # TensorFlow's pages name `inference_fn`, but of its methods only one
        # that checks as well. If `call_preflattened` goes, the tests of this
        # file fail.
        self._compiled[_last_shape(tf.nest.flatten(examples))] = (
            concrete.inference_fn.call_preflattened,
            list(concrete.captured_inputs),
        )
        return self(*examples)

    def __call__(self, *arguments):
        tensors = tf.nest.flatten(arguments)
        call, captured = self._compiled[_last_shape(tensors)]
        return call([*tensors, *captured])


def _last_shape(tensors):
    return tuple(tensors[-1].shape) if tensors else ()


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
    specs = [tf.TensorSpec(x.shape[1:], x.dtype) for x in examples]
    trace = tf.function(function, autograph=False).get_concrete_function(*specs)
    outputs = trace.structured_outputs
    # A map must have an output, so it has one that nobody looks at.
    signature = [
        tf.TensorSpec(x.shape, x.dtype)
        for x in [tf.zeros(()), *_tensors(outputs)]
    ]

    def call(*stacked):
        _, *results = tf.map_fn(
            lambda entries: [tf.zeros(()), *_tensors(function(*entries))],
            stacked,
            parallel_iterations=1,
            fn_output_signature=signature,
        )
        rest = iter(results)
        return tf.nest.map_structure(
            lambda x: None if x is None else next(rest), outputs
        )

    return call


def _tensors(structure):
    return [x for x in tf.nest.flatten(structure) if x is not None]


# One graph, cut in two where the second pass reads of the first:
#
#    inputs   weights   states          placeholders for the gradients
#       |        |        |                  of the outputs
#       v        v        v                        |
#   +------------------------+                     v
#   |  below: forward pass   |              +-----------------------+
#   |                        | =residuals=> | above: backward pass  |
#   +------------------------+              +-----------------------+
#       |                 |                   |               |
#       v                 v                   v               v
#    outputs          new states          gradient of     gradients of
#    (h, penalties)                       the input       the weights
#
# Weights are read again by the second pass, unless they are kept: they then
# travel as residuals. Nothing is computed twice.


def split_pass(
    run, inputs, variables, states, keep_weights=False, input_gradient=True
):
    """Returns the forward and the backward pass of a function.

    Args:
        run: Function of tensors that returns a list of float tensors.
        inputs: List of tensors, examples of what `run` takes.
        variables: List of Keras variables to differentiate with respect to.
        states: List of Keras variables that `run` may change, such as
            BatchNorm's statistics and the states of random generators.
        keep_weights: Boolean: whether the backward pass uses the weights of
            the forward pass, which then travel with the residuals, or those of
            the moment, which is the same if no update came in between.
            Default `False`.
        input_gradient: Boolean, whether the gradient of the first input is
            wanted. Default `True`.

    Returns:
        Two functions for use inside a `tf.function`. `forward(*inputs)`
        returns the list of outputs and the list of residuals and updates the
        states. `backward(residuals, g)` takes the gradient of the first output,
        to which the other ones, penalties, are added with the gradient one. It
        returns the gradient of the first input (or `None`) and the list of
        those of the variables.

    Raises:
        ValueError: If there is a loop in `run`.
    """
    below_ends, above_ends = [], []

    def both_passes(inputs, old_states):
        outputs, new_states, arriving, gradients, residuals = _trace(
            run,
            inputs,
            variables,
            states,
            old_states,
            keep_weights,
            input_gradient,
        )
        below_ends[:] = (
            [*inputs, *old_states],
            [outputs, residuals, new_states],
        )
        above_ends[:] = [*residuals, *arriving], gradients
        return outputs

    specs = [
        [tf.TensorSpec(x.shape, x.dtype) for x in tensors]
        for tensors in (inputs, states)
    ]
    whole = tf.compat.v1.wrap_function(both_passes, specs)
    below, above = whole.prune(*below_ends), whole.prune(*above_ends)

    def forward(*inputs):
        outputs, residuals, new_states = below(
            *inputs, *[state.value for state in states]
        )
        for state, value in zip(states, new_states, strict=True):
            state.assign(value)
        return outputs, residuals

    def backward(residuals, g):
        penalties = above_ends[0][len(residuals) + 1 :]
        ones = [tf.ones(x.shape, x.dtype) for x in penalties]
        gradients = above(*residuals, g, *ones)
        if input_gradient:
            return gradients[0], gradients[1:]
        return None, gradients

    return forward, backward


def _trace(
    run, inputs, variables, states, old_states, keep_weights, input_gradient
):
    """Traces both passes and returns the tensors at which they meet."""
    values = [variable.value for variable in variables]
    # Changes of states become outputs: in a graph that is cut in two, nothing
    # else would keep reads and writes in order. Penalties on weights read them
    # from the scope alone.
    scoped = zip([*states, *variables], [*old_states, *values], strict=True)
    with (
        tf.GradientTape() as tape,
        keras.StatelessScope(list(scoped), collect_losses=True) as scope,
    ):
        if input_gradient:
            values = [inputs[0], *values]
            tape.watch(inputs[0])
        outputs = run(*inputs)
    new_states = [scope.get_current_value(state) for state in states]
    below = outputs[0].graph.get_operations()
    arriving = [tf.compat.v1.placeholder(x.dtype, x.shape) for x in outputs]
    gradients = tape.gradient(
        outputs,
        values,
        output_gradients=arriving,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    gradients = [tf.convert_to_tensor(g) for g in gradients]
    above = outputs[0].graph.get_operations()[len(below) :]
    loops = [op.name for op in above if op.type.endswith("While")]
    if loops:
        raise ValueError(
            "`model`. Expected no loop in the layers of a worker, whose two "
            "passes are two calls: give recurrent layers `unroll=True`. "
            f"Received: {', '.join(loops)}"
        )
    residuals = _residuals(below, above, keep_weights)
    return outputs, new_states, arriving, gradients, residuals


def _residuals(below, above, keep_weights):
    """Returns the tensors of `below` that `above` reads, each once."""
    below, residuals = set(below), {}
    for tensor in (tensor for op in above for tensor in op.inputs):
        is_weight = tensor.op.type == "ReadVariableOp"
        if (
            tensor.op in below
            and (keep_weights or not is_weight)
            and tensor.dtype not in (tf.resource, tf.variant)
            # XLA must know shapes and axes when it compiles.
            and tf.get_static_value(tensor) is None
        ):
            residuals[tensor.ref()] = tensor
    return list(residuals.values())
