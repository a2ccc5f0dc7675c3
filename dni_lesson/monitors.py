"""True and synthetic gradients side by side, and callbacks that watch training.

Backpropagation through a `DecoupledModel` stops at its interfaces, so the true
gradients have to be computed on the side: one forward pass through the same
weights with the interfaces left out, one full backward pass. A callback leaves
training as it is, bit for bit, and ends in `history`, a plain dict of
equal-length lists, ready for `pandas.DataFrame`.
"""

import time
from typing import NamedTuple

from dni_lesson.examples import check_examples, is_array
from dni_lesson.model import DecoupledModel
from dni_lesson.probing import ProbeMonitor, traced

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
        update_cosine: Float, the cosine of what the two come to as gradients of
            the weights of module k: sums over the batch, in which errors that
            point in all directions cancel. `nan` if one of them is zero, or if
            the module has no weights.
    """

    boundary: int
    true: np.ndarray
    synthetic: np.ndarray
    update_cosine: float = float("nan")


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
    x, y = _check_probe(model, x, y)
    return gradient_function(model)(x, y)


def _check_probe(model, x, y, name=None):
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
    if not model.is_chain:
        raise ValueError(
            "`model`. Expected a chain of modules; of a TruncatedRNN use "
            f"`state_gradients` or a `StateMonitor`. Received: {model!r}"
        )
    for key, value in (("x", x), ("y", y)):
        if not isinstance(value, list | tuple) and not is_array(value):
            raise ValueError(
                f"`{name or key}`. Expected an array. Received: {value!r}"
            )
    return check_examples(model, x, y, name)


def gradient_function(model):
    """Returns `boundary_gradients` for one model, compiled for many calls.

    It takes arrays that fit the model, and does not check them.
    """
    boundaries = [
        k
        for k, interface in enumerate(model.interfaces, 1)
        if interface is not None
    ]
    compute = traced(_compiled_gradients(model))

    def call(x, y):
        found = zip(*compute(x, y), strict=True)
        return [
            BoundaryGradient(k, g.numpy(), g_hat.numpy(), float(cosine))
            for k, (g, g_hat, cosine) in zip(boundaries, found, strict=True)
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


def _compiled_gradients(model):
    """Returns a `tf.function` of tensors `(x, y)`.

    It returns three lists: the true and the synthetic gradients, and the
    cosines of the gradients of weights that follow from them.
    """
    copies = [Crossing() for _ in model.interfaces]
    interfaces = [one for one in model.interfaces if one is not None]
    weights = [
        module.trainable_variables
        for module, interface in model.stages()
        if interface is not None
    ]

    @tf.function(jit_compile=model.jit_compile)
    def compute(x, y):
        # Whatever is assigned in this scope stays in it.
        with keras.StatelessScope(collect_losses=True):
            with tf.GradientTape(persistent=True) as tape:
                h, outputs, crossings = x, [], []
                for k, (module, interface) in enumerate(model.stages()):
                    h = module(h, training=True)
                    if interface is not None:
                        outputs.append(h)
                        h = copies[k](h)
                        crossings.append(h)
                        tape.watch(h)
                tape.watch(h)
                loss = model.compute_loss(x=x, y=y, y_pred=h, training=True)
            *true, output = tape.gradient(loss, [*crossings, h])
            scale = model.gradient_scale(x, y=y)
            synthetic = [
                _sent_down(interface, crossing, y, scale, output)
                for interface, crossing in zip(
                    interfaces, crossings, strict=True
                )
            ]
            cosines = [
                _update_cosine(tape, *one)
                for one in zip(outputs, weights, true, synthetic, strict=True)
            ]
        return true, synthetic, cosines

    return compute


def _update_cosine(tape, output, weights, true, synthetic):
    """Returns the cosine of two gradients of a module's weights, a scalar."""
    by_true, by_synthetic = (
        [
            tf.reshape(one, (-1,))
            for one in tape.gradient(
                output,
                [variable.value for variable in weights],
                output_gradients=tf.cast(gradient, output.dtype),
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
        ]
        for gradient in (true, synthetic)
    )
    if not by_true:
        return tf.constant(float("nan"))
    one, other = tf.concat(by_true, 0), tf.concat(by_synthetic, 0)
    return tf.tensordot(one, other, 1) / (tf.norm(one) * tf.norm(other))


def _sent_down(interface, h, y, scale, output_gradient):
    extra = {}
    if interface.needs_output_gradient:
        extra["output_gradient"] = output_gradient
    return interface.synthetic_gradient(h, y, scale, training=True, **extra)


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


MEASURES = tuple(agreement(np.ones(1), np.ones(1)))


class GradientMonitor(ProbeMonitor):
    """Compares synthetic with true gradients on a fixed probe batch.

    Training is left as it is: with and without the monitor the weights are the
    same, bit for bit. As a side effect `history` grows by one row per interface
    at each measurement, which costs about three training steps on a batch of
    the probe's size; the function is compiled when training begins.

    Args:
        x_probe: Array `(batch, *features)`; a few hundred examples are enough.
        y_probe: Array `(batch,)` or `(batch, num_classes)`, their labels.
        every: `"epoch"` or an integer n >= 1: measure after each epoch, or
            after every n-th step. Callbacks see steps in groups of the model's
            `steps_per_execution`, so a measurement comes at the end of the
            group in which it is due; compile with `steps_per_execution=1` to
            have them at the step. Default `"epoch"`.

    Attributes:
        history: Dict of equal-length lists: `step` (training steps since `fit`
            began), `boundary` (1 at the input), `cosine`, `sign_agreement`,
            `norm_ratio`, `relative_error` (see `agreement`), `update_cosine`
            (see `BoundaryGradient`). Begins anew with each `fit`; empty for a
            model without interfaces.

    Raises:
        ValueError: If `every` is neither; at the start of training if the
            probe does not fit the model.

    Example:

    >>> monitor = dni.GradientMonitor(x_train[:256], y_train[:256])
    >>> history = model.fit(
    ...     x_train, y_train, epochs=2, verbose=0, callbacks=[monitor]
    ... )
    >>> pandas.DataFrame(monitor.history)[["step", "boundary"]].shape
    (4, 2)
    """

    def __init__(self, x_probe, y_probe, every="epoch"):
        super().__init__(("boundary", *MEASURES, "update_cosine"), every)
        self.x_probe, self.y_probe = x_probe, y_probe

    def _begin(self):
        self._probe = _check_probe(
            self.model, self.x_probe, self.y_probe, "probe"
        )
        self._gradients = gradient_function(self.model)
        self._gradients(*self._probe)  # Compile now, not in the first epoch.

    def _rows(self):
        for found in self._gradients(*self._probe):
            yield {
                "boundary": found.boundary,
                **agreement(found.true, found.synthetic),
                "update_cosine": found.update_cosine,
            }


class ThroughputMonitor(keras.callbacks.Callback):
    """Measures training steps per second, validation and compiling left out.

    The first group of steps of a `fit` compiles the step and is not counted;
    neither is what happens between epochs. Training is left as it is. As a
    side effect `history` grows by one row per epoch. Timings are wall-clock
    and noisy: compare ratios measured side by side.

    Attributes:
        history: Dict of equal-length lists: `epoch` (from 0), `steps` and
            `seconds` (those counted), `steps_per_second`. An epoch in which no
            step was counted has no row. Begins anew with each `fit`.

    Example:

    >>> monitor = dni.ThroughputMonitor()
    >>> history = model.fit(
    ...     x_train, y_train, epochs=2, verbose=0, callbacks=[monitor]
    ... )
    >>> len(monitor.history["steps_per_second"])
    1
    """

    def __init__(self):
        super().__init__()
        self.history = {}

    def on_train_begin(self, logs=None):
        self.history = {
            key: [] for key in ("epoch", "steps", "seconds", "steps_per_second")
        }
        self._compiled = False

    def on_epoch_begin(self, epoch, logs=None):
        self._first, self._last = 0, 0
        self._start = self._end = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        # Of a last group that is short Keras's own models say too much.
        self._last = min(batch + 1, self.params.get("steps") or batch + 1)
        self._end = time.perf_counter()
        if not self._compiled:
            self._compiled = True
            self._first, self._start = self._last, self._end

    def on_epoch_end(self, epoch, logs=None):
        steps, seconds = self._last - self._first, self._end - self._start
        if steps:
            row = (epoch, steps, seconds, steps / seconds)
            for values, value in zip(self.history.values(), row, strict=True):
                values.append(value)
