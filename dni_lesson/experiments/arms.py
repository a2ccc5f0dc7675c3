"""The arms of a comparison: networks, and ways to take a training step.

A step makes those of an arm's calls that are due: one call updates every layer,
or each layer has its own. All train by Adam, at one rate, from equal weights.
"""

import functools
import inspect
import shutil
import tempfile
import time
import weakref
from typing import NamedTuple

from dni_lesson.checks import check_choice
from dni_lesson.convolutional import cnn
from dni_lesson.costs import layer_macs, step_macs
from dni_lesson.experiments.experiment import ARMS, Recipe
from dni_lesson.model import DecoupledModel
from dni_lesson.networks import mlp
from dni_lesson.updates import crossentropy, layer_call, learning_layers
from dni_lesson.workers import Team, make_schedule, partition

import keras
import numpy as np
import tensorflow as tf


@functools.cache
def course_network(rule, predictor="linear", kind="mlp"):
    """Returns the maker of a network, one of `KINDS`, see `new_network`."""
    return functools.partial(KINDS[kind], rule=rule, predictor=predictor)


def _convolutional(depth, units, seed, **options):
    """Returns a `cnn` of so many weight layers, with `units` filters each."""
    return cnn(depth - 1, units, seed=seed, **options)


KINDS = {"mlp": mlp, "cnn": _convolutional}


def new_network(make, depth, units, seed, input_shape):
    """Returns a new network, built and not compiled.

    Args:
        make: Function of any of `depth`, `units` and `seed` that returns an
            uncompiled `DecoupledModel`, from examples to logits.
        depth, units, seed: Integers, see `mlp`.
        input_shape: Tuple of integers, `(*features,)`.

    Raises:
        ValueError: If the function returns anything else.
    """
    settings = {"depth": depth, "units": units, "seed": seed}
    taken = settings.keys() & inspect.signature(make).parameters.keys()
    model = make(**{name: settings[name] for name in taken})
    if not isinstance(model, DecoupledModel) or model.compiled:
        raise ValueError(
            "`models`. Expected functions that return an uncompiled "
            f"DecoupledModel. Received: {make!r}, which returns {model!r}"
        )
    if not model.built:
        model.build((None, *input_shape))
    return model


def boundaries(model):
    """Returns the numbers of the boundaries with an interface, from 1 up.

    The list is empty if no synthetic gradient crosses any of them.
    """
    numbered = enumerate(model.interfaces, 1)
    there = {k: interface for k, interface in numbered if interface is not None}
    crosses = any(interface.crosses for interface in there.values())
    return list(there) if crosses else []


class Calls(NamedTuple):
    """The updates that a step may make.

    Attributes:
        functions: List of functions of a batch `(x, y)`. One that updates the
            top module returns a dict with the batch's `loss`, others `None`.
        optimizers: List of the Keras optimizers that they use.
        layers: Integer, how many layers each function updates.
        macs: Float, multiply-accumulates per example of all of them.
    """

    functions: list
    optimizers: list
    layers: int
    macs: float


def whole_calls(model, learning_rate, jit_compile=True):
    """Compiles a model and returns the one call that updates every layer."""
    model.compile(
        keras.optimizers.Adam(learning_rate),
        crossentropy(),
        metrics=["accuracy"] if jit_compile else None,
        jit_compile=jit_compile,
    )

    def call(x, y):
        model.reset_metrics()  # They are of this batch.
        return model.train_step((x, y))

    if jit_compile:
        call = tf.function(call, jit_compile=True)
    layers = learning_layers(model)
    return Calls([call], [model.optimizer], layers, step_macs(model))


def layer_calls(model, learning_rate, jit_compile=True):
    """Returns a call for each layer, as stochastic updates are published.

    Each runs the forward pass again. All happens one after the other: nothing
    is asynchronous, and where each layer is updated with probability `p`,
    `(1 - p)**layers` of the iterations do nothing at all.
    """
    layers = range(len(model.modules))
    optimizers = [keras.optimizers.Adam(learning_rate) for _ in layers]
    functions = [
        layer_call(model, k, optimizers[k], jit_compile) for k in layers
    ]
    macs = sum(layer_macs(model, k) for k in layers)
    return Calls(functions, optimizers, 1, macs)


