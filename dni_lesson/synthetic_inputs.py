"""What stands before a module that does not wait for its input."""

from dni_lesson.backward import replace_forward, same_shape
from dni_lesson.checks import check_that
from dni_lesson.interfaces import spread
from dni_lesson.predictors import with_layers

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dni_lesson")
class SyntheticInput(keras.layers.Layer):
    """Gives the module above a predicted input, so that it need not wait.

    The counterpart of a `SyntheticGradient`. That one hands the activations on
    and replaces their gradient; this one replaces the activations `h` by
    `h_hat`, which its `predictor` says from the input `x` of the whole network,
    and hands the gradient on. With both at each boundary a module needs no
    other, neither for its input nor for its gradient: complete unlock.

    In training, `h_hat` goes up, and the gradient `g` that arrives for it goes
    down as that of `h`: it is the target of the synthetic gradient there, while
    the module below learns by the synthetic gradient of its own, real output.
    The predictor learns by regression to that output, the mean over the batch
    of `0.5 * sum_features((h_hat - h)**2)`, weighted as the loss weighs the
    examples. In inference the layer is the identity: modules are connected.

    It is never shown a label. A prediction of `h` from `x` and the label would
    carry the label up, and the modules above would learn to read it there,
    where at test time it is not.

    Args:
        predictor: Keras model or layer that maps the network's input
            `(batch, ...)` to `(batch, *features)`, the shape of `h`.

    Call arguments:
        inputs: Float tensor `(batch, *features)`, what the module below
            returns.
        source: Tensor `(batch, ...)`, the input of the network.
        gradient_scale: Float tensor `(batch,)` or scalar, as for a
            `SyntheticGradient`. Default `1 / batch`.
        training: Boolean; the layer acts in training only. Default `False`.

    Output shape:
        That of `inputs`.

    Raises:
        ValueError: If the predictor is no layer or does not return the shape of
            `inputs`.

    Example:

    >>> model = dni.DecoupledModel(
    ...     modules=[
    ...         keras.layers.Dense(64, activation="relu"),
    ...         keras.layers.Dense(10),
    ...     ],
    ...     interfaces=[dni.SyntheticGradient()],
    ...     synthetic_inputs=[dni.SyntheticInput(keras.layers.Dense(64))],
    ... )

    Reference:

    - Jaderberg et al., [arXiv 1608.05343](https://arxiv.org/abs/1608.05343),
      section 3.3, complete unlock.
    """

    def __init__(self, predictor, **kwargs):
        # `gradient_scale` may be larger than float16 can hold.
        super().__init__(autocast=False, **kwargs)
        if not isinstance(predictor, keras.layers.Layer):
            raise ValueError(
                "`predictor`. Expected a Keras model or layer. "
                f"Received: predictor={predictor!r}"
            )
        self.predictor = predictor
        self.supports_masking = True

    @property
    def layers(self):
        """List of the layers that predict."""
        return [self.predictor]

    def build(self, inputs_shape, source_shape):
        seen = keras.KerasTensor(source_shape, self.compute_dtype)
        out = getattr(self.predictor(seen), "shape", None)
        if out is None or not same_shape(out[1:], inputs_shape[1:]):
            raise ValueError(
                "`predictor` must return what the module below returns. "
                f"Expected the shape {tuple(inputs_shape)} for the network's "
                f"input {tuple(source_shape)}. Received: {out}"
            )

    def call(self, inputs, source, gradient_scale=None, training=False):
        if not training:
            return inputs
        if keras.backend.is_float_dtype(source.dtype):
            source = ops.cast(source, self.compute_dtype)
        h_hat = self.predictor(ops.stop_gradient(source), training=True)
        h_hat = ops.cast(h_hat, inputs.dtype)
        scale = spread(gradient_scale, inputs, self.variable_dtype)
        return replace_forward(inputs, h_hat, scale)

    def compute_output_shape(self, inputs_shape, source_shape):
        return inputs_shape

    def get_config(self):
        predictor = keras.saving.serialize_keras_object(self.predictor)
        return {**super().get_config(), "predictor": predictor}

    @classmethod
    def from_config(cls, config):
        return cls(**with_layers(config, "predictor"))


def check_inputs(name, value, modules, interfaces):
    """Returns a list with a `SyntheticInput` or `None` for each boundary.

    Args:
        name: String, how the error calls the argument.
        value: Such a list, or `None` for none.
        modules: List of Keras layers.
        interfaces: List, one for each boundary.

    Raises:
        ValueError: If it is something else, or a module has some of its own.
    """
    if not value:
        value = [None] * len(interfaces)
    is_right = isinstance(value, list | tuple) and all(
        isinstance(one, SyntheticInput | None) for one in value
    )
    check_that(
        is_right and len(value) == len(interfaces),
        name,
        value,
        f"SyntheticInput layers or None, one for each of {len(interfaces)} "
        "boundaries",
    )
    for module in modules:
        check_that(
            not any(getattr(module, "synthetic_inputs", [])),
            "modules",
            module,
            "modules without synthetic inputs of their own: they would be "
            "predicted from another input",
        )
    return list(value)
