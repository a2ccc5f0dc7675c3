"""The arms of the comparison: ways to take one training step.

An arm has a `model`; `step(x, y)` takes one iteration and returns the number
of layers that it updated; `macs` is the expected number of multiply-accumulates
per example and iteration. Every arm trains by Adam with the same learning rate
from the same initial weights, and XLA compiles each of its steps.
"""

import shutil
import tempfile
import weakref

from dni_lesson.costs import layer_macs, step_macs
from dni_lesson.updates import crossentropy, layer_call, learning_layers

import keras
import numpy as np
import tensorflow as tf


class Arm:
    """What the arms have in common.

    Attributes:
        model: `DecoupledModel`.
        macs: Float, multiply-accumulates per example and iteration.
    """

    def __init__(self, model, macs, optimizers, calls):
        self.model, self.macs = model, macs
        self._optimizers, self._calls = optimizers, calls
        self._writer, self._written = None, 0

    def compile_steps(self, x, y):
        """Compiles all calls for batches of this shape, changing no weight."""
        # Called by itself, the `tf.function` of a fifth arm would be taken for
        # one that is traced too often, and warn.
        self._calls = [call.get_concrete_function(x, y) for call in self._calls]
        variables = [*self.model.variables]
        for optimizer in self._optimizers:
            variables += optimizer.variables
        before = [variable.numpy() for variable in variables]
        for call in self._calls:
            call(x, y)
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)

    def finish(self):
        """Brings the weights into the model, if they are elsewhere."""

    def write_summaries(self):
        """From now on, bookkeeping is part of the step, as it often is.

        Where a step updates the top module, loss and accuracy of its batch are
        written for TensorBoard, into a folder that the process's end removes.
        """
        folder = tempfile.mkdtemp(prefix="dni_lesson")
        self._writer = tf.summary.create_file_writer(folder)
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def _write(self, logs):
        """Writes a dict of numbers, if summaries are wanted at all."""
        if self._writer is not None:
            self._written += 1
            with self._writer.as_default(step=self._written):
                for name, value in logs.items():
                    tf.summary.write(name, value)


class WholeSteps(Arm):
    """Every layer at every iteration, in one compiled call."""

    def __init__(self, model, learning_rate):
        self._layers = learning_layers(model)
        model.compile(
            keras.optimizers.Adam(learning_rate),
            crossentropy(),
            metrics=["accuracy"],
        )
        step = tf.function(
            lambda x, y: model.train_step((x, y)), jit_compile=True
        )
        super().__init__(model, step_macs(model), [model.optimizer], [step])

    def step(self, x, y):
        self._write(self._calls[0](x, y))
        return self._layers


class SkippedSteps(WholeSteps):
    """Backprop that updates as few layers as stochastic updates do.

    A skipped iteration does nothing and costs nothing. Whoever counts it as an
    iteration has made backprop `1 / p` times "faster".
    """

    def __init__(self, model, learning_rate, p, chance):
        super().__init__(model, learning_rate)
        self.macs *= p
        self._p, self._chance = p, chance

    def step(self, x, y):
        return super().step(x, y) if self._chance.random() < self._p else 0


class StaleSteps(Arm):
    """The true gradient of every `refresh`-th batch, applied until the next."""

    def __init__(self, model, learning_rate, refresh):
        self._layers = len(model.modules)
        self._refresh, self._steps = refresh, 0
        model.compile(keras.optimizers.Adam(learning_rate), crossentropy())
        variables = model.trainable_variables
        held = [tf.Variable(tf.zeros(one.shape)) for one in variables]

        @tf.function(jit_compile=True)
        def apply(x, y):
            model.optimizer.apply([one.value() for one in held], variables)

        @tf.function(jit_compile=True)
        def compute_and_apply(x, y):
            with tf.GradientTape() as tape:
                loss = model.loss(y, model(x, training=True))
            gradients = tape.gradient(loss, [one.value for one in variables])
            for one, gradient in zip(held, gradients, strict=True):
                one.assign(gradient)
            model.optimizer.apply(gradients, variables)

        calls = [compute_and_apply, apply]
        macs = step_macs(model) / refresh
        super().__init__(model, macs, [model.optimizer], calls)

    def step(self, x, y):
        self._calls[bool(self._steps % self._refresh)](x, y)
        self._steps += 1
        return self._layers


class LayerSteps(Arm):
    """Stochastic updates of cDNI as published: a call for each layer.

    At each iteration every layer is updated with probability `p`, in a call of
    its own that runs the forward pass again. All happens one after the other:
    nothing is asynchronous, and with probability `(1 - p)**layers` an
    iteration does nothing at all.
    """

    def __init__(self, model, learning_rate, p, chance):
        self._p, self._chance = p, chance
        layers = range(len(model.modules))
        optimizers = [keras.optimizers.Adam(learning_rate) for _ in layers]
        super().__init__(
            model,
            p * sum(layer_macs(model, k) for k in layers),
            optimizers,
            [layer_call(model, k, optimizers[k]) for k in layers],
        )

    def step(self, x, y):
        updated = np.flatnonzero(
            self._chance.random(len(self._calls)) < self._p
        )
        for k in updated:
            logs = self._calls[k](x, y)
            if k == len(self._calls) - 1:
                self._write(logs)
        return len(updated)