class Arm:
    """A network that takes step after step, in calls compiled by XLA.

    Args:
        model: `DecoupledModel`.
        calls: `Calls`.
        p: Float in (0, 1], the probability with which each call is made. A
            skipped iteration does nothing and costs nothing. Whoever counts it
            as an iteration has made the arm up to `1 / p` times "faster".

    Attributes:
        model: That model.
        layers: Integer, how many layers a call updates.
        macs: Float, multiply-accumulates per example and iteration.
    """

    def __init__(self, model, calls, p=1.0):
        self.model, self.p, self.layers = model, p, calls.layers
        self.macs = p * calls.macs
        self._functions, self._optimizers = calls.functions, calls.optimizers
        self._writer, self._written = None, 0

    @property
    def calls(self):
        """How many calls a step has at the most."""
        return len(self._functions)

    def due(self, luck):
        """Returns which calls to make, a boolean array `(steps, calls)`.

        Args:
            luck: Float array `(steps, calls)`, evenly spread over [0, 1).
        """
        return luck < self.p

    def compile(self, x, y):
        """Compiles all calls for batches of this shape, changing no weight."""
        # Called by itself, the `tf.function` of a fifth arm would be taken for
        # one that is traced too often, and warn.
        self._functions = [
            function.get_concrete_function(x, y) for function in self._functions
        ]
        before = self.state()
        for function in self._functions:
            function(x, y)
        self.set_state(before)

    def state(self):
        """Returns all that training changes, a list of arrays."""
        return [np.array(variable) for variable in self._variables()]

    def set_state(self, state):
        """Puts back what `state` returned."""
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def _variables(self):
        parts = [self.model, *self._optimizers]
        return [variable for part in parts for variable in part.variables]

    def ready(self, x, y, due):
        """Returns what `train` takes, for which no clock needs to run.

        Args:
            x: Float array `(steps, batch, *features)`.
            y: Integer array `(steps, batch)`.
            due: Boolean array `(steps, calls)`.
        """
        batches = [
            (tf.constant(images), tf.constant(labels))
            for images, labels in zip(x, y, strict=True)
        ]
        return batches, due.tolist()

    def train(self, batches, due):
        """Takes a step for each batch; returns NaN, as no loss is measured."""
        for (x, y), is_due in zip(batches, due, strict=True):
            for function, makes_call in zip(
                self._functions, is_due, strict=True
            ):
                if makes_call:
                    logs = function(x, y)
                    if logs is not None and self._writer is not None:
                        self._write(logs)
        return np.nan

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
        self._written += 1
        with self._writer.as_default(step=self._written):
            for name, value in logs.items():
                tf.summary.write(name, value)


class StaleArm(Arm):
    """The true gradient of every `refresh`-th batch, applied until the next."""

    def __init__(self, model, learning_rate, refresh):
        model.compile(keras.optimizers.Adam(learning_rate), crossentropy())
        variables = model.trainable_variables
        kept = [tf.Variable(tf.zeros(weight.shape)) for weight in variables]

        @tf.function(jit_compile=True)
        def compute_and_apply(x, y):
            with tf.GradientTape() as tape:
                loss = model.loss(y, model(x, training=True))
            gradients = tape.gradient(
                loss, [weight.value for weight in variables]
            )
            for old, gradient in zip(kept, gradients, strict=True):
                old.assign(gradient)
            model.optimizer.apply(gradients, variables)

        @tf.function(jit_compile=True)
        def apply(x, y):
            model.optimizer.apply([old.value() for old in kept], variables)

        functions = [compute_and_apply, apply]
        layers, macs = len(model.modules), step_macs(model) / refresh
        super().__init__(
            model, Calls(functions, [model.optimizer], layers, macs)
        )
        self._refresh, self._steps = refresh, 0

    def due(self, luck):
        steps = self._steps + np.arange(len(luck))
        self._steps += len(luck)
        computes = steps % self._refresh == 0
        return np.stack([computes, ~computes], axis=1)


