"""What stands at a boundary: layers behind a different backward pass."""

from dni_lesson.backward import (
    mixture,
    rescale_forward,
    same_shape,
    splice_by,
)
from dni_lesson.checks import check_int, check_not_negative
from dni_lesson.predictors import (
    linear_predictor,
    takes_scale,
    with_layers,
)

import keras
from keras import ops


class Interface(keras.layers.Layer):
    """Sends a gradient down at once and learns from the one that arrives.

    In inference an interface is the identity. In training it is the identity
    forward; backward, `synthetic_gradient` goes down to the module below, and
    `error` into whatever predicted it. A rule of your own is a subclass:

    - `build` makes the layers that predict, `layers` names them;
    - `synthetic_gradient` says what goes down, from `predictor_inputs` and by
      `scaled`, which keep the conventions below;
    - `error` says what it learns.

    Everyone else asks the interface and knows nothing of its inside. To train
    it alone, call it with `training=True` and pull the arriving gradient back
    through that call.

    Predictors work in **per-example units**, see `SyntheticGradient`: what goes
    down is `g_hat = gradient_scale * prediction`, in the units of the arriving
    gradient `g`, and so is the error.

    Args:
        num_classes: Integer >= 2 or `None`. If given, training needs labels.
            Default `None`.

    Call arguments:
        inputs: Float tensor `(batch, *features)`.
        labels: See `SyntheticGradient`. Default `None`.
        gradient_scale: See `SyntheticGradient`. Default `1 / batch`.
        training: Boolean; an interface acts in training only. Default `False`.

    Attributes:
        needs_output_gradient: Boolean, whether what goes down depends on the
            gradient of the loss with respect to the model's output, which
            `synthetic_gradient` then takes as `output_gradient`; see
            `DirectFeedback`. Default `False`.
        learns_from_above: Boolean, whether the gradient that arrives is used at
            all. Default `True`.

    Raises:
        ValueError: If `num_classes` is no integer >= 2, or if labels are
            missing.
    """

    needs_output_gradient = False
    learns_from_above = True

    def __init__(self, num_classes=None, **kwargs):
        # `gradient_scale` may be larger than float16 can hold: call casts.
        super().__init__(autocast=False, **kwargs)
        if num_classes is not None:
            num_classes = check_int("num_classes", num_classes, at_least=2)
        self.num_classes = num_classes
        self.supports_masking = True

    @property
    def crosses(self):
        """Whether a gradient crosses the boundary at all: if it can learn."""
        return bool(self.trainable_variables)

    @property
    def waits(self):
        """Whether what goes down depends on what arrives. Then a module cannot
        be updated before those above it, and workers refuse the interface."""
        return False

    @property
    def layers(self):
        """List of the layers that predict, whose products `costs` counts."""
        return []

    def synthetic_gradient(
        self, inputs, labels=None, gradient_scale=None, training=False
    ):
        """Returns the gradient that goes down, `(batch, *features)`.

        It is in the units of the arriving gradient and of the dtype of
        `inputs`. No gradient flows from it to `inputs`.

        Args:
            inputs: As in `call`.
            labels: As in `call`.
            gradient_scale: As in `call`.
            training: Boolean, passed on to the predictor. Default `False`.

        Raises:
            ValueError: If the layer has `num_classes` and `labels` is `None`.
        """
        raise NotImplementedError

    def error(self, g_hat, g, gradient_scale):
        """Returns the gradient that `g_hat` receives when `g` arrives.

        The default is that of `0.5 * sum((g_hat - g)**2)`.

        Args:
            g_hat: Tensor `(batch, *features)`, what has been sent down.
            g: Tensor of the same shape, in the same units.
            gradient_scale: Tensor `(batch, 1, ..., 1)`, or with 1 in place of
                `batch`, of the rank of `g`.
        """
        return g_hat - g

    def call(self, inputs, labels=None, gradient_scale=None, training=False):
        if keras.backend.is_float_dtype(inputs.dtype):
            inputs = ops.cast(inputs, self.compute_dtype)
        if not training:
            return inputs
        scale = spread(gradient_scale, inputs, self.variable_dtype)
        g_hat = self.synthetic_gradient(inputs, labels, scale, training=True)
        return self.splice(inputs, g_hat, scale)

    def splice(self, inputs, g_hat, gradient_scale):
        """Returns `inputs`, whose gradient is replaced by `g_hat`."""
        return splice_by(self.error)(inputs, g_hat, gradient_scale)

    def predictor_inputs(self, inputs, labels=None):
        """Returns what a predictor sees: `inputs`, through which no gradient
        flows back, and with `num_classes` the one-hot labels after them in the
        last axis.

        Raises:
            ValueError: If the layer has `num_classes` and `labels` is `None`
                or does not fit.
        """
        inputs = ops.stop_gradient(inputs)
        if self.num_classes is None:
            return inputs
        return ops.concatenate([inputs, self._one_hot(labels, inputs)], axis=-1)

    def scaled(self, prediction, inputs, gradient_scale=None):
        """Returns `gradient_scale * prediction` in the dtype of `inputs`.

        The gradient comes back to `prediction` as if the scale were 1.
        """
        scale = spread(gradient_scale, inputs, self.variable_dtype)
        return rescale_forward(ops.cast(prediction, inputs.dtype), scale)

    def _one_hot(self, labels, inputs):
        if labels is None:
            raise ValueError(
                f"`labels` is missing. The layer '{self.name}' has "
                f"num_classes={self.num_classes}, so in training its predictor "
                "needs the labels: name it among the `interfaces` of a "
                "`DecoupledModel`, which passes them on, or call it with "
                "`labels=...`."
            )
        labels = ops.convert_to_tensor(labels)
        if len(labels.shape) > 1 and labels.shape[-1] == 1:
            labels = ops.squeeze(labels, axis=-1)
        *places, last = labels.shape
        before = inputs.shape[:-1]
        are_numbers = same_shape(labels.shape, before[: len(labels.shape)])
        is_one_hot = (
            bool(places)
            and last == self.num_classes
            and same_shape(places, before[: len(places)])
        )
        if not (are_numbers or is_one_hot):
            raise ValueError(
                f"`labels`. The layer '{self.name}' has num_classes="
                f"{self.num_classes} and inputs of shape {tuple(inputs.shape)}"
                ". Expected class numbers for each example, or for each of "
                "its positions, or rows of num_classes values. "
                f"Received: shape {tuple(labels.shape)}"
            )
        is_float = keras.backend.is_float_dtype(labels.dtype)
        if are_numbers and not (is_one_hot and is_float):
            places = labels.shape
            labels = ops.one_hot(ops.cast(labels, "int32"), self.num_classes)
        labels = ops.cast(labels, inputs.dtype)
        # Labels are spread over the axes that they do not have.
        ones = (1,) * (len(before) - len(places))
        shape = ops.shape(labels)
        labels = ops.reshape(labels, (*shape[:-1], *ones, shape[-1]))
        return ops.broadcast_to(
            labels, (*ops.shape(inputs)[:-1], self.num_classes)
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}


