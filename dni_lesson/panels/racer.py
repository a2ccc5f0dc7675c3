"""One network in a race: kept between races, put back at their start."""

import functools

from dni_lesson.benchmark.arms import layer_call
from dni_lesson.costs import crosses
from dni_lesson.gradients import gradient_function
from dni_lesson.networks import RULES, mlp

import keras
import numpy as np
import tensorflow as tf

PREDICTING = ("dni", "cdni")  # The rules with synthetic gradients.


class Racer:
    """A network with its optimizers, traced once for many races.

    With synthetic gradients modules can be updated one without the other: with
    `by_module`, each has an optimizer and a call of its own, as published, in
    which the forward pass runs again. Else one call updates all of them.

    Args:
        rule: String, see `mlp`.
        depth, units, predictor_units: See `mlp`.
        by_module: Boolean.

    Attributes:
        model: `DecoupledModel`.
        gradients: Its `gradient_function`.
        calls: Integer, how many calls update all that learns.
    """

    def __init__(self, rule, depth, units, predictor_units, by_module):
        self._fresh = functools.partial(
            mlp, depth, units, rule, predictor_units=predictor_units
        )
        self.model = self._fresh()
        self.model.compile(
            keras.optimizers.Adam(),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            # For some hundred steps XLA costs more than it saves.
            jit_compile=False,
        )
        self.gradients = gradient_function(self.model)
        count = len(self.model.modules)
        if by_module:
            self._optimizers = [keras.optimizers.Adam() for _ in range(count)]
            self._calls = [self._one(k) for k in range(count)]
            self._layers = 1
        else:
            self._optimizers = [self.model.optimizer]
            self._calls = [self._all]
            learns = all(map(crosses, self.model.interfaces))
            self._layers = count if learns else 1  # `local`: the top alone.
        self.calls = len(self._calls)

    def restart(self, seed, learning_rate, x, y):
        """Puts back everything that training has changed.

        Args:
            seed: Integer, of the initial weights.
            learning_rate: Float.
            x, y: A batch, on which all calls are traced if they are new, so
                that no iteration has to.
        """
        for call in self._calls:
            call(x, y)
        self.model.set_weights(self._fresh(seed=seed).get_weights())
        for optimizer in self._optimizers:
            for variable in optimizer.variables:
                variable.assign(keras.ops.zeros_like(variable))
            optimizer.learning_rate = learning_rate

    def step(self, x, y, due):
        """Takes one iteration.

        Args:
            x: Float32 array `(batch, 784)`.
            y: Integer array `(batch,)`.
            due: Boolean array `(calls,)`: which calls to make.

        Returns:
            `updates, loss`: how many layers were updated, and the mean training
            loss, `nan` unless the last module was among them.
        """
        losses = [self._calls[k](x, y) for k in np.flatnonzero(due)]
        loss = losses[-1] if due[-1] else float("nan")
        return self._layers * len(losses), loss

    def _all(self, x, y):
        self.model.reset_metrics()
        return float(self.model.train_on_batch(x, y))

    def _one(self, k):
        update = layer_call(
            self.model, k, self._optimizers[k], jit_compile=False
        )
        # Called by itself, the `tf.function` of a fifth module would be taken
        # for one that is traced too often, and warn.
        traced = {}

        def call(x, y):
            x, y = tf.constant(x), tf.constant(y)
            if x.shape not in traced:
                traced[x.shape] = update.get_concrete_function(x, y)
            logs = traced[x.shape](x, y)  # Only of the last module.
            return float(logs["loss"]) if logs else float("nan")

        return call


# Keras traces a training step in seconds, once for each network. Keeping the
# last ones lets a race with another seed or learning rate begin at once.
@functools.lru_cache(maxsize=len(RULES))
def racer(rule, depth, units, predictor_units=(), by_module=False):
    """Returns a `Racer`, the same one for the same arguments."""
    by_module = by_module and rule in PREDICTING
    return Racer(rule, depth, units, predictor_units, by_module)
