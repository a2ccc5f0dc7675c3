"""The MLP of the course, under six training rules, and what makes a rule.

The interface of a rule is made in one place, `interface`, for all networks.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from dni_lesson.checks import (
    check_bool,
    check_choice,
    check_int,
    check_not_negative,
    check_predictor,
    check_that,
)
from dni_lesson.feedback import DirectFeedback
from dni_lesson.interfaces import SyntheticGradient
from dni_lesson.model import DecoupledModel
from dni_lesson.predictors import (
    SoftmaxPredictor,
    ZeroPredictor,
    linear_predictor,
)
from dni_lesson.synthetic_inputs import SyntheticInput

import keras

RULES = ("backprop", "dni", "cdni", "greedy", "dfa", "no_bprop")


def check_rule(name, value):
    """Raises `ValueError` unless `value` is one of `RULES`."""
    if value == "local":
        raise ValueError(
            f"`{name}`. Expected 'no_bprop', the paper's name of the control "
            f"where no gradient crosses a boundary. Received: {name}='local'"
        )
    check_choice(name, value, RULES)


class Training(NamedTuple):
    """What every network here is asked for beside its size.

    Attributes:
        rule, num_classes, predictor, seed, share, update_probability,
            synthetic_inputs: See `mlp`.
    """

    rule: str
    num_classes: int
    predictor: str | tuple[int, ...]
    seed: int
    share: float
    update_probability: float | list[float]
    synthetic_inputs: bool

    def checked(self):
        """Returns the same, with Python's own numbers.

        `DecoupledModel` checks the probability: it knows the modules.

        Raises:
            ValueError: If an argument is out of its range, or the predictor or
                the share does not go with the rule.
        """
        check_rule("rule", self.rule)
        share = check_not_negative("share", self.share, at_most=1)
        check_that(
            share == 0 or self.rule in ("dni", "cdni"),
            "share",
            share,
            f"0 with rule={self.rule!r}, where no gradient is predicted from "
            "the one that arrives",
        )
        num_classes = check_int("num_classes", self.num_classes, at_least=2)
        seed = check_int("seed", self.seed, at_least=0)
        predictor = check_predictor("predictor", self.predictor)
        if self.rule == "dni" and predictor == "softmax":
            raise ValueError(
                "`predictor`. Expected 'linear' or a tuple of widths with "
                "rule='dni': 'softmax' needs the label, as rule='cdni' gives "
                "it. Received: predictor='softmax'"
            )
        return self._replace(
            share=share,
            num_classes=num_classes,
            seed=seed,
            predictor=predictor,
            synthetic_inputs=check_bool(
                "synthetic_inputs", self.synthetic_inputs
            ),
        )


def mlp(
    depth=4,
    units=256,
    rule="cdni",
    input_dim=784,
    num_classes=10,
    seed=0,
    predictor="linear",
    share=0.0,
    update_probability=1.0,
    synthetic_inputs=False,
):
    """Returns the course's MLP, ready to compile, with one of six rules.

    Every hidden layer is Dense, BatchNorm, ReLU and is a module of its own; so
    is the output layer, which returns logits. The rule says what crosses the
    boundaries between modules in training:

    - `"backprop"`: the true gradient;
    - `"dni"`: a gradient predicted from the activations `h`;
    - `"cdni"`: a gradient predicted from `h` and the label;
    - `"greedy"`: nothing from above; each hidden layer learns by the
      cross-entropy of a linear classifier of its own;
    - `"dfa"`: nothing; each hidden layer gets what the output got wrong,
      through a fixed random matrix (direct feedback alignment);
    - `"no_bprop"`: nothing, so that only the output layer learns.

    With one `seed` all rules start from the same weights.

    Args:
        depth: Integer in [2, 500], the number of weight layers as the paper
            counts them: 3 means two hidden layers and the output layer.
            Default `4`.
        units: Integer >= 1, the width of each hidden layer. Default `256`.
        rule: `"backprop"`, `"dni"`, `"cdni"`, `"greedy"`, `"dfa"` or
            `"no_bprop"`. Default `"cdni"`.
        input_dim: Integer >= 1, the number of input features. Default `784`.
        num_classes: Integer >= 2, the number of classes. Default `10`.
        seed: Integer >= 0, of the initial weights. The order of the examples
            in `fit` follows `keras.utils.set_random_seed`. Default `0`.
        predictor: What predicts the gradients of `"dni"` and `"cdni"`:
            `"linear"`; `"softmax"`, a `SoftmaxPredictor`, which needs the label
            and so the rule `"cdni"`; or a tuple of integers >= 1, the widths of
            a predictor's hidden layers (Dense, BatchNorm, ReLU), of which
            `(1024, 1024)` is the paper's for DNI. Default `"linear"`.
        share: Number in `[0, 1]`, how much of the true gradient goes down under
            `"dni"` and `"cdni"`, see `SyntheticGradient`. Default `0.0`.
        update_probability: Number in (0, 1], or a list with one for each
            module: with which probability a step updates it, see
            `DecoupledModel`; `seed` is also that of its draws. Default `1.0`.
        synthetic_inputs: Boolean, whether in training every module but the
            first gets an input that is predicted from the network's, by a
            hidden layer (Dense, BatchNorm, ReLU) and a linear one, see
            `SyntheticInput`. Default `False`.

    Returns:
        A `DecoupledModel` with `depth` modules. Input `(batch, input_dim)`
        float32, output `(batch, num_classes)` logits.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> model = dni.mlp(depth=3, units=64, rule="cdni")
    >>> len(model.modules), len(model.interfaces)
    (3, 2)

    Reference:

    - Jaderberg et al., [arXiv 1608.05343](https://arxiv.org/abs/1608.05343),
      supplement: the network and its predictors.
    - Belilovsky et al., [arXiv 1901.08164](https://arxiv.org/abs/1901.08164),
      for `"greedy"`.
    - Nøkland, [arXiv 1609.01596](https://arxiv.org/abs/1609.01596), for
      `"dfa"`.
    """
    # A seed is followed by 1000 that belong to it, two for each layer.
    depth = check_int("depth", depth, at_least=2, at_most=500)
    units = check_int("units", units, at_least=1)
    input_dim = check_int("input_dim", input_dim, at_least=1)
    training = Training(
        rule,
        num_classes,
        predictor,
        seed,
        share,
        update_probability,
        synthetic_inputs,
    ).checked()

    def regression(hidden, extra_inputs, seed):
        if not hidden:
            return None  # A `SyntheticGradient` makes it.
        return hidden_predictor(units, hidden, extra_inputs, seed)

    seeds = seeds_of(training.seed)
    inputs = [input_dim] + [units] * (depth - 2)
    modules = [
        _hidden_module(size, units, next(seeds), f"module_{k}")
        for k, size in enumerate(inputs, 1)
    ]
    modules.append(
        output_module(
            (units,), training.num_classes, next(seeds), f"module_{depth}"
        )
    )
    boundaries = [
        Boundary(regression, SoftmaxPredictor, partial(_input_predictor, units))
    ] * (depth - 1)
    return assembled("mlp", training, modules, boundaries, seeds, (input_dim,))


class Boundary(NamedTuple):
    """What predicts at one boundary of a network, of any kind.

    Attributes:
        regression: Function of the widths of the hidden layers, of how many
            extra inputs there are and of the seed, which returns a predictor
            that learns by regression alone.
        softmax: Function of the arguments of a `SoftmaxPredictor`, which
            returns one that takes the activations there.
        inputs: Function of the seed, which returns what predicts the
            activations there from the network's input.
    """

    regression: Callable
    softmax: Callable
    inputs: Callable


def assembled(name, training, modules, boundaries, seeds, input_shape):
    """Returns the built model of these modules under a rule.

    Args:
        name: String, the kind of network.
        training: `Training`, checked.
        modules: List of Keras layers.
        boundaries: List of `Boundary`, one fewer than modules.
        seeds: Iterator from `seeds_of`, of which the modules have had theirs.
        input_shape: Tuple of integers, of one example.
    """
    own = [1000 * next(seeds) for _ in boundaries]
    interfaces = [
        interface(training, boundary, seed, f"interface_{k}")
        for k, (boundary, seed) in enumerate(
            zip(boundaries, own, strict=True), 1
        )
    ]
    predicted = [
        SyntheticInput(boundary.inputs(seed + 500))
        for boundary, seed in zip(boundaries, own, strict=True)
        if training.synthetic_inputs
    ]
    model = DecoupledModel(
        modules,
        interfaces,
        training.update_probability,
        training.seed,
        predicted,
        name=f"{name}_{training.rule}",
    )
    model.build((None, *input_shape))
    return model


def hidden_predictor(units, hidden_units, extra_inputs=0, seed=0):
    """Returns a predictor with hidden layers: Dense, BatchNorm, ReLU.

    Args:
        units: Integer, the width of the boundary.
        hidden_units: Tuple of integers, the widths of the hidden layers;
            `(1024, 1024)` is the paper's.
        extra_inputs: Integer, how many values it sees beside the activations:
            the number of classes for cDNI. Default `0`.
        seed: Integer, of the initial weights. Default `0`.
    """
    layers = [keras.Input((units + extra_inputs,))]
    for k, width in enumerate(hidden_units):
        layers += hidden_layers(width, seed + k)
    return keras.Sequential([*layers, linear_predictor(units)])


def _input_predictor(units, seed):
    last = keras.layers.Dense(units, kernel_initializer=glorot(seed + 1))
    return keras.Sequential([*hidden_layers(units, seed), last])


def hidden_layers(units, seed):
    """Returns the layers of one hidden layer: Dense, BatchNorm, ReLU."""
    # BatchNorm's offset takes the place of the bias.
    dense = keras.layers.Dense(
        units, use_bias=False, kernel_initializer=glorot(seed)
    )
    return [dense, *normed_relu()]


def normed_relu():
    """Returns what follows the product in a hidden layer: BatchNorm, ReLU."""
    return [
        # Keras's default momentum, 0.99, still remembers the initial
        # statistics after the few hundred steps of a lesson.
        keras.layers.BatchNormalization(momentum=0.9),
        keras.layers.ReLU(),
    ]


def glorot(seed):
    """Returns Keras's default initialiser with a seed of its own."""
    return keras.initializers.GlorotUniform(seed=seed)


def _hidden_module(inputs, units, seed, name):
    return keras.Sequential(
        [keras.Input((inputs,)), *hidden_layers(units, seed)], name=name
    )


def output_module(input_shape, num_classes, seed, name):
    """Returns a linear classifier of all the values of its input."""
    logits = keras.layers.Dense(
        num_classes, kernel_initializer=glorot(seed), name="logits"
    )
    flat = [keras.layers.Flatten()] * (len(input_shape) > 1)
    return keras.Sequential(
        [keras.Input(input_shape), *flat, logits], name=name
    )


def seeds_of(seed):
    """Yields the seeds of a network's initial weights.

    Every random initialiser has one of its own, the same for all rules.
    """
    return iter(range(1000 * seed, 1000 * (seed + 1)))


def interface(training, boundary, seed, name):
    """Returns what a rule puts at a boundary, for networks of every kind.

    Args:
        training: `Training`, checked.
        boundary: `Boundary`.
        seed: Integer, of the predictor's initial weights.
        name: String, the interface's name.
    """
    rule, num_classes, predictor, *_ = training
    if rule == "backprop":
        return None
    if rule == "no_bprop":
        return SyntheticGradient(ZeroPredictor(), name=name)
    if rule == "dfa":
        return DirectFeedback(num_classes, seed, name=name)
    classes = None if rule == "dni" else num_classes
    if rule == "greedy":
        layer = boundary.softmax(num_classes, tied=True, seed=seed)
    elif predictor == "softmax":
        layer = boundary.softmax(num_classes, seed=seed)
    else:
        hidden = () if predictor == "linear" else predictor
        layer = boundary.regression(hidden, classes or 0, seed)
    return SyntheticGradient(layer, classes, training.share, name=name)
