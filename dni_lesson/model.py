"""A Keras model that is a chain of modules with interfaces in between."""

import itertools
import warnings

from dni_lesson.checks import check_int
from dni_lesson.examples import Labelled, example_weights, the_loss
from dni_lesson.feedback import Echo
from dni_lesson.feeding import CheckedModel
from dni_lesson.interfaces import Interface, needs_output_gradient
from dni_lesson.stepping import STEPS_AT_ONCE, convolves_on_cpu
from dni_lesson.stochastic import (
    by_chance,
    check_probabilities,
    is_stochastic,
    updates_of,
)
from dni_lesson.synthetic_inputs import check_inputs

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
            mapping one tensor to one tensor, but for the first, which may take
            any structure of them. A `DecoupledModel` among them stands for its
            own modules and interfaces.
        interfaces: List of one entry per boundary, that is one fewer than
            modules: an `Interface`, such as `SyntheticGradient`, or `None` to
            let the true gradient through.
        update_probability: Number in (0, 1], or a list of one for each module:
            the probability with which a step of `fit` updates the module and
            the predictor above it, each by a draw of its own. A module that is
            left out keeps its weights and all that the optimizer has of it;
            BatchNorm's statistics are of the forward pass, which it does not
            miss. Below 1 each module has an optimizer of its own, a clone of
            the compiled one that counts, corrects and decays by the module's
            own updates, and `global_clipnorm` sees one module's weights only.
            The step still computes every gradient: this shows that modules
            need no common clock, and saves no time. Workers refuse it. Default
            `1.0`.
        seed: Integer >= 0, of these draws, or `None`: they then follow
            `keras.utils.set_random_seed`. Default `None`.
        synthetic_inputs: List of one entry per boundary: a `SyntheticInput`,
            which stands above the interface there, or `None` to hand the true
            activations on. Models among the modules must have none, and the
            model one input. Workers refuse them. Default: `None` everywhere.

    Call arguments:
        inputs: Float tensor `(batch, *features)`, or whatever the first module
            takes: token numbers, a list or a dict of tensors.
        labels: Labels for the interfaces, see `SyntheticGradient`. Default
            `None`.
        gradient_scale: Float tensor `(batch,)` for the interfaces, see
            `SyntheticGradient`. Default `None`.
        training: Boolean. Default `False`.

    Attributes:
        modules: The list of modules, from input to output.
        interfaces: The list of interfaces; `interfaces[k]` stands between
            `modules[k]` and `modules[k + 1]`.
        synthetic_inputs: The list of synthetic inputs, as `interfaces`.
        update_probability: List of floats, one for each module.
        layer_updates: Integer array `(modules,)`, how often each module was
            updated since the model was compiled.
        is_chain: Boolean, whether a training step is what `modules` and
            `interfaces` say: each module once, one after the other. A class of
            your own that trains in another way says `False`; then it is no
            part of another model, and no workers share its modules.

    Raises:
        ValueError: If the numbers of modules and interfaces do not match or an
            entry is of the wrong type, or a probability out of its range; in
            `fit`, `evaluate` and `predict` if arrays do not fit the model (see
            `check_examples`).

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

    is_chain = True

    def __init__(
        self,
        modules,
        interfaces,
        update_probability=1.0,
        seed=None,
        synthetic_inputs=None,
        **kwargs,
    ):
        # Each module casts for itself; labels and scales stay exact.
        super().__init__(autocast=False, **kwargs)
        _check_chain(modules, interfaces)
        self.modules, self.interfaces = _flat(modules, interfaces)
        self.synthetic_inputs = check_inputs(
            "synthetic_inputs", synthetic_inputs, modules, self.interfaces
        )
        self.update_probability = check_probabilities(
            "update_probability", update_probability, len(self.modules)
        )
        self.seed = seed if seed is None else check_int("seed", seed, 0)
        if any(map(needs_output_gradient, self.interfaces)):
            self.echo = Echo()
        self.supports_masking = True

    def build(self, input_shape):
        h = self._symbolic(input_shape)
        for k, (module, interface) in enumerate(self.stages()):
            h = module(h)
            if not isinstance(h, keras.KerasTensor):
                raise ValueError(
                    "`modules`. Expected modules that return one tensor. "
                    f"Received: modules[{k}] returned {type(h).__name__}"
                )
            if interface is not None and not interface.built:
                interface.build(h.shape)
            synthetic = self.input_above(k)
            if synthetic is not None and not synthetic.built:
                synthetic.build(h.shape, input_shape)
        self.output_spec = h

    def _symbolic(self, input_shape):
        """Returns tensors without values, of the shape and kind of inputs."""
        dtypes = [one.dtype for one in getattr(self.modules[0], "inputs", ())]
        dtypes = itertools.chain(dtypes, itertools.repeat(self.compute_dtype))
        return keras.tree.map_shape_structure(
            lambda shape: keras.KerasTensor(shape, next(dtypes)), input_shape
        )

    def compute_output_shape(self, input_shape):
        h = self._symbolic(input_shape)
        for module in self.modules:
            h = module.compute_output_spec(h)
        return h.shape

    def call(self, inputs, labels=None, gradient_scale=None, training=False):
        if isinstance(inputs, Labelled):
            inputs, labels, gradient_scale = inputs
        h, wires = inputs, []
        for k, (module, interface) in enumerate(self.stages()):
            h = module(h, training=training)
            if interface is not None:
                if training and interface.needs_output_gradient:
                    wires.append(interface.wire(h))
                h = interface(h, labels, gradient_scale, training=training)
            synthetic = self.input_above(k)
            if synthetic is not None:
                h = synthetic(h, inputs, gradient_scale, training=training)
        return self.echo(h, wires) if wires else h

    def compute_mask(self, inputs, previous_mask):
        # The last module has set the mask of its output, if it has one.
        return None

    def stages(self):
        """Returns pairs `(module, interface above it)`, from input to output.

        The last module has no boundary above it: its interface is `None`.
        """
        return list(zip(self.modules, [*self.interfaces, None], strict=True))

    def input_above(self, k):
        """Returns the `SyntheticInput` above module `k`, or `None`."""
        return [*self.synthetic_inputs, None][k]

    def compile(
        self,
        optimizer="adam",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=STEPS_AT_ONCE,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Configures training, as `keras.Model.compile`, with a fast default.

        Args:
            optimizer: Any Keras optimizer. Default `"adam"`.
            loss: Any Keras loss. A `mlp` returns logits, so use
                `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`.
            loss_weights: As in Keras.
            metrics: As in Keras.
            weighted_metrics: As in Keras.
            run_eagerly: As in Keras.
            steps_per_execution: Integer, steps between two returns to Python,
                whose batches are in memory together. Callbacks see batches in
                steps of it. As many steps are done as are asked for, whatever
                it is; it has no effect with `run_eagerly` and under a
                `tf.distribute` strategy. Default `16`.
            jit_compile: Boolean or `"auto"`: whether XLA compiles the step, and
                with TensorFlow the loop over `steps_per_execution` of them. It
                takes a few seconds once, and once more for a last batch that
                is smaller than the others; after that steps are faster. Keras
                leaves it off on CPUs; here `"auto"` turns it on unless the
                model runs eagerly or under a `tf.distribute` strategy, or
                convolves on a CPU, where XLA's convolutions are slow and in a
                loop slower still. Where a layer cannot be compiled Keras warns
                and goes on without. Default `"auto"`.
            auto_scale_loss: As in Keras.

        Raises:
            ValueError: If `steps_per_execution` is no integer >= 1, there are
                several losses, or modules are to be updated with a probability
                below 1 where that cannot be.
        """
        self.steps_at_once = check_int(
            "steps_per_execution", steps_per_execution, at_least=1
        )
        self.only_loss = the_loss(loss)
        self.accepted_labels = set()
        if jit_compile == "auto":
            distributed = self.is_distributed()
            jit_compile = not (
                run_eagerly
                or distributed
                or convolves_on_cpu([*self.modules, *self.interfaces])
            )
            if distributed:
                warnings.warn(
                    "Under a `tf.distribute` strategy `fit` takes steps one by "
                    'one and jit_compile="auto" means False.',
                    stacklevel=2,
                )
        factors = keras.tree.flatten(loss_weights)
        self.loss_factor = 1.0 if factors in ([], [None]) else float(factors[0])
        super().compile(
            by_chance(self, keras.optimizers.get(optimizer)),
            loss,
            loss_weights,
            metrics,
            weighted_metrics,
            run_eagerly,
            steps_per_execution=1,  # Keras takes single steps: see stepping.
            jit_compile=jit_compile,
            auto_scale_loss=auto_scale_loss,
        )
        if self.built:  # So that a model saved before `fit` loads as well.
            self.optimizer.build(self.trainable_variables)

    @property
    def layer_updates(self):
        return updates_of(self)

    def get_compile_config(self):
        config = super().get_compile_config()
        if not config:
            return config
        config["steps_per_execution"] = self.steps_at_once
        if is_stochastic(self):  # Save what was asked for.
            config["optimizer"] = config["optimizer"]["config"]["optimizer"]
        return config

    def compile_from_config(self, config):
        # Keras does this by itself only where `compile` is not overridden.
        self.compile(**keras.saving.deserialize_keras_object(config))

    def train_step(self, *args):
        *state, data = args  # JAX passes its state first.
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if not self.built:
            self.build(keras.tree.map_structure(lambda one: one.shape, x))
        scale = self.gradient_scale(x, sample_weight, y)
        # Under float16 the optimizer multiplies the loss, hence the gradients.
        scale = self.optimizer.scale_loss(scale)
        data = (Labelled(x, y, scale), y, sample_weight)
        return super().train_step(*state, data)

    def gradient_scale(self, x, sample_weight=None, y=None):
        """Returns how much the compiled loss weighs each example.

        Args:
            x: Tensor `(batch, *features)`, or a structure of such tensors.
            sample_weight: Tensor `(batch,)`, or with an entry for each
                position of `y`, or `None`. Default `None`.
            y: The labels. They count only where the loss ignores a class.
                Default `None`.

        Returns:
            Tensor `(batch,)` in the dtype of variables: the derivative of the
            compiled loss with respect to the loss of each example, which is
            that of a batch of this example alone, unweighted. `1 / batch` for
            the usual mean.
        """
        return example_weights(
            self.only_loss,
            self.loss_factor,
            y,
            sample_weight,
            ops.shape(keras.tree.flatten(x)[0])[0],
            self.variable_dtype,
        )

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "modules": [serialize(module) for module in self.modules],
            "interfaces": [serialize(layer) for layer in self.interfaces],
            "synthetic_inputs": [serialize(x) for x in self.synthetic_inputs],
            "update_probability": list(self.update_probability),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        def made(layers):
            return list(map(keras.saving.deserialize_keras_object, layers))

        config = dict(config)
        modules, interfaces, inputs = (
            made(config.pop(key, None) or [])
            for key in ("modules", "interfaces", "synthetic_inputs")
        )
        return cls(modules, interfaces, synthetic_inputs=inputs, **config)


def _check_chain(modules, interfaces):
    """Raises `ValueError` unless these stand for modules and boundaries."""
    for name, value in (("modules", modules), ("interfaces", interfaces)):
        if not isinstance(value, list | tuple):
            raise ValueError(
                f"`{name}`. Expected a list. Received: {name}={value!r}"
            )
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
        if not getattr(module, "is_chain", True):
            raise ValueError(
                "`modules`. Expected no model that trains in a way of its "
                f"own, which would be lost here. Received: {module!r}"
            )
    for interface in interfaces:
        if not isinstance(interface, Interface | None):
            raise ValueError(
                "`interfaces`. Expected Interface layers or None. "
                f"Received: {interface!r}"
            )


def _flat(modules, interfaces):
    """Returns both lists with the parts of models instead of these models."""
    flat_modules, flat_interfaces = [], []
    for module, interface in zip(modules, [*interfaces, None], strict=True):
        inner = isinstance(module, DecoupledModel)
        flat_modules += module.modules if inner else [module]
        flat_interfaces += module.interfaces if inner else []
        flat_interfaces.append(interface)
    return flat_modules, flat_interfaces[:-1]  # None above the last module.
