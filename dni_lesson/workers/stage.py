"""What every worker has: a part of the network and its compiled calls."""

import contextlib

from dni_lesson.workers.calls import compiled, one_by_one
from dni_lesson.workers.placement import (
    copied,
    on_device,
    set_weights_of,
    weights_of,
)

import tensorflow as tf
from keras import ops


class Stage:
    """The compiled calls of one part, for one or several batch sizes.

    `LowerStage` and `TopStage` say which calls there are. Every schedule uses
    the same ones. Gradients that travel between stages are those of the loss
    of the whole mini-batch, in its units; predictors work in per-example
    units, as `Interface` says.

    Args:
        part: `Part`.
        model: The compiled `DecoupledModel`, for its loss and its optimizer,
            of which the part and its predictor each get a clone.
        synthetic: Boolean, whether interfaces act.
        microbatches: Integer >= 1, parts of a mini-batch. Default `1`.
        keep_weights: Boolean, see `split_pass`; without XLA always. Default
            `False`.
        device: String, a TensorFlow device to which the part's weights are
            copied and where it runs. Default `None`: where the weights are.
        together: Boolean, whether a call gets several mini-batches, which have
            an axis of their own in front. Default `False`.

    Attributes:
        layers: List of the Keras layers that act: modules and interfaces.
        variables, predictor_variables: Lists of Keras variables that learn.
        optimizers: Two Keras optimizers, of the part and of its predictor.
    """

    def __init__(
        self,
        part,
        model,
        synthetic,
        microbatches=1,
        keep_weights=False,
        device=None,
        together=False,
    ):
        self._original, self._device, self.together = part, device, together
        self.part = part if device is None else copied(part, device)
        self.model, self.synthetic = model, synthetic
        self.microbatches = microbatches
        # TensorFlow's optimizer of graphs may drop the order of a read and a
        # later write, and a gradient then sees its own update. XLA reads before
        # it writes; without it, no call may read anew what it updates.
        self.keep_weights = keep_weights or not model.jit_compile
        layers = [*self.part.modules]
        if synthetic:
            layers += [one for one in self.part.inner if one is not None]
        self.layers = layers
        self.variables = _trainable(layers)
        predictor = synthetic and self.part.interface
        self.predictor_variables = _trainable([predictor]) if predictor else []
        with self.on_device():
            self.optimizers = [
                _clone(model.optimizer, variables)
                for variables in (self.variables, self.predictor_variables)
            ]
        self._calls = {}

    def on_device(self):
        """Returns a context in which to make tensors and calls."""
        return on_device(self._device)

    @property
    def learns_to_predict(self):
        """Whether there is a predictor that can learn."""
        return bool(self.predictor_variables)

    def compile(self, h, y):
        """Compiles all calls for batches like this one, changing no weight.

        Args:
            h: Tensor `(batch, *features)`, an input of the part.
            y: Tensor `(batch, ...)`, labels.

        Returns:
            An output of the part, `None` if it is the last.
        """
        held = [*self._all_variables()]
        before = [tf.identity(variable.value) for variable in held]
        try:
            with self.on_device():
                h, y = tf.identity(h), tf.identity(y)
                return self.make_calls(h, y)
        finally:
            for variable, value in zip(held, before, strict=True):
                variable.assign(value)

    def knows(self, h):
        """Returns whether there are calls for batches as large as `h`."""
        return self._size(h) in {size for _, size in self._calls}

    def begin(self):
        """Goes back to how a new stage of the model as it is would be."""
        if self._device is not None:
            set_weights_of(self.part, weights_of(self._original))
        of = (self.variables, self.predictor_variables)
        with self.on_device():
            for optimizer, variables in zip(self.optimizers, of, strict=True):
                new = _clone(self.model.optimizer, variables)
                for one, value in zip(
                    optimizer.variables, new.variables, strict=True
                ):
                    one.assign(value)

    @contextlib.contextmanager
    def shown(self, weights):
        """Shows these weights in the model, until the context ends."""
        live = weights_of(self._original)
        set_weights_of(self._original, weights)
        try:
            yield
        finally:
            set_weights_of(self._original, live)

    def finish(self, weights=None):
        """Brings the weights into the model, averages where an optimizer has
        them.

        Args:
            weights: As from `weights_of`. Default: those of the moment.
        """
        if weights is not None:
            set_weights_of(self.part, weights)
        for optimizer, variables in zip(
            self.optimizers,
            (self.variables, self.predictor_variables),
            strict=True,
        ):
            # Before the first update averages are zero.
            if variables and int(optimizer.iterations) > 0:
                optimizer.finalize_variable_values(variables)
        if self._device is not None:
            set_weights_of(self._original, weights_of(self.part))

    def follow(self, learning_rate):
        """Sets the learning rate of both optimizers."""
        for optimizer in self.optimizers:
            optimizer.learning_rate = learning_rate

    def state(self):
        """Returns all that training changes: lists of arrays.

        Returns:
            Two lists, of the optimizers' variables and of the weights of the
            part, see `weights_of`.
        """
        optimizers = [
            one.numpy()
            for optimizer in self.optimizers
            for one in optimizer.variables
        ]
        return optimizers, weights_of(self.part)

    def set_state(self, state):
        """Brings back what `state` returned."""
        optimizers, weights = state
        variables = [
            one for optimizer in self.optimizers for one in optimizer.variables
        ]
        for variable, value in zip(variables, optimizers, strict=True):
            variable.assign(value)
        set_weights_of(self.part, weights)

    def apply(self, gradients):
        """Updates the part with the sum of the gradients of micro-batches."""
        self._apply(gradients)

    def make_calls(self, h, y):
        """Adds all calls for one batch size and returns the output."""
        raise NotImplementedError

    def call(self, name, like, *arguments):
        """Calls what was added under a name for batches as large as `like`."""
        return self._calls[name, self._size(like)](*arguments)

    def _all_variables(self):
        for optimizer in self.optimizers:
            yield from optimizer.variables
        for layer in (*self.layers, self.part.interface):
            yield from layer.variables if layer is not None else ()

    def add(self, name, function, *examples):
        """Compiles and runs a function for one batch size."""
        if self.together:
            function = one_by_one(function, examples)
        call = compiled(function, examples, self.model.jit_compile)
        size = self._size(tf.nest.flatten(examples)[-1])
        self._calls[name, size] = call
        return call(*examples)

    def first_of(self, *tensors):
        """Returns the tensors of one mini-batch."""
        return [one[0] if self.together else one for one in tensors]

    def _size(self, like):
        return tuple(like.shape[: 2 if self.together else 1])

    def run(self, h, y):
        """The part's forward pass in training, and its penalties."""
        scale = self.model.gradient_scale(h)
        for module, interface in zip(
            self.part.modules, [*self.part.inner, None], strict=True
        ):
            h = module(h, training=True)
            if interface is not None and self.synthetic:
                h = interface(h, y, scale, training=True)
        penalties = [loss for one in self.layers for loss in one.losses]
        if not penalties:
            return [h]
        # Micro-batches share the penalty on the weights.
        return [h, ops.sum(ops.stack(penalties)) / self.microbatches]

    def make_apply(self, gradients):
        """Compiles `apply` for gradients like these."""

        def apply(parts):
            sums = [sum(some) for some in zip(*parts, strict=True)]
            self.optimizers[0].apply(sums, self.variables)

        parts = [gradients] * self.microbatches
        self._apply = compiled(apply, [parts], self.model.jit_compile)
        self._apply(parts)


def _trainable(layers):
    return [one for layer in layers for one in layer.trainable_variables]


def _clone(optimizer, variables):
    clone = type(optimizer).from_config(optimizer.get_config())
    clone.build(variables)
    return clone
