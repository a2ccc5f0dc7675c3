"""What predicts a gradient: layers to be given to `SyntheticGradient`."""

import inspect
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


def convolutional_predictor(filters, kernel_size=3, **kwargs):
    """Returns one convolution with `filters` outputs, zero at the start.

    `linear_predictor` for feature maps: the gradient at a position is predicted
    from the activations around it. Given to a `SyntheticGradient` with
    `num_classes`, it sees the labels as planes of zeros and ones behind the
    channels.
    """
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        data_format="channels_last",
        kernel_initializer="zeros",
        **kwargs,
    )


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
        if None in self.places:
            raise ValueError(
                "`model`. Expected a known number of positions at the layer "
                f"'{self.name}'. Received: {self.places}"
            )
        products = math.prod((*self.classifier.kernel.shape, *self.places))
        return (3 if self.tied else 4) * products

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
        self.places = tuple(before[1:])  # Each has a prediction of its own.
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


@keras.saving.register_keras_serializable(package="dni_lesson")
class PooledPredictor(keras.layers.Layer):
    """Predicts the gradient of a feature map from its average-pooled values.

    The map is pooled to a coarser one, all of whose values together are the
    input of `predictor`. What that predicts is a gradient of the coarse map,
    and goes back through the pooling as a gradient does: each position gets
    the same, divided by the number of positions that were averaged.

    With a `SoftmaxPredictor` inside, a classifier looks at the whole picture
    rather than at one position, and what it gets wrong is mapped back to each
    place by weights of that place; with `tied=True`, what goes down is the
    gradient of a linear classifier of the pooled map.

    That is the only scale here, chosen from the standard deviation of the
    true per-example gradient at a position of the two boundaries of a `cnn`
    with random weights: 0.03 and 0.05, the order of an `mlp`'s 0.13 to 0.09
    at a unit (`benchmarks/convolutional.py --gradients`). Max pooling hands a
    gradient on whole; average pooling in its place made the first 0.02. Where
    the classifier averages the whole map it is 0.003 and 0.005.

    Args:
        predictor: Keras layer that maps `(batch, values)` to `(batch, values)`,
            the inputs with the one-hot labels behind them if the
            `SyntheticGradient` has `num_classes`. If its `call` takes a
            `gradient_scale`, it gets `(batch, 1)`.
        pool_size: Integer >= 1, how many positions of each axis are averaged;
            those that are left over at the end of an axis get no gradient.
            Default `1`.
        num_classes: Integer >= 2, the same as that of the `SyntheticGradient`,
            or `None` if it has none. Default `None`.

    Call arguments:
        inputs: Float tensor `(batch, height, width, channels + num_classes)`,
            activations and planes of one-hot labels, as a `SyntheticGradient`
            passes them on.
        gradient_scale: Float tensor `(batch, 1, 1, 1)`, how much the loss
            weighs each example. Default `1 / batch`.

    Input shape:
        `(batch, height, width, channels + num_classes)`, known but for the
        batch.

    Output shape:
        `(batch, height, width, channels)`, in per-example units.

    Raises:
        ValueError: If an argument is out of its range or the map is smaller
            than `pool_size`.

    Example:

    >>> layer = dni.SyntheticGradient(
    ...     dni.PooledPredictor(dni.SoftmaxPredictor(10), 2, num_classes=10),
    ...     num_classes=10,
    ... )

    Reference:

    - Belilovsky et al., Decoupled Greedy Learning of CNNs,
      [arXiv 1901.08164](https://arxiv.org/abs/1901.08164), whose classifiers
      at the boundaries look at pooled maps too.
    """

    def __init__(self, predictor, pool_size=1, num_classes=None, **kwargs):
        # `gradient_scale` may be larger than float16 can hold.
        super().__init__(autocast=False, **kwargs)
        if not isinstance(predictor, keras.layers.Layer):
            raise ValueError(
                "`predictor`. Expected a Keras model or layer. "
                f"Received: predictor={predictor!r}"
            )
        if num_classes is not None:
            num_classes = check_int("num_classes", num_classes, at_least=2)
        self.predictor, self.num_classes = predictor, num_classes
        self.pool_size = check_int("pool_size", pool_size, at_least=1)

    @property
    def layers(self):
        """List of the layers that a prediction goes through."""
        return [self.predictor]

    @property
    def training_macs(self):
        """Multiply-accumulates of the layer inside, if that counts its own."""
        return self.predictor.training_macs

    def build(self, input_shape):
        fits = len(input_shape) == 4 and None not in input_shape[1:]
        if not fits or min(input_shape[1:3]) < self.pool_size:
            raise ValueError(
                "`inputs`. Expected the shape (batch, height, width, channels) "
                f"with height and width >= pool_size={self.pool_size}. "
                f"Received: {tuple(input_shape)}"
            )
        _, height, width, size = input_shape
        channels = size - (self.num_classes or 0)
        self.coarse = (
            height // self.pool_size,
            width // self.pool_size,
            channels,
        )
        seen = math.prod(self.coarse) + (self.num_classes or 0)
        self.predictor(keras.KerasTensor((None, seen), self.compute_dtype))

    def call(self, inputs, gradient_scale=None, training=False):
        *_, channels = self.coarse
        h, planes = inputs[..., :channels], inputs[..., channels:]
        seen = ops.reshape(self._pooled(h), (-1, math.prod(self.coarse)))
        if self.num_classes is not None:
            labels = ops.mean(planes, axis=(1, 2))
            seen = ops.concatenate([seen, labels], axis=-1)
        extra = {}
        if gradient_scale is not None and takes_scale(self.predictor):
            scale = ops.reshape(gradient_scale, (-1, 1))
            extra = {"gradient_scale": scale}
        coarse = self.predictor(seen, training=training, **extra)
        return self._back(ops.reshape(coarse, (-1, *self.coarse)), inputs)

    def _pooled(self, h):
        """Returns means of windows.

        TensorFlow's average pooling, and `ops.repeat` on the way back, print a
        note of oneDNN, which would stand in the reader's notebook.
        """
        size, (height, width, channels) = self.pool_size, self.coarse
        h = h[:, : height * size, : width * size]
        windows = ops.reshape(h, (-1, height, size, width, size, channels))
        return ops.mean(windows, axis=(2, 4))

    def _back(self, gradient, inputs):
        """Returns the gradient of the map for that of the pooled one."""
        size = self.pool_size
        if size == 1:
            return gradient
        height, width, channels = self.coarse
        places = ops.ones((1, 1, size, 1, size, 1), gradient.dtype)
        gradient = ops.reshape(
            gradient[:, :, None, :, None] * places,
            (-1, height * size, width * size, channels),
        )
        left = [
            (0, whole - size * coarse)
            for whole, coarse in zip(
                inputs.shape[1:3], self.coarse, strict=False
            )
        ]
        return ops.pad(gradient / size**2, [(0, 0), *left, (0, 0)])

    def compute_output_shape(self, input_shape):
        *before, size = input_shape
        return (*before, size - (self.num_classes or 0))

    def get_config(self):
        return {
            **super().get_config(),
            "predictor": keras.saving.serialize_keras_object(self.predictor),
            "pool_size": self.pool_size,
            "num_classes": self.num_classes,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**with_layers(config, "predictor"))


def with_layers(config, *names):
    """Returns a config in which these layers are no longer in saved form."""
    config = dict(config)
    for name in names:
        if isinstance(config.get(name), dict):
            config[name] = keras.saving.deserialize_keras_object(config[name])
    return config


def takes_scale(predictor):
    """Returns whether a predictor asks how much the loss weighs an example."""
    return "gradient_scale" in inspect.signature(predictor.call).parameters
