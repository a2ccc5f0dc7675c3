"""Multiply-accumulates (MACs) of a training step, counted from the model.

Time depends on the machine; this count does not. One MAC is one product and
one sum; only `Dense` layers count, which do nearly all of the work of an MLP.
A forward pass through `n` weights costs `n` MACs an example, the gradient of
the weights `n` more, and the gradient of the layer's input another `n`.
"""

import keras


def step_macs(model):
    """Returns the MACs per example of one training step of the whole model.

    Counted is what the rule needs: every module runs forward; those that a
    gradient reaches run backward; the input of the network needs no gradient.

    Args:
        model: A built `DecoupledModel` of `Dense` layers.

    Example:

    >>> from dni_lesson.costs import step_macs
    >>> step_macs(dni.mlp(rule="backprop")), step_macs(dni.mlp(rule="cdni"))
    (802304, 1210880)
    """
    stages = model.stages()
    total = 0
    for k, (module, interface) in enumerate(stages):
        total += sum(_weights(module))
        if not crosses(interface):
            continue
        total += sum(_weights(module)) + sum(_weights(module)[1:])
        below = stages[k - 1][1] if k else None
        if k and crosses(below):
            total += _weights(module)[0]
        if interface is not None:
            total += _predictor_macs(interface.predictor)
    return total


def layer_macs(model, k):
    """Returns the MACs per example of updating module `k` in a call of its own.

    As in `dni_lesson.benchmark`'s stochastic updates, every call runs the
    forward pass again from the input: up to the module above, whose predictor
    gives the target of this module's predictor.

    Args:
        model: A built `DecoupledModel` with a predictor at every boundary.
        k: Integer, the index of the module, 0 at the input.
    """
    modules, interfaces = model.modules, model.interfaces
    last = k == len(modules) - 1
    total = sum(sum(_weights(module)) for module in modules[: k + 2])
    total += sum(_weights(modules[k])) + sum(_weights(modules[k])[1:])
    if last:
        return total
    total += _predictor_macs(interfaces[k].predictor)
    total += sum(_weights(modules[k + 1]))
    if k + 1 < len(interfaces):
        total += sum(_weights(interfaces[k + 1].predictor))
    return total


def _weights(layer):
    """Returns the sizes of all `Dense` kernels, from the input."""
    if isinstance(layer, keras.layers.Dense):
        return [layer.kernel.shape[0] * layer.kernel.shape[1]]
    return [
        size for one in getattr(layer, "layers", []) for size in _weights(one)
    ]


def _predictor_macs(predictor):
    """Forward, weights, and all inputs but the first, which is stopped."""
    weights = _weights(predictor)
    return 2 * sum(weights) + sum(weights[1:])


def crosses(interface):
    """Returns whether a gradient, true or synthetic, crosses this boundary.

    Args:
        interface: `SyntheticGradient`, or `None` for the true gradient.
    """
    return interface is None or bool(interface.predictor.trainable_variables)
