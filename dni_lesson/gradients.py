"""The true and the synthetic gradient at every boundary, and how they agree.

Backpropagation through a `DecoupledModel` stops at its interfaces, so the true
gradients have to be computed on the side: one forward pass through the same
weights with the interfaces left out, one full backward pass.
"""

from typing import NamedTuple

from dni_lesson.examples import check_examples, is_array
from dni_lesson.model import DecoupledModel

import keras
import numpy as np
import tensorflow as tf


class BoundaryGradient(NamedTuple):
    """The gradients of the loss of a batch at one boundary.

    Attributes:
        boundary: Integer; boundary k stands between module k and module k + 1,
            counted from 1 at the input.
        true: Array `(batch, *features)`, by full backprop.
        synthetic: Array `(batch, *features)`, what the interface sends down.
    """

    boundary: int
    true: np.ndarray
    synthetic: np.ndarray


def boundary_gradients(model, x, y):
    """Returns the true and the synthetic gradient at every interface.

    Both are what training on the batch `(x, y)` would see: BatchNorm uses the
    statistics of the batch, and a mean loss makes gradients shrink with the
    batch. Nothing is updated: neither weights nor BatchNorm statistics nor
    random states nor metrics.

    Args:
        model: A compiled `DecoupledModel`; it is built if it is not.
        x: Array `(batch, *features)`, or what else the first module takes.
        y: Array, the labels, in any form that `fit` takes.

    Returns:
        A list of `BoundaryGradient` with NumPy arrays, one for each interface
        that is not `None`, from input to output.

    Raises:
        ValueError: If `model` is no compiled `DecoupledModel`, or `x` and `y`
            do not fit it.

    Example:

    >>> for g in dni.boundary_gradients(model, x, y):
    ...     print(g.boundary, g.true.shape, g.synthetic.shape)
    1 (24, 8) (24, 8)
    2 (24, 8) (24, 8)
    """
    x, y = check_probe(model, x, y)
    return gradient_function(model)(x, y)


def check_probe(model, x, y, name=None):
    """Returns `x` and `y` as arrays that gradients can be computed on.

    Raises:
        ValueError: If `model` is no compiled `DecoupledModel`, or `x` and `y`
            are no arrays that fit it.
    """
    is_compiled = getattr(model, "compiled", False) and model.loss is not None
    if not isinstance(model, DecoupledModel) or not is_compiled:
        raise ValueError(
            "`model`. Expected a DecoupledModel that was compiled with a loss. "
            f"Received: {model!r}"
        )
    for key, value in (("x", x), ("y", y)):
        if not isinstance(value, list | tuple) and not is_array(value):
            raise ValueError(
                f"`{name or key}`. Expected an array. Received: {value!r}"
            )
    return check_examples(model, x, y, name)


def gradient_function(model):
    """Returns `boundary_gradients` for one model, compiled for many calls."""
    boundaries = [
        k + 1 for k, one in enumerate(model.interfaces) if one is not None
    ]
    compute, traced = _compute(model), {}

    def call(x, y):
        x = keras.tree.map_structure(tf.convert_to_tensor, x)
        y = tf.convert_to_tensor(y)
        kind = str([(one.shape, one.dtype) for one in tf.nest.flatten((x, y))])
        # Called by itself, the `tf.function` of a fifth model would be taken
        # for one that is traced too often, and warn.
        if kind not in traced:
            traced[kind] = compute.get_concrete_function(x, y)
        true, synthetic = traced[kind](x, y)
        return [
            BoundaryGradient(k, g.numpy(), g_hat.numpy())
            for k, g, g_hat in zip(boundaries, true, synthetic, strict=True)
        ]

    return call


class Crossing(keras.layers.Layer):
    """A copy of its input, with its mask, where a gradient can be read.

    What a module adds to the loss by its own output, as activity regularizers
    do, reaches its output and not the copy: it never crosses the boundary.
    """

    def __init__(self):
        super().__init__(autocast=False)
        self.supports_masking = True

    def call(self, inputs):
        return tf.identity(inputs)


def _compute(model):
    """Returns the function of tensors that finds the gradients."""
    copies = [Crossing() for _ in model.modules]

    @tf.function(jit_compile=model.jit_compile)
    def compute(x, y):
        # Whatever is assigned in this scope stays in it.
        with keras.StatelessScope(collect_losses=True):
            with tf.GradientTape() as tape:
                h, crossing = x, []
                for (module, interface), copy in zip(
                    model.stages(), copies, strict=True
                ):
                    h = module(h, training=True)
                    if interface is not None:
                        h = copy(h)
                        crossing.append(h)
                        tape.watch(h)
                loss = model.compute_loss(x=x, y=y, y_pred=h, training=True)
            true = tape.gradient(loss, crossing)
            scale = model.gradient_scale(x, y=y)
            synthetic = [
                interface.synthetic_gradient(h, y, scale, training=True)
                for h, interface in zip(
                    crossing, filter(None, model.interfaces), strict=True
                )
            ]
        return true, synthetic

    return compute


def agreement(true, synthetic):
    """Returns four numbers that compare a synthetic gradient with the true one.

    Batch and features are taken together as one long vector, so each example
    counts as much as its gradient is long: what the module below feels.

    Args:
        true: Float array of any shape, not all zero.
        synthetic: Array of the same shape.

    Returns:
        A dict of floats:

        - `"cosine"` of the angle between the two; `nan` where a vector is zero,
          as an untrained predictor's is;
        - `"sign_agreement"`: the share of values with the same sign among those
          whose true gradient is not zero; 0.5 is chance;
        - `"norm_ratio"`: the length of the synthetic over that of the true one;
        - `"relative_error"`: the length of their difference over that of the
          true one; 1 is what a prediction of zero earns.
    """
    true = np.asarray(true, "float64").ravel()
    synthetic = np.asarray(synthetic, "float64").ravel()
    length, predicted = np.linalg.norm(true), np.linalg.norm(synthetic)
    matters = true != 0
    same_sign = np.sign(true[matters]) == np.sign(synthetic[matters])
    return {
        "cosine": _ratio(true @ synthetic, length * predicted),
        "sign_agreement": _ratio(same_sign.sum(), matters.sum()),
        "norm_ratio": _ratio(predicted, length),
        "relative_error": _ratio(np.linalg.norm(synthetic - true), length),
    }


def _ratio(numerator, denominator):
    return float(numerator / denominator) if denominator else float("nan")