def spread(gradient_scale, inputs, dtype):
    """Returns `(batch, 1, ..., 1)`, or with 1 in place of `batch`, of the rank
    of `inputs`; `1 / batch` for `None`."""
    if gradient_scale is None:
        gradient_scale = 1.0 / ops.cast(ops.shape(inputs)[0], dtype)
    return ops.reshape(
        ops.cast(gradient_scale, dtype), (-1,) + (1,) * (len(inputs.shape) - 1)
    )


def needs_output_gradient(interface):
    """Returns whether an interface, or `None`, must know what the output got
    wrong."""
    return interface is not None and interface.needs_output_gradient


@keras.saving.register_keras_serializable(package="dni_lesson")
class SyntheticGradient(Interface):
    """Decouples the layers below it from the layers above it.

    In inference this layer is the identity. In training it is the identity
    forward, and backward it sends down what its `predictor` says the gradient
    is, while the predictor learns from the gradient that really arrives. The
    layers below no longer depend on the loss above. This is not the same as
    `trainable=False`, which stops the predictor's learning but keeps sending
    its predictions down.

    The scale of the prediction decides whether it learns. Losses are means
    over a batch, so a gradient shrinks with the batch size, and an optimizer
    such as Adam would take far too large steps on the predictor. The predictor
    therefore always works in **per-example units**: it regresses to the
    gradient of each example's own, unweighted loss. What goes down is
    `g_hat = gradient_scale * prediction`, in the units of the arriving gradient
    `g`, and the predictor's output receives `g_hat - g`. With
    `gradient_scale = 1 / batch` this is exactly the gradient of the mean over
    the batch of `0.5 * sum_features((prediction - batch * g)**2)`.

    Args:
        predictor: Keras model or layer that maps `(batch, *features)` to the
            same shape. With `num_classes` its input has `num_classes` more
            values in the last axis. If its `call` takes a `gradient_scale`, it
            gets what this layer gets, `(batch, 1, ..., 1)`. `None` for one
            linear layer that is zero at the start, so that the first synthetic
            gradients are zero. Default `None`.
        num_classes: Integer >= 2 or `None`. If given, the predictor also sees
            the one-hot labels, which the layer then needs in training: the
            conditional DNI (cDNI) of the paper. Default `None`.
        share: Number in `[0, 1]`, how much of the arriving gradient goes down
            beside the predicted one: `share * g + (1 - share) * g_hat`, the
            BP(lambda) of the paper. With 0 this is DNI, with 1 backprop; the
            predictor learns the same either way, and monitors show what it
            predicts. Any share above 0 locks the modules below again, as they
            must wait for `g`: it is for diagnosis and for a warm-up, and the
            decoupled workers of `fit_async` refuse it. Default `0.0`.

    Call arguments:
        inputs: Float tensor `(batch, *features)`.
        labels: Class numbers in `[0, num_classes)`, one for each example,
            `(batch,)`, or for each of its positions, `(batch, positions)`; or
            one-hot or other float rows of `num_classes` values. A last axis
            of 1 does not count. A number out of range is a row of zeros.
            Needed in training if `num_classes` is given.
        gradient_scale: Float tensor `(batch,)` or scalar; how much the loss
            weighs each example: the arriving gradient is this number times
            the gradient of the example's own loss. Default `1 / batch`,
            right for a loss that is the mean over the batch. `DecoupledModel`
            passes the right value for sums, sample weights and float16 too.
        training: Boolean; the layer acts in training only. Default `False`.

    Attributes:
        share: Float. A new one counts from the next step on, also in a compiled
            one (with TensorFlow); see `ShareSchedule`. It is saved with the
            model, as a setting: it is no weight.

    Input shape:
        `(batch, *features)`, the last axis known.

    Output shape:
        The input's.

    Raises:
        ValueError: If `num_classes` is no integer >= 2, `share` no number from
            0 to 1, if the predictor does not return the shape of its gradient,
            or if labels are missing.

    Example:

    >>> model = keras.Sequential([
    ...     keras.layers.Dense(64, activation="relu"),
    ...     dni.SyntheticGradient(),
    ...     keras.layers.Dense(10),
    ... ])

    Reference:

    - Jaderberg et al., Decoupled Neural Interfaces using Synthetic Gradients,
      [arXiv 1608.05343](https://arxiv.org/abs/1608.05343), sections 2.1 and
      3.1, supplement A for `share`; the scaling is ours.
    """

    def __init__(self, predictor=None, num_classes=None, share=0.0, **kwargs):
        super().__init__(num_classes, **kwargs)
        if predictor is not None and not isinstance(
            predictor, keras.layers.Layer
        ):
            raise ValueError(
                "`predictor`. Expected a Keras model, a Keras layer or None. "
                f"Received: predictor={predictor!r}"
            )
        self.predictor = predictor
        self._setting = Setting(check_not_negative("share", share, at_most=1))

    @property
    def share(self):
        return self._setting.number

    @share.setter
    def share(self, share):
        self._setting.set(check_not_negative("share", share, at_most=1))

    @property
    def waits(self):
        return self.share > 0

    @property
    def crosses(self):
        return self.waits or super().crosses

    @property
    def layers(self):
        return [] if self.predictor is None else [self.predictor]

    def build(self, input_shape):
        if input_shape[-1] is None:
            raise ValueError(
                "`inputs`. Expected a known size of the last axis. "
                f"Received: shape {tuple(input_shape)}"
            )
        if self.predictor is None:
            self.predictor = linear_predictor(
                input_shape[-1], dtype=self.dtype_policy
            )
        seen = (*input_shape[:-1], input_shape[-1] + (self.num_classes or 0))
        predicted = self.predictor(keras.KerasTensor(seen, self.compute_dtype))
        out = getattr(predicted, "shape", None)
        if out is None or not same_shape(out[1:], input_shape[1:]):
            raise ValueError(
                "`predictor` must return one gradient value per input value. "
                f"Expected the shape {tuple(input_shape)} for the input shape "
                f"{seen}. Received: {out}"
            )

    def synthetic_gradient(
        self, inputs, labels=None, gradient_scale=None, training=False
    ):
        scale = spread(gradient_scale, inputs, self.variable_dtype)
        asks = takes_scale(self.predictor)
        extra = {"gradient_scale": scale} if asks else {}
        prediction = self.predictor(
            self.predictor_inputs(inputs, labels), training=training, **extra
        )
        return self.scaled(prediction, inputs, scale)

    def splice(self, inputs, g_hat, gradient_scale):
        def error(g_hat, g, gradient_scale, share):
            return self.error(g_hat, g, gradient_scale)

        share = ops.cast(self._setting.variable, inputs.dtype)
        return splice_by(error, mixture)(inputs, g_hat, gradient_scale, share)

    def get_config(self):
        predictor = self.predictor
        if predictor is not None:
            predictor = keras.saving.serialize_keras_object(predictor)
        return {
            **super().get_config(),
            "predictor": predictor,
            "share": self.share,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**with_layers(config, "predictor"))


class Setting:
    """A number that compiled steps read anew, in here hidden from Keras, which
    would take it for a weight."""

    def __init__(self, number):
        self.number = number
        self.variable = keras.Variable(number, trainable=False, name="share")

    def set(self, number):
        self.number = number
        self.variable.assign(number)
