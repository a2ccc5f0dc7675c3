"""One network in a race: kept between races, put back at their start."""

import functools
import math

from dni_lesson.costs import crosses
from dni_lesson.monitors import gradient_function
from dni_lesson.networks import RULES, mlp
from dni_lesson.updates import layer_call

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
            calls = [
                layer_call(self.model, k, one, jit_compile=False)
                for k, one in enumerate(self._optimizers)
            ]
            self._layers = 1
        else:
            self._optimizers = [self.model.optimizer]
            calls = [self._update_all]
            learns = all(map(crosses, self.model.interfaces))
            self._layers = count if learns else 1  # `no_bprop`: the top alone.
        self.calls = len(calls)
        self._turn = _turn(calls)
        # Traced on no batches at all, so that no iteration has to.
        self.train(
            np.empty((0, 1, 784), "float32"),
            np.empty((0, 1), "int64"),
            np.empty((0, self.calls), bool),
        )

    def restart(self, seed, learning_rate):
        """Puts back everything that training has changed.

        Args:
            seed: Integer, of the initial weights.
            learning_rate: Float.
        """
        self.model.set_weights(self._fresh(seed=seed).get_weights())
        for optimizer in self._optimizers:
            for variable in optimizer.variables:
                variable.assign(keras.ops.zeros_like(variable))
            optimizer.learning_rate = learning_rate

    def state(self):
        """Returns all that training changes, for `go_on_from`."""
        return [np.array(variable) for variable in self._changing()]

    def go_on_from(self, state):
        """Puts back a `state`, whatever the network has raced in since."""
        for variable, value in zip(self._changing(), state, strict=True):
            variable.assign(value)

    def _changing(self):
        """Returns variables: the weights and all that the optimizers keep."""
        kept = [one for each in self._optimizers for one in each.variables]
        return [*self.model.weights, *kept]

    def train(self, x, y, due):
        """Takes some iterations, without a return to Python between them.

        Args:
            x: Float32 array `(steps, batch, 784)`.
            y: Integer array `(steps, batch)`.
            due: Boolean array `(steps, calls)`: which calls to make.

        Returns:
            `updates, losses`: how many layers were updated, and a float array
            `(steps,)`, the mean training loss of each batch, `nan` unless the
            last module was updated.
        """
        losses = self._turn(x, y, due).numpy()
        return self._layers * int(due.sum()), losses

    def _update_all(self, x, y):
        self.model.reset_metrics()
        return self.model.train_step((x, y))


def _turn(calls):
    """Returns the compiled function that makes the calls that are due."""

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, 784), tf.float32),
            tf.TensorSpec((None, None), tf.int64),
            tf.TensorSpec((None, len(calls)), tf.bool),
        ],
        autograph=False,
    )
    def turn(x, y, due):
        def update(k, x, y):
            logs = calls[k](x, y)  # Those of a layer below the top are None.
            return logs["loss"] if logs else math.nan

        def step(_, batch):
            x, y, due = batch
            for k in range(len(calls)):
                loss = tf.cond(
                    due[k],
                    functools.partial(update, k, x, y),
                    lambda: tf.constant(math.nan),
                )
            return loss

        return tf.scan(step, (x, y, due), math.nan, parallel_iterations=1)

    return turn


# Keras traces a training step in seconds, once for each network. Keeping the
# last ones lets a race with another seed or learning rate begin at once.
@functools.lru_cache(maxsize=len(RULES))
def racer(rule, depth, units, predictor_units=(), by_module=False):
    """Returns a `Racer`, the same one for the same arguments."""
    by_module = by_module and rule in PREDICTING
    return Racer(rule, depth, units, predictor_units, by_module)
