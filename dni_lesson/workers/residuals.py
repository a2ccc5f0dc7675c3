"""A forward and a backward pass that are two calls instead of one.

A worker must send its output on before it knows the gradient, so the two passes
cannot be one compiled call. Running the forward pass again for the backward
pass would charge locked training for work that nobody needs. TensorFlow can
record an eager call of a compiled function on a tape, but that costs 1 ms a
step in Python and copies weights. Here both passes are traced once, as one
graph; what the backward part reads of the forward part are the residuals; and
the graph is cut in two there.
"""

import keras
import tensorflow as tf


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
    graph = {}

    def both(inputs, given):
        outputs, left, arriving, gradients, residuals = _trace(
            run, inputs, variables, states, given, keep_weights, input_gradient
        )
        graph["forward"] = [*inputs, *given], [outputs, residuals, left]
        graph["backward"] = [*residuals, *arriving], gradients
        return outputs

    specs = [
        [tf.TensorSpec(one.shape, one.dtype) for one in tensors]
        for tensors in (inputs, states)
    ]
    whole = tf.compat.v1.wrap_function(both, specs)
    lower = whole.prune(*graph["forward"])
    upper = whole.prune(*graph["backward"])

    def forward(*inputs):
        outputs, residuals, left = lower(
            *inputs, *[state.value for state in states]
        )
        for state, value in zip(states, left, strict=True):
            state.assign(value)
        return outputs, residuals

    def backward(residuals, g):
        penalties = graph["backward"][0][len(residuals) + 1 :]
        ones = [tf.ones(one.shape, one.dtype) for one in penalties]
        gradients = upper(*residuals, g, *ones)
        if input_gradient:
            return gradients[0], gradients[1:]
        return None, gradients

    return forward, backward


def _trace(run, inputs, variables, states, given, keep_weights, input_gradient):
    """Traces both passes and returns the tensors at which they meet."""
    values = [variable.value for variable in variables]
    # Changes of states become outputs: in a graph that is cut in two, nothing
    # else would keep reads and writes in order.
    known = zip(states, given, strict=True)
    # Penalties on weights read them from the scope alone.
    weights = zip(variables, values, strict=True)
    with (
        tf.GradientTape() as tape,
        keras.StatelessScope([*known, *weights], collect_losses=True) as scope,
    ):
        if input_gradient:
            values = [inputs[0], *values]
            tape.watch(inputs[0])
        outputs = run(*inputs)
    left = [scope.get_current_value(state) for state in states]
    below = outputs[0].graph.get_operations()
    arriving = [
        tf.compat.v1.placeholder(one.dtype, one.shape) for one in outputs
    ]
    gradients = tape.gradient(
        outputs,
        values,
        output_gradients=arriving,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    gradients = [tf.convert_to_tensor(one) for one in gradients]
    above = outputs[0].graph.get_operations()[len(below) :]
    loops = [one.name for one in above if one.type.endswith("While")]
    if loops:
        raise ValueError(
            "`model`. Expected no loop in the layers of a worker, whose two "
            "passes are two calls: give recurrent layers `unroll=True`. "
            f"Received: {', '.join(loops)}"
        )
    residuals = _residuals(below, above, keep_weights)
    return outputs, left, arriving, gradients, residuals


def _residuals(below, above, keep_weights):
    """Returns the tensors of `below` that `above` reads, each once."""
    below, found = set(below), {}
    for tensor in (tensor for one in above for tensor in one.inputs):
        is_weight = tensor.op.type == "ReadVariableOp"
        if (
            tensor.op in below
            and (keep_weights or not is_weight)
            and tensor.dtype not in (tf.resource, tf.variant)
            # XLA must know shapes and axes when it compiles.
            and tf.get_static_value(tensor) is None
        ):
            found[tensor.ref()] = tensor
    return list(found.values())
