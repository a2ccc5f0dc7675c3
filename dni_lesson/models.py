"""A Keras model that is a chain of modules with interfaces in between."""

from dni_lesson.feeding import STEPS_AT_ONCE, CheckedModel
from dni_lesson.layers import SyntheticGradient
from dni_lesson.stepping import several_steps

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dni_lesson")
class DecoupledModel(CheckedModel):
    """A chain of modules with an interface at every boundary between them.

    `fit`, `evaluate`, `predict`, `save` and `keras.saving.load_model` work as
    for any Keras model; in inference the interfaces are invisible. In training
    one ordinary backward pass trains every module with the gradient that its
    interface predicts, and every predictor with the gradient that arrives from
    the module above. Each module's update depends on the module above it only
    through a predictor; that all of them happen in one step here is for
    convenience, not asynchrony.

    `fit` hands the labels, and how much the loss weighs each example (batch
    mean or sum, sample weights, float16 loss scale), to the interfaces as
    explicit call arguments.

    Args:
        modules: List of Keras layers or models, from input to output, each
            mapping one tensor to one tensor.
        interfaces: List of one entry per boundary, that is one fewer than
            modules: a `SyntheticGradient`, or `None` to let the true gradient
            through.

    Call arguments:
        inputs: Float tensor `(batch, *features)`; in training a tuple
            `(x, labels, gradient_scale)` whose last two entries go to the
            interfaces as described in `SyntheticGradient`.
        training: Boolean. Default `False`.

    Attributes:
        modules: The list of modules, from input to output.
        interfaces: The list of interfaces; `interfaces[k]` stands between
            `modules[k]` and `modules[k + 1]`.

    Raises:
        ValueError: If the numbers of modules and interfaces do not match or an
            entry is of the wrong type; in `fit`, `evaluate` and `predict` if
            arrays do not fit the model (see `check_examples`).

    Example:

    >>> model = dni.DecoupledModel(
    ...     modules=[
    ...         keras.layers.Dense(64, activation="relu"),
    ...         keras.layers.Dense(10),
    ...     ],
    ...     interfaces=[dni.SyntheticGradient(num_classes=10)],
    ... )

    Reference:

    - Jaderberg et al., Decoupled Neural Interfaces using Synthetic Gradients,
      [arXiv 1608.05343](https://arxiv.org/abs/1608.05343), section 2.
    """

    def __init__(self, modules, interfaces, **kwargs):
        super().__init__(**kwargs)
        modules, interfaces = list(modules), list(interfaces)
        if not modules or len(interfaces) != len(modules) - 1:
            raise ValueError(
                "`interfaces`. Expected one entry per boundary: "
                f"{max(len(modules) - 1, 0)} for {len(modules)} modules. "
                f"Received: {len(interfaces)}"
            )
        for module in modules:
            if not isinstance(module, keras.layers.Layer):
                raise ValueError(
                    "`modules`. Expected Keras layers or models. "
                    f"Received: {module!r}"
                )
        for interface in interfaces:
            if not isinstance(interface, SyntheticGradient | None):
                raise ValueError(
                    "`interfaces`. Expected SyntheticGradient layers or None. "
                    f"Received: {interface!r}"
                )
        self.modules = modules
        self.interfaces = interfaces

    def build(self, input_shape):
        if isinstance(input_shape[0], list | tuple):  # (x, labels, scale)
            input_shape = input_shape[0]
        shape = tuple(input_shape)
        for module, interface in self.stages():
            if not module.built:
                module.build(shape)
            shape = tuple(module.compute_output_shape(shape))
            if interface is not None and not interface.built:
                interface.build(shape)

    def call(self, inputs, training=False):
        h, labels, gradient_scale = _unpack(inputs)
        for module, interface in self.stages():
            h = module(h, training=training)
            if interface is not None:
                h = interface(h, labels, gradient_scale, training=training)
        return h

    def stages(self):
        """Returns pairs `(module, interface above it)`, from input to output.

        The last module has no boundary above it: its interface is `None`.
        """
        return list(zip(self.modules, [*self.interfaces, None], strict=True))

    def compile(
        self,
        optimizer="adam",
        loss=None,
        *,
        steps_per_execution=STEPS_AT_ONCE,
        jit_compile="auto",
        **kwargs,
    ):
        """Configures training, as `keras.Model.compile`, with a fast default.

        Args:
            optimizer: Any Keras optimizer. Default `"adam"`.
            loss: Any Keras loss. A `mlp` returns logits, so use
                `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`.
            steps_per_execution: Integer, training steps between two returns to
                Python, whose batches are in memory together. Callbacks see
                batches in steps of it. Default `16`.
            jit_compile: Boolean or `"auto"`: whether XLA compiles the step, and
                with TensorFlow the loop over `steps_per_execution` of them. It
                takes a few seconds once, and once more for a last batch that
                is smaller than the others; after that steps are faster. Keras
                leaves it off on CPUs; here `"auto"` turns it on unless the
                model runs eagerly. Default `"auto"`.
            **kwargs: The other arguments of `keras.Model.compile`.
        """
        if jit_compile == "auto":
            jit_compile = not kwargs.get("run_eagerly", False)
        super().compile(
            optimizer,
            loss,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            **kwargs,
        )
        if self.built:  # So that a model saved before `fit` loads as well.
            self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config):
        # Keras does this by itself only where `compile` is not overridden.
        self.compile(**keras.saving.deserialize_keras_object(config))

    def make_train_function(self, force=False):
        """As in Keras; with XLA, steps of one execution are one call."""
        if self.train_function is not None and not force:
            return
        super().make_train_function(force)
        if (
            keras.backend.backend() == "tensorflow"
            and self.jit_compile
            and not self.run_eagerly
            and self.steps_per_execution > 1
        ):
            self.train_function = several_steps(
                self.train_step,
                self.steps_per_execution,
                otherwise=self.train_function,
            )

    def train_step(self, *args):
        *state, data = args  # JAX passes its state first.
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        scale = self.gradient_scale(x, sample_weight)
        # Under float16 the optimizer multiplies the loss, hence the gradients.
        scale = self.optimizer.scale_loss(scale)
        data = ((x, y, scale), y, sample_weight)
        return super().train_step(*state, data)

    def gradient_scale(self, x, sample_weight=None):
        """Returns how much the compiled loss weighs each example.

        Args:
            x: Tensor `(batch, *features)`.
            sample_weight: Tensor `(batch,)` or `None`.

        Returns:
            Float32 tensor `(batch,)`: the derivative of the loss with respect
            to the loss of each example, `1 / batch` for the usual mean.
        """
        batch = ops.shape(x)[0]
        scale = ops.ones((batch,), dtype="float32")
        if sample_weight is not None:
            scale = scale * ops.cast(
                ops.reshape(sample_weight, (-1,)), "float32"
            )
        reduction = getattr(self.loss, "reduction", "sum_over_batch_size")
        if reduction == "mean_with_sample_weight":
            return scale / ops.sum(scale)
        if reduction in ("sum_over_batch_size", "mean"):
            return scale / ops.cast(batch, "float32")
        return scale  # "sum", "none" and None: Keras differentiates the sum.

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        for module in self.modules:
            shape = tuple(module.compute_output_shape(shape))
        return shape

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "modules": [serialize(module) for module in self.modules],
            "interfaces": [serialize(layer) for layer in self.interfaces],
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        modules = [deserialize(module) for module in config.pop("modules")]
        interfaces = [deserialize(one) for one in config.pop("interfaces")]
        return cls(modules, interfaces, **config)


def _unpack(inputs):
    if isinstance(inputs, list | tuple):
        return inputs
    return inputs, None, None
