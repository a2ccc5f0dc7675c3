"""What one worker computes: the compiled calls of its part of the network."""

from dni_lesson.workers.placement import copied, copy_weights, on_device
from dni_lesson.workers.residuals import split_pass

import keras
import tensorflow as tf
from keras import ops


class Stage:
    """The compiled calls of one part, for one or several batch sizes.

    Every schedule uses the same calls. A part below the top runs `forward`
    and then one of `update_synthetic`, `update` and `backward`, the last for
    micro-batches, whose gradients `apply` sums up. The top does it all in one
    call, as nothing has to be awaited: `top_update` or `top_backward`.

    Gradients that travel between stages are those of the loss of the whole
    mini-batch, in its units; predictors work in per-example units, as
    `SyntheticGradient` says.

    Args:
        part: `Part`.
        model: The compiled `DecoupledModel`, for its loss and its optimizer,
            of which the part and its predictor each get a clone.
        synthetic: Boolean, whether interfaces act.
        microbatches: Integer >= 1, parts of a mini-batch. Default `1`.
        keep_weights: Boolean, see `split_pass`. Default `False`.
        device: String, a TensorFlow device to which the part's weights are
            copied and where it runs. Default `None`: where the weights are.
    """

    def __init__(
        self,
        part,
        model,
        synthetic,
        microbatches=1,
        keep_weights=False,
        device=None,
    ):
        self._original, self._device = part, device
        self.part = part if device is None else copied(part, device)
        self._model, self._synthetic = model, synthetic
        self._microbatches, self._keep_weights = microbatches, keep_weights
        layers = [*self.part.modules]
        if synthetic:
            layers += [one for one in self.part.inner if one is not None]
        self._layers = layers
        self._variables = _trainable(layers)
        predictor = synthetic and self.part.interface
        self._predictor_variables = _trainable([predictor]) if predictor else []
        with self.on_device():
            self._optimizers = [
                _clone(model.optimizer, variables)
                for variables in (self._variables, self._predictor_variables)
            ]
        self._calls = {}

    def on_device(self):
        """Returns a context in which to make tensors and calls."""
        return on_device(self._device)

    @property
    def learns_to_predict(self):
        """Whether there is a predictor that can learn."""
        return bool(self._predictor_variables)

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
        with self.on_device():
            h, y = tf.identity(h), tf.identity(y)
            make = self._compile_top if self.part.is_last else self._compile_low
            out = make(h, y)
        for variable, value in zip(held, before, strict=True):
            variable.assign(value)
        return out

    def finish(self):
        """Brings the weights into the model."""
        for optimizer, variables in zip(
            self._optimizers,
            (self._variables, self._predictor_variables),
            strict=True,
        ):
            if variables:
                optimizer.finalize_variable_values(variables)
        if self._device is not None:
            copy_weights(self.part, self._original)

    def forward(self, h, y):
        """Returns the output `(batch, *features)` and the residuals."""
        (out, *_), residuals = self._call("forward", h, h, y)
        return out, residuals

    def update_synthetic(self, residuals, out, y):
        """Updates the part with a predicted gradient.

        Returns the gradient of its input, `None` for the first part.
        """
        return self._call("update_synthetic", out, residuals, out, y)

    def train_predictor(self, out, y, g):
        """Trains the predictor with the gradient `g` that arrived for `out`."""
        self._call("train_predictor", out, out, y, g)

    def update(self, residuals, g):
        """Updates the part with the gradient `g` of its output.

        Returns the gradient of its input, `None` for the first part.
        """
        return self._call("update", g, residuals, g)

    def backward(self, residuals, g):
        """Returns the gradients of the input and of the weights."""
        return self._call("backward", g, residuals, g)

    def apply(self, gradients):
        """Updates the part with the sum of the gradients of micro-batches."""
        self._apply(gradients)

    def top_update(self, h, y):
        """Updates the last part; returns the loss and the input's gradient."""
        return self._call("top_update", h, h, y)

    def top_backward(self, h, y):
        """Returns the loss and the gradients of the input and the weights."""
        return self._call("top_backward", h, h, y)

    def _call(self, name, like, *arguments):
        return self._calls[name, like.shape[0]](*arguments)

    def _all_variables(self):
        for optimizer in self._optimizers:
            yield from optimizer.variables
        for layer in (*self._layers, self.part.interface):
            yield from layer.variables if layer is not None else ()

    def _add(self, name, function, *examples):
        """Compiles and runs a function for one batch size."""
        # A `tf.function` is called through its concrete function: the fifth
        # one would be taken for one that is traced too often, and warn.
        call = tf.function(
            function, jit_compile=self._model.jit_compile, autograph=False
        ).get_concrete_function(*examples)
        size = tf.nest.flatten(examples)[-1].shape[0]
        self._calls[name, size] = call
        return call(*examples)

    def _run(self, h, y):
        """The part's forward pass in training, and its penalties."""
        scale = self._model.gradient_scale(h)
        for module, interface in zip(
            self.part.modules, [*self.part.inner, None], strict=True
        ):
            h = module(h, training=True)
            if interface is not None and self._synthetic:
                h = interface(h, y, scale, training=True)
        penalties = [loss for one in self._layers for loss in one.losses]
        if not penalties:
            return [h]
        # Micro-batches share the penalty on the weights.
        return [h, ops.sum(ops.stack(penalties)) / self._microbatches]

    def _compile_low(self, h, y):
        forward, backward = split_pass(
            self._run,
            [h, y],
            self._variables,
            [v for one in self._layers for v in one.non_trainable_variables],
            self._keep_weights,
            input_gradient=not self.part.is_first,
        )
        interface = self.part.interface
        optimizer, teacher = self._optimizers

        def arriving(g):
            return [g, *([tf.ones(())] * (len(outputs) - 1))]

        def update(residuals, g):
            below, gradients = backward(residuals, arriving(g))
            optimizer.apply(gradients, self._variables)
            return below

        def update_synthetic(residuals, out, y):
            scale = self._model.gradient_scale(out)
            # As in training, but a predictor's states are left to its own call.
            with keras.StatelessScope():
                g = interface.synthetic_gradient(out, y, scale, training=True)
            return update(residuals, g)

        def train_predictor(out, y, g):
            scale = self._model.gradient_scale(out)
            with tf.GradientTape() as tape:
                g_hat = interface.synthetic_gradient(
                    out, y, scale, training=True
                )
                ends = [g_hat, *interface.losses]
            gradients = tape.gradient(
                ends,
                [one.value for one in self._predictor_variables],
                output_gradients=[g_hat - g, *map(tf.ones_like, ends[1:])],
            )
            teacher.apply(gradients, self._predictor_variables)

        outputs, residuals = self._add("forward", forward, h, y)
        out = outputs[0]
        if self._synthetic:
            self._add("update_synthetic", update_synthetic, residuals, out, y)
            if self.learns_to_predict:
                self._add("train_predictor", train_predictor, out, y, out)
        elif self._microbatches == 1:
            self._add("update", update, residuals, out)
        else:
            _, gradients = self._add(
                "backward",
                lambda r, g: backward(r, arriving(g)),
                residuals,
                out,
            )
            self._compile_apply(gradients)
        return out

    def _compile_top(self, h, y):
        share = _loss_share(self._model, h, self._microbatches)

        def top_backward(h, y):
            with tf.GradientTape() as tape:
                tape.watch(h)
                prediction, *penalty = self._run(h, y)
                loss = share * _loss(self._model, y, prediction) + sum(penalty)
            below, *gradients = tape.gradient(
                loss,
                [h, *[one.value for one in self._variables]],
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            return loss, None if self.part.is_first else below, gradients

        def top_update(h, y):
            loss, below, gradients = top_backward(h, y)
            self._optimizers[0].apply(gradients, self._variables)
            return loss, below

        if self._microbatches == 1:
            self._add("top_update", top_update, h, y)
        else:
            *_, gradients = self._add("top_backward", top_backward, h, y)
            self._compile_apply(gradients)

    def _compile_apply(self, gradients):
        def apply(parts):
            sums = [sum(some) for some in zip(*parts, strict=True)]
            self._optimizers[0].apply(sums, self._variables)

        parts = [gradients] * self._microbatches
        self._apply = tf.function(
            apply, jit_compile=self._model.jit_compile, autograph=False
        ).get_concrete_function(parts)
        self._apply(parts)


def _loss(model, y, prediction):
    loss = keras.losses.get(model.loss)
    value = loss(y, prediction)
    # As Keras: the mean of a plain function, the sum of a `Loss` that does
    # not reduce.
    is_loss = isinstance(loss, keras.losses.Loss)
    return ops.sum(value) if is_loss else ops.mean(value)


def _loss_share(model, h, parts):
    """Returns the weight of a micro-batch's loss in the mini-batch's."""
    whole = ops.concatenate([h] * parts)
    return float(model.gradient_scale(whole)[0] / model.gradient_scale(h)[0])


def _trainable(layers):
    return [one for layer in layers for one in layer.trainable_variables]


def _clone(optimizer, variables):
    clone = type(optimizer).from_config(optimizer.get_config())
    clone.build(variables)
    return clone