class PlacedArm(Arm):
    """Every layer at every iteration, each module on a device of its own.

    The modules are called one after the other, but on GPUs a call returns
    before its work is done. So whatever waits for nothing runs at the same
    time: updates with synthetic gradients do, true gradients wait. Placing has
    its price, a call for each pass of each module, so these arms stand beside
    those on one device and not for them.

    Args:
        model: `DecoupledModel`, not compiled.
        learning_rate: Float > 0.
        devices: List of TensorFlow device names, taken in turn.
    """

    def __init__(self, model, learning_rate, devices):
        model.compile(keras.optimizers.Adam(learning_rate), crossentropy())
        layers, macs = learning_layers(model), step_macs(model)
        super().__init__(model, Calls([self._step], [], layers, macs))
        self._decoupled = any(one is not None for one in model.interfaces)
        schedule = make_schedule("decoupled" if self._decoupled else "locked")
        parts = partition(model, schedule)
        devices = [devices[k % len(devices)] for k in range(len(parts))]
        self._team = Team(model, parts, schedule, devices)

    def compile(self, x, y):
        self._team.compile([(x, y)])

    def finish(self):
        self._team.finish()

    def _step(self, x, y):
        *below, top = self._team.stages
        passed, h = [], x
        for stage in below:
            with stage.on_device():
                out, residuals = stage.forward(h, y)
            passed.append((stage, residuals, out))
            h = out
        with top.on_device():
            _, g = top.update(h, y)
        for stage, residuals, out in reversed(passed):
            with stage.on_device():
                g = self._learn(stage, residuals, out, y, g)

    def _learn(self, stage, residuals, out, y, g):
        """Updates a part; returns what it sends down."""
        if not self._decoupled:
            return stage.update(residuals, g)
        below = stage.update_synthetic(residuals, out, y)
        if stage.learns_to_predict:
            stage.train_predictor(out, y, g)
        return below


def make_arm(name, experiment, group, models=None, input_shape=None):
    """Returns a new arm with the initial weights that the seed gives.

    Args:
        name: String, one of `ARMS` or of `models`.
        experiment: `Experiment`.
        group: `Group`.
        models: Dict from the name of a rule of your own to the maker of its
            network, see `new_network`. Default: none.
        input_shape: Tuple of integers, `(*features,)`, for a network that is
            not built. Default: none.
    """
    models = models or {}
    check_choice("arms", name, {**ARMS, **models})
    recipe = Recipe("a rule of your own") if name in models else ARMS[name]
    make = models.get(name)
    make = make or course_network(recipe.rule, recipe.predictor)
    model = new_network(make, group.depth, group.units, group.seed, input_shape)
    rate = experiment.learning_rate
    p = group.p if recipe.by_chance else 1.0
    match recipe.updates:
        case "stale":
            arm = StaleArm(model, rate, experiment.refresh)
        case "placed":
            devices = tf.config.list_logical_devices(experiment.device)
            arm = PlacedArm(model, rate, [device.name for device in devices])
        case "by layer":
            arm = Arm(model, layer_calls(model, rate), p)
        case _:
            arm = Arm(model, whole_calls(model, rate), p)
    if recipe.logged:
        arm.write_summaries()
    return arm


class Turn(NamedTuple):
    """What one turn of an arm came to.

    Attributes:
        steps: Integer.
        updates: Integer, how many layers were updated in them.
        seconds: Float, the time spent in them alone.
        loss: Float, the mean training loss, NaN if it was not measured.
    """

    steps: int
    updates: int
    seconds: float
    loss: float


def take_turn(arm, examples, rows, luck):
    """Trains an arm for some steps while a clock runs.

    Args:
        arm: `Arm`.
        examples: Pair of arrays, `x` and `y`.
        rows: Integer array `(steps, batch)`, the examples of each step.
        luck: Float array `(steps, calls)`, see `Arm.due`.

    Returns:
        `Turn`.
    """
    due = arm.due(luck)
    work = arm.ready(*(values[rows] for values in examples), due)
    start = time.perf_counter()
    loss = arm.train(*work)
    # On a GPU, calls return before their work is done.
    tf.test.experimental.sync_devices()
    seconds = time.perf_counter() - start
    arm.finish()
    return Turn(len(rows), arm.layers * int(due.sum()), seconds, loss)
