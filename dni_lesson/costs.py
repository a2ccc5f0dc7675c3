"""Multiply-accumulates (MACs) of a training step, counted from the model.

Time depends on the machine; this count does not. One MAC is one product and
one sum; `Dense` and `Conv2D` layers count, which do nearly all of the work. A
forward pass of `n` MACs an example is followed by the gradient of the weights,
`n` more, and by the gradient of the layer's input, another `n`.
"""

import math
from typing import NamedTuple

from dni_lesson.interfaces import needs_output_gradient

import keras


class Costs(NamedTuple):
    """What one training step costs each module, from the input.

    The fields are the arguments of `dni_lesson.schedules.speed.max_speedup`.

    Attributes:
        forward: List of integers, MACs per example of the forward passes.
        backward: List of integers, of the backward passes; 0 for a module that
            no gradient reaches.
        predictor: List of integers, of the predictor above each module, its
            prediction and its training; 0 where there is none.
    """

    forward: list
    backward: list
    predictor: list


def module_macs(model):
    """Returns the `Costs` of one training step, module by module.

    Counted is what the rule needs: every module runs forward; those that a
    gradient reaches run backward; the input of the network needs no gradient.

    Args:
        model: A built `DecoupledModel` whose products are those of `Dense`,
            `Conv2D` and `SoftmaxPredictor` layers.

    Raises:
        ValueError: If there are layers whose products are not known here.

    Example:

    >>> from dni_lesson.costs import module_macs
    >>> module_macs(dni.mlp(depth=3, rule="cdni")).predictor
    [136192, 136192, 0]
    """
    if any(model.synthetic_inputs):
        raise ValueError(
            "`model`. Expected no synthetic inputs, which are not counted. "
            f"Received: synthetic_inputs={model.synthetic_inputs}"
        )
    costs = Costs([], [], [])
    sends_down = False
    for module, interface in model.stages():
        first, *rest = _products(module) or [0]
        learns = crosses(interface)
        costs.forward.append(first + sum(rest))
        backward = first + 2 * sum(rest) + first * sends_down
        costs.backward.append(backward if learns else 0)
        predicted = learns and interface is not None
        costs.predictor.append(_predictor_macs(interface) if predicted else 0)
        # Whether the module above has a reader for it.
        sends_down = interface is None or (
            learns and interface.learns_from_above
        )
    return costs


def step_macs(model):
    """Returns the MACs per example of one training step of the whole model.

    Args:
        model: As for `module_macs`.

    Example:

    >>> from dni_lesson.costs import step_macs
    >>> step_macs(dni.mlp(rule="backprop")), step_macs(dni.mlp(rule="cdni"))
    (802304, 1210880)
    """
    return sum(map(sum, module_macs(model)))


def layer_macs(model, k):
    """Returns the MACs per example of updating module `k` in a call of its own.

    As in `dni_lesson.experiments`'s stochastic updates, every call runs the
    forward pass again from the input: up to the module above, whose predictor
    gives the target of this module's predictor.

    Args:
        model: A built `DecoupledModel` with a predictor at every boundary.
        k: Integer, the index of the module, 0 at the input.
    """
    modules, interfaces = model.modules, model.interfaces
    last = k == len(modules) - 1
    total = sum(sum(_products(module)) for module in modules[: k + 2])
    total += sum(_products(modules[k])) + sum(_products(modules[k])[1:])
    if last:
        return total
    total += _predictor_macs(interfaces[k])
    total += sum(_products(modules[k + 1]))
    if k + 1 < len(interfaces):
        total += sum(_products(interfaces[k + 1]))
    return total


def _products(layer):
    """Returns the MACs of each layer's forward pass, from the input."""
    if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D):
        return [math.prod(layer.kernel.shape) * _places(layer)]
    inside = getattr(layer, "layers", [])
    looks_up = isinstance(layer, keras.layers.Embedding)
    if not (inside or looks_up) and any(
        len(weight.shape) > 1 for weight in layer.weights
    ):
        raise ValueError(
            "`model`. Expected Dense and Conv2D layers, whose products can be "
            "counted, and layers without products. "
            f"Received: the layer '{layer.name}' ({type(layer).__name__})"
        )
    return [macs for one in inside for macs in _products(one)]


def _places(layer):
    """Returns at how many positions of an example a kernel is applied."""
    # A layer inside a predictor that counts for itself was never called alone.
    output = getattr(layer, "output", None)
    if output is None:
        return 1
    _, *places = output.shape
    is_first = getattr(layer, "data_format", None) == "channels_first"
    places.pop(0 if is_first else -1)
    if None in places:
        raise ValueError(
            "`model`. Expected feature maps of a known size. Received: the "
            f"layer '{layer.name}' returns the shape {tuple(output.shape)}"
        )
    return math.prod(places)


def _predictor_macs(interface):
    """Forward, weights, and all inputs but the first, which is stopped.

    A predictor that saves some of it says so by its `training_macs`.
    """
    if needs_output_gradient(interface):
        return math.prod(interface.matrix.shape)
    predictor = getattr(interface, "predictor", None)
    if hasattr(predictor, "training_macs"):
        return predictor.training_macs
    products = _products(interface)
    return 2 * sum(products) + sum(products[1:])


def crosses(interface):
    """Returns whether a gradient, true or synthetic, crosses this boundary.

    Args:
        interface: `Interface`, or `None` for the true gradient.
    """
    return interface is None or interface.crosses
