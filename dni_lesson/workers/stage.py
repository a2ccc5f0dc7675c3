"""A stage: one part of the network and what can be done with it, compiled."""

import contextlib

from dni_lesson.stochastic import same_optimizer
from dni_lesson.workers.compiling import CompiledCall, split_pass
from dni_lesson.workers.devices import on_device

import keras
import tensorflow as tf
from keras import ops


class Stage:
    """What `LowerStage` and `TopStage` have in common.

    Their calls are compiled for one or several batch sizes, and every schedule
    uses the same ones. Gradients that travel between stages are those of the
    loss of the whole mini-batch, in its units; predictors work in per-example
    units, as `Interface` says.

    Args:
        part: `Part`.
        model: The compiled `DecoupledModel`, for its loss and its optimizer,
            of which the part and its predictor each get a clone.
        schedule: `Schedule`. If mini-batches go `together`, calls get several
            of them, which have an axis of their own in front.
        device: String, a TensorFlow device to which the part's weights are
            copied and where it runs. Default `None`: where the weights are.

    Attributes:
        layers: List of the Keras layers that act: modules and interfaces.
        variables, predictor_variables: Lists of Keras variables that learn.
        apply: Compiled call of a list with the gradients of each micro-batch;
            updates the part with their sum.
    """

    def __init__(self, part, model, schedule, device=None):
        self._original, self._device = part, device
        self.part = part if device is None else part.copied(device)
        self.model, self.schedule = model, schedule
        self.layers = [*self.part.modules]
        predictor = None
        if schedule.synthetic:
            inner = [layer for layer in self.part.inner if layer is not None]
            self.layers, predictor = self.layers + inner, self.part.interface
        self.variables = _trainable(self.layers)
        self.predictor_variables = _trainable([predictor] if predictor else [])
        with self.on_device():
            self._learners = [
                (_clone(model.optimizer, variables), variables)
                for variables in (self.variables, self.predictor_variables)
            ]
        self.apply = self._new_call()

    def _new_call(self):
        return CompiledCall(
            self.model.jit_compile, one_by_one=self.schedule.together > 1
        )

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
        variables = [*self._optimizer_variables(), *self.part.variables()]
        before = [tf.identity(variable.value) for variable in variables]
        try:
            with self.on_device():
                h, y = tf.identity(h), tf.identity(y)
                return self._add_calls(h, y)
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)

    def begin(self):
        """Goes back to how a new stage of the model as it is would be."""
        if self._device is not None:
            self.part.set_weights(self._original.weights())
        with self.on_device():
            for old, variables in self._learners:
                new = _clone(self.model.optimizer, variables)
                for variable, value in zip(
                    old.variables, new.variables, strict=True
                ):
                    variable.assign(value)

    @contextlib.contextmanager
    def shown(self, weights):
        """Shows these weights in the model, until the context ends."""
        live = self._original.weights()
        self._original.set_weights(weights)
        try:
            yield
        finally:
            self._original.set_weights(live)

    def finish(self, weights=None):
        """Brings the weights into the model, averages where an optimizer has
        them.

        Args:
            weights: As from `Part.weights`. Default: those of the moment.
        """
        if weights is not None:
            self.part.set_weights(weights)
        for optimizer, variables in self._learners:
            # Before the first update averages are zero.
            if variables and int(optimizer.iterations) > 0:
                optimizer.finalize_variable_values(variables)
        if self._device is not None:
            self._original.set_weights(self.part.weights())

    def follow(self, learning_rate):
        """Sets the learning rate of both optimizers, unless it is `None`."""
        if learning_rate is not None:
            for optimizer, _ in self._learners:
                optimizer.learning_rate = learning_rate

    def state(self):
        """Returns all that training changes: lists of arrays.

        Returns:
            Two lists, of the optimizers' variables and of the weights of the
            part, see `Part.weights`.
        """
        optimizers = [value.numpy() for value in self._optimizer_variables()]
        return optimizers, self.part.weights()

    def set_state(self, state):
        """Brings back what `state` returned."""
        optimizers, weights = state
        for variable, value in zip(
            self._optimizer_variables(), optimizers, strict=True
        ):
            variable.assign(value)
        self.part.set_weights(weights)

    def _optimizer_variables(self):
        for optimizer, _ in self._learners:
            yield from optimizer.variables

    def _run(self, h, y):
        """The part's forward pass in training, and its penalties."""
        scale = self.model.gradient_scale(h)
        for module, interface in zip(
            self.part.modules, [*self.part.inner, None], strict=True
        ):
            h = module(h, training=True)
            if interface is not None and self.schedule.synthetic:
                h = interface(h, y, scale, training=True)
        penalties = [loss for layer in self.layers for loss in layer.losses]
        if not penalties:
            return [h]
        # Micro-batches share the penalty on the weights.
        return [h, ops.sum(ops.stack(penalties)) / self.schedule.microbatches]

    def _add_calls(self, h, y):
        """Adds all calls for one batch size and returns the output."""
        raise NotImplementedError

    def _first(self, *tensors):
        """Returns the tensors of one mini-batch."""
        if self.schedule.together > 1:
            tensors = [tensor[0] for tensor in tensors]
        return tensors

    def _update(self, gradients, learner=0):
        optimizer, variables = self._learners[learner]
        optimizer.apply(gradients, variables)

    def _add_apply(self, gradients):
        def apply(parts):
            self._update([sum(sames) for sames in zip(*parts, strict=True)])

        self.apply.add(apply, [gradients] * self.schedule.microbatches)


