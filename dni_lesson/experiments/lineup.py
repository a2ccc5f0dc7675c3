"""Which arm is made how."""

from dni_lesson.experiments.arms import (
    LayerSteps,
    SkippedSteps,
    StaleSteps,
    WholeSteps,
)
from dni_lesson.experiments.experiment import PLACED
from dni_lesson.experiments.placed import PlacedSteps
from dni_lesson.networks import mlp
from dni_lesson.updates import crossentropy

import keras
import numpy as np
import tensorflow as tf


def make_arm(name, experiment, group):
    """Returns a new arm with the initial weights that the seed gives.

    Args:
        name: String, one of `ARMS`.
        experiment: `Experiment`.
        group: `Group`.
    """
    kind = name.removesuffix("-logged").removesuffix("-placed")
    rule, predictor_units = kind, ()
    if kind == "dni-2x1024":
        rule, predictor_units = "dni", (1024, 1024)
    elif kind == "stochastic":
        rule = "cdni"
    elif kind in ("stale", "skipping"):
        rule = "backprop"
    model = mlp(
        group.depth,
        group.units,
        rule,
        seed=group.seed,
        predictor_units=predictor_units,
    )
    rate = experiment.learning_rate
    chance = np.random.default_rng(group.seed)
    if kind == "stale":
        arm = StaleSteps(model, rate, experiment.refresh)
    elif kind == "skipping":
        arm = SkippedSteps(model, rate, group.p, chance)
    elif kind == "stochastic":
        arm = LayerSteps(model, rate, group.p, chance)
    elif name in PLACED:
        model.compile(keras.optimizers.Adam(rate), crossentropy())
        devices = tf.config.list_logical_devices(experiment.device)
        arm = PlacedSteps(model, [device.name for device in devices])
    else:
        arm = WholeSteps(model, rate)
    if name.endswith("-logged"):
        arm.write_summaries()
    return arm
