"""What predicts a gradient: layers to be given to `SyntheticGradient`."""

import math

from dni_lesson.backward import teach
from dni_lesson.checks import check_int

import keras
from keras import ops


def linear_predictor(units, **kwargs):
    """Returns one Dense layer with `units` outputs, zero at the start.

    Before it has learned anything, a predictor must not move the module below
    (arXiv 1608.05343, supplement).
    """
    return keras.layers.Dense(units, kernel_initializer="zeros", **kwargs)


@keras.saving.register_keras_serializable(package="dni_lesson")
class ZeroPredictor(keras.layers.Layer):
    """Predicts that every gradient is zero: the control of every DNI.

    `SyntheticGradient(ZeroPredictor())` lets no gradient through, so that only
    the module above the last boundary learns. It sends zeros rather than
    nothing at all because optimizers complain of variables without a gradient.

    Input shape:
        Any.

    Output shape:
        The input's.
    """

    def call(self, inputs):
        return ops.zeros_like(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable(package="dni_lesson")
class SoftmaxPredictor(keras.layers.Layer):
    """Predicts a gradient from what a linear classifier gets wrong.

    Under softmax cross-entropy the gradient at the logits is `p - onehot(y)`,
    and every gradient below is that, pulled back. So a classifier looks at the
    activations `h`, and what it gets wrong is mapped back to their size:

        g_hat = (softmax(h U + c) - onehot(y)) V

    The classifier `U, c` learns by its own cross-entropy, weighted as the loss
    weighs the examples. `V`, zero at the start, learns as every predictor does,
    by regression to the gradient that arrives. A linear predictor of `units`
    activations has `units**2` weights and more, this one `2 * num_classes *
    units`.

    With `tied=True`, `V` is always the transpose of `U`. What goes down is then
    the gradient of the classifier's own cross-entropy, nothing is learned from
    the gradient that arrives, and each module trains by a loss of its own:
    decoupled greedy learning.

    Args:
        num_classes: Integer >= 2, the same as that of the `SyntheticGradient`.
        tied: Boolean, whether `V` is the transpose of `U`. Default `False`.
        seed: Integer, of the classifier's initial weights; `None` for others
            each time. Default `None`.

    Call arguments:
        inputs: Float tensor `(batch, ..., features + num_classes)`, activations
            and one-hot labels, as a `SyntheticGradient` passes them on.
        gradient_scale: Float tensor that spreads over `(batch, ..., 1)`, how
            much the loss weighs each example; passed on by a
            `SyntheticGradient`, too. Default `1 / batch`.

    Input shape:
        `(batch, ..., features + num_classes)`, the last axis known.

    Output shape:
        `(batch, ..., features)`, in per-example units.

    Raises:
        ValueError: If `num_classes` is no integer >= 2, or if nothing is left
            of the inputs beside the labels.

    Example:

    >>> layer = dni.SyntheticGradient(dni.SoftmaxPredictor(10), num_classes=10)

    Reference:

    - Jaderberg et al., [arXiv 1608.05343](https://arxiv.org/abs/1608.05343),
      for what a predictor is; this form is ours.
    - Belilovsky et al., Decoupled Greedy Learning of CNNs,
      [arXiv 1901.08164](https://arxiv.org/abs/1901.08164), for `tied=True`,
      here with a linear classifier.
    """

    def __init__(self, num_classes, tied=False, seed=None, **kwargs):
        # `gradient_scale` may be larger than float16 can hold.
        super().__init__(autocast=False, **kwargs)
        self.num_classes = check_int("num_classes", num_classes, at_least=2)
        self.tied, self.seed = bool(tied), seed

    @property
    def layers(self):
        """List of the layers that a prediction goes through."""
        return [self.classifier, self.classifier if self.tied else self.back]

    @property
    def training_macs(self):
        """Multiply-accumulates of a prediction and its training, an example.

        Nothing is pulled back from `V` to `U`; tied weights learn once.
        """
        return (3 if self.tied else 4) * math.prod(self.classifier.kernel.shape)

    def build(self, input_shape):
        *before, size = input_shape
        features = (size or 0) - self.num_classes
        if features < 1:
            raise ValueError(
                f"`inputs`. With num_classes={self.num_classes} expected a "
                "last axis of activations and as many one-hot labels: give the "
                "`SyntheticGradient` num_classes, too. "
                f"Received: shape {tuple(input_shape)}"
            )
        self.classifier = keras.layers.Dense(
            self.num_classes,
            kernel_initializer=keras.initializers.GlorotUniform(self.seed),
            dtype=self.dtype_policy,
        )
        self.classifier.build((*before, features))
        if not self.tied:
            self.back = linear_predictor(
                features, use_bias=False, dtype=self.dtype_policy
            )
            self.back.build((*before, self.num_classes))

    def call(self, inputs, gradient_scale=None):
        h = inputs[..., : -self.num_classes]
        labels = inputs[..., -self.num_classes :]
        # Softmax needs more digits than float16 has.
        logits = ops.cast(self.classifier(h), self.variable_dtype)
        wrong = ops.softmax(logits) - ops.cast(labels, self.variable_dtype)
        wrong = ops.stop_gradient(wrong)
        if gradient_scale is None:
            gradient_scale = 1.0 / ops.cast(ops.shape(h)[0], wrong.dtype)
        # What the classifier's cross-entropy asks of its logits.
        wrong = teach(wrong, logits, gradient_scale * wrong)
        wrong = ops.cast(wrong, self.compute_dtype)
        if not self.tied:
            return self.back(wrong)
        kernel = ops.stop_gradient(self.classifier.kernel)
        return ops.matmul(wrong, ops.cast(ops.transpose(kernel), wrong.dtype))

    def compute_output_shape(self, input_shape):
        *before, size = input_shape
        return (*before, size - self.num_classes)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "tied": self.tied,
            "seed": self.seed,
        }
