"""A small convolutional network under the rules of the course."""

import math
from functools import partial

from dni_lesson.checks import check_int
from dni_lesson.networks import (
    Boundary,
    Training,
    assembled,
    glorot,
    normed_relu,
    output_module,
    seeds_of,
)
from dni_lesson.predictors import (
    PooledPredictor,
    SoftmaxPredictor,
    convolutional_predictor,
)

import keras


def cnn(
    blocks=2,
    filters=16,
    rule="cdni",
    input_shape=(28, 28, 1),
    num_classes=10,
    predictor=None,
    seed=0,
    share=0.0,
    update_probability=1.0,
    synthetic_inputs=False,
):
    """Returns a convolutional network, ready to compile, with one of six rules.

    Every block is Conv2D (5 x 5, same padding), BatchNorm, ReLU, 2 x 2 max
    pooling and is a module of its own; so is the linear classifier of all the
    values above the last block, which returns logits. The rules are those of
    `mlp`, and so are the seeds: with one `seed` all rules start from the same
    weights.

    Args:
        blocks: Integer >= 1. Each halves height and width, of which something
            must be left. Default `2`.
        filters: Integer >= 1, the channels of each block. Default `16`.
        rule: As for `mlp`. Default `"cdni"`.
        input_shape: Tuple `(height, width, channels)` of integers >= 1.
            Default `(28, 28, 1)`.
        num_classes: Integer >= 2, the number of classes. Default `10`.
        predictor: What predicts the gradients of `"dni"` and `"cdni"`:
            `"linear"`, one 3 x 3 convolution, which sees the label as planes of
            zeros and ones; `"softmax"`, a `SoftmaxPredictor` of the map pooled
            to the size of the network's last one (`PooledPredictor`), for
            `"cdni"` alone; or a tuple of integers >= 1, the filters of a
            predictor's hidden layers (Conv2D 3 x 3, BatchNorm, ReLU).
            `"softmax"` is cheaper, and on the full MNIST made half as many
            errors: of what a label does, a convolution says the same at every
            position, while the classifier above has weights for each. Default
            `None`: `"softmax"` under `"cdni"`, else `"linear"`.
        seed: Integer >= 0, of the initial weights. Default `0`.
        share: As for `mlp`. Default `0.0`.
        update_probability: As for `mlp`. Default `1.0`.
        synthetic_inputs: Boolean, as for `mlp`; what predicts is a block like
            the others with average pooling, and a 3 x 3 convolution. Default
            `False`.

    Returns:
        A `DecoupledModel` with `blocks + 1` modules. Input
        `(batch, height, width, channels)` float32, output
        `(batch, num_classes)` logits.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> model = dni.cnn(blocks=2, filters=8, rule="cdni")
    >>> [module.output_shape[1:] for module in model.modules]
    [(14, 14, 8), (7, 7, 8), (10,)]

    Reference:

    - Jaderberg et al., [arXiv 1608.05343](https://arxiv.org/abs/1608.05343),
      supplement: blocks of this form with 64 filters, labels as planes.
    - Belilovsky et al., [arXiv 1901.08164](https://arxiv.org/abs/1901.08164),
      for `"greedy"`.
    """
    shape = _check_shape("input_shape", input_shape)
    filters = check_int("filters", filters, at_least=1)
    most = int(math.log2(min(shape[:2])))
    if most < 1:
        raise ValueError(
            "`input_shape`. Expected a height and a width >= 2. "
            f"Received: input_shape={input_shape!r}"
        )
    blocks = check_int("blocks", blocks, at_least=1, at_most=most)
    if predictor is None:
        predictor = "softmax" if rule == "cdni" else "linear"
    training = Training(
        rule,
        num_classes,
        predictor,
        seed,
        share,
        update_probability,
        synthetic_inputs,
    ).checked()
    seeds = seeds_of(training.seed)
    modules = []
    for k in range(1, blocks + 1):
        modules.append(_block(shape, filters, next(seeds), f"module_{k}"))
        shape = modules[-1].output_shape[1:]
    boundaries = [
        Boundary(
            _regression(module.output_shape[1:]),
            _pooled_softmax(2 ** (blocks - k)),
            partial(_input_predictor, filters, 2**k),
        )
        for k, module in enumerate(modules, 1)
    ]
    modules.append(
        output_module(
            shape, training.num_classes, next(seeds), f"module_{blocks + 1}"
        )
    )
    return assembled("cnn", training, modules, boundaries, seeds, input_shape)


def hidden_convolution(filters, seed, kernel_size=3):
    """Returns the layers of one hidden layer: Conv2D, BatchNorm, ReLU."""
    convolution = keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        use_bias=False,
        kernel_initializer=glorot(seed),
    )
    return [convolution, *normed_relu()]


def _input_predictor(filters, pool_size, seed):
    last = keras.layers.Conv2D(
        filters, 3, padding="same", kernel_initializer=glorot(seed + 1)
    )
    pooling = keras.layers.AveragePooling2D(pool_size)
    hidden = hidden_convolution(filters, seed, kernel_size=5)
    return keras.Sequential([*hidden, pooling, last])


def _block(shape, filters, seed, name):
    layers = hidden_convolution(filters, seed, kernel_size=5)
    return keras.Sequential(
        [keras.Input(shape), *layers, keras.layers.MaxPooling2D(2)], name=name
    )


def _regression(shape):
    """Returns what makes a predictor of hidden and a last convolution."""
    *places, channels = shape

    def make(hidden, extra_inputs, seed):
        last = convolutional_predictor(channels)
        if not hidden:
            return last
        layers = [keras.Input((*places, channels + extra_inputs))]
        for k, filters in enumerate(hidden):
            layers += hidden_convolution(filters, seed + k)
        return keras.Sequential([*layers, last])

    return make


def _pooled_softmax(pool_size):
    """Returns what makes a `SoftmaxPredictor` of a pooled map."""

    def make(num_classes, **kwargs):
        inner = SoftmaxPredictor(num_classes, **kwargs)
        return PooledPredictor(inner, pool_size, num_classes)

    return make


def _check_shape(name, shape):
    if not isinstance(shape, list | tuple) or len(shape) != 3:
        raise ValueError(
            f"`{name}`. Expected three integers (height, width, channels). "
            f"Received: {name}={shape!r}"
        )
    return tuple(check_int(name, size, at_least=1) for size in shape)