class LowerStage(Stage):
    """A part whose gradient is predicted, or comes from above.

    A worker calls `forward` and then `update_synthetic` or `update`, or in
    micro-batches `backward` and at last `apply`. Whose mini-batches go together
    calls `learn` alone. The gradient of the input is `None` for the first part.

    Attributes:
        forward: Compiled call of an input and labels `(h, y)`; returns the
            output `(batch, *features)` and the residuals.
        update_synthetic: Of `(residuals, out, y)`; updates the part with a
            predicted gradient and returns the gradient of the input.
        learn: Of `(h, y)`; `forward` and `update_synthetic`. Returns the output
            and the gradient of the input.
        train_predictor: Of `(out, y, g)`; trains the predictor with the
            gradient `g` that arrived for `out`.
        update: Of `(residuals, g)`; updates the part with the gradient `g` of
            its output and returns the gradient of the input.
        backward: Of `(residuals, g)`; returns the gradients of the input and of
            the weights.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.forward, self.update_synthetic, self.learn = (
            self._new_call() for _ in range(3)
        )
        self.train_predictor, self.update, self.backward = (
            self._new_call() for _ in range(3)
        )

    def _add_calls(self, h, y):
        # TensorFlow's optimizer of graphs may drop the order of a read and a
        # later write, and a gradient then sees its own update. XLA reads before
        # it writes; without it, no call may read anew what it updates.
        keep_weights = self.schedule.keeps_weights or not self.model.jit_compile
        run_forward, backward = split_pass(
            self._run,
            self._first(h, y),
            self.variables,
            [v for layer in self.layers for v in layer.non_trainable_variables],
            keep_weights,
            input_gradient=not self.part.is_first,
        )

        def forward(h, y):
            (out, *_), residuals = run_forward(h, y)
            return out, residuals

        def update(residuals, g):
            below, gradients = backward(residuals, g)
            self._update(gradients)
            return below

        if self.schedule.synthetic:
            return self._add_synthetic_calls(forward, update, h, y)
        out, residuals = self.forward.add(forward, h, y)
        if self.schedule.microbatches == 1:
            self.update.add(update, residuals, out)
        else:
            _, gradients = self.backward.add(backward, residuals, out)
            self._add_apply(gradients)
        return out

    def _add_synthetic_calls(self, forward, update, h, y):
        def update_synthetic(residuals, out, y):
            # As in training, but a predictor's states are left to its own call.
            with keras.StatelessScope():
                g = self.part.interface.synthetic_gradient(
                    out, y, self.model.gradient_scale(out), training=True
                )
            return update(residuals, g)

        def learn(h, y):
            out, residuals = forward(h, y)
            return out, update_synthetic(residuals, out, y)

        if self.schedule.together > 1:
            out, _ = self.learn.add(learn, h, y)
        else:
            out, residuals = self.forward.add(forward, h, y)
            self.update_synthetic.add(update_synthetic, residuals, out, y)
        if self.learns_to_predict:
            self.train_predictor.add(self._teach, out, y, out)
        return out

    def _teach(self, out, y, g):
        interface, scale = self.part.interface, self.model.gradient_scale(out)
        with tf.GradientTape() as tape:
            passed = interface(out, y, scale, training=True)
            ends = [passed, *interface.losses]
        gradients = tape.gradient(
            ends,
            [variable.value for variable in self.predictor_variables],
            output_gradients=[g, *map(tf.ones_like, ends[1:])],
        )
        self._update(gradients, learner=1)


class TopStage(Stage):
    """The last part: no gradient has to be awaited, so one call does it all.

    Attributes:
        update: Compiled call of `(h, y)`; updates the part and returns the loss
            and the gradient of the input, `None` if it is the first part too.
        backward: Of `(h, y)`; returns the loss and the gradients of the input
            and of the weights.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.update, self.backward = self._new_call(), self._new_call()

    def _add_calls(self, h, y):
        (one_batch,) = self._first(h)
        share = _loss_share(self.model, one_batch, self.schedule.microbatches)

        def backward(h, y):
            with tf.GradientTape() as tape:
                tape.watch(h)
                prediction, *penalty = self._run(h, y)
                loss = share * _loss(self.model, y, prediction) + sum(penalty)
            below, *gradients = tape.gradient(
                loss,
                [h, *[variable.value for variable in self.variables]],
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            return loss, None if self.part.is_first else below, gradients

        def update(h, y):
            loss, below, gradients = backward(h, y)
            self._update(gradients)
            return loss, below

        if self.schedule.microbatches == 1:
            self.update.add(update, h, y)
        else:
            *_, gradients = self.backward.add(backward, h, y)
            self._add_apply(gradients)


def make_stage(part, model, schedule, device=None):
    """Returns the stage of one part, not yet compiled."""
    kind = TopStage if part.is_last else LowerStage
    return kind(part, model, schedule, device)


def rate_of(model):
    """Returns the learning rate of a model's optimizer, `None` if it has a
    schedule. Callbacks may change it."""
    rate = model.optimizer.get_config()["learning_rate"]
    return rate if isinstance(rate, float) else None


class FunctionLoss(keras.losses.Loss):
    """The mean of a loss function, with ranks that match, as in `fit`."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def call(self, y, prediction):
        if len(y.shape) == len(prediction.shape) - 1:
            if prediction.shape[-1] == 1:
                y = ops.expand_dims(y, -1)
        elif len(y.shape) == len(prediction.shape) + 1 and y.shape[-1] == 1:
            y = ops.squeeze(y, -1)
        return self._function(y, prediction)


def _loss(model, y, prediction):
    loss = model.only_loss
    if not isinstance(loss, keras.losses.Loss):
        loss = FunctionLoss(loss)
    # As Keras: the sum of a `Loss` that does not reduce.
    return model.loss_factor * ops.sum(loss(y, prediction))


def _loss_share(model, h, parts):
    """Returns the weight of a micro-batch's loss in the mini-batch's."""
    whole = ops.concatenate([h] * parts)
    return float(model.gradient_scale(whole)[0] / model.gradient_scale(h)[0])


def _trainable(layers):
    return [v for layer in layers for v in layer.trainable_variables]


def _clone(optimizer, variables):
    clone = same_optimizer(optimizer)
    clone.build(variables)
    return clone
