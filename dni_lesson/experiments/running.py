"""Runs the arms of a group in turn and measures them."""

import itertools
import time
import uuid

from dni_lesson.data import load_digits, load_mnist
from dni_lesson.experiments.lineup import make_arm
from dni_lesson.experiments.machine import environment, peak_mib
from dni_lesson.experiments.results import Rest

import keras
import numpy as np
import tensorflow as tf


def load(experiment):
    """Returns a dict from `train`, `validation`, `test` to `(x, y)`."""
    loaders = {"digits": load_digits, "mnist": load_mnist}
    (x, y), test = loaders[experiment.data]()
    if experiment.validation + experiment.batch_size > len(x):
        raise ValueError(
            "`validation`. Expected to leave at least one batch of the "
            f"{len(x)} training digits. "
            f"Received: validation={experiment.validation}"
        )
    held_out = np.random.default_rng(0).permutation(len(x))
    steps = (len(x) - experiment.validation) // experiment.batch_size
    if experiment.rounds > steps:
        raise ValueError(
            f"`rounds`. Expected at most {steps}, the batches of an epoch. "
            f"Received: rounds={experiment.rounds}"
        )
    chosen, rest = np.split(held_out, [experiment.validation])
    return {
        "train": (x[rest], y[rest]),
        "validation": (x[chosen], y[chosen]),
        "test": test,
    }


def run_group(experiment, group, arms, data):
    """Trains the arms in turn and returns the rows of all their rounds.

    Args:
        experiment: `Experiment`.
        group: `Group`.
        arms: Sequence of names in `ARMS`.
        data: Dict, from `load`.

    Returns:
        List of dicts with the keys `COLUMNS` of the results.
    """
    rest = Rest(uuid.uuid4().hex[:12], 0, tuple(arms))
    return [*itertools.chain(*run_rounds(experiment, group, rest, data))]


def run_rounds(experiment, group, rest, data):
    """Trains arms in turn and yields the rows of each round when it is over.

    All arms see the same batches in the same order. In each round each arm
    takes its steps while a clock runs, the order of the arms rotating from
    round to round; then all are evaluated with the clock stopped. Compilation
    happens before, and what it changed is undone. Rounds that are done already
    are trained again, as the same weights come out, but not measured again.

    Args:
        experiment: `Experiment`.
        group: `Group`.
        rest: `Rest`, what is left to run of the group.
        data: Dict, from `load`.

    Yields:
        Lists of dicts with the keys `COLUMNS` of the results.
    """
    rounds = _run_rounds(experiment, group, rest, data)
    while True:
        with tf.device(experiment.device):  # Not while the caller works.
            rows = next(rounds, None)
        if rows is None:
            return
        yield rows


def _run_rounds(experiment, group, rest, data):
    x, y = data["train"]
    rounds = list(_rounds(experiment, group, len(x)))
    made, shared, arms = {}, {}, rest.arms
    machine = environment(experiment.device)
    for name in arms:
        keras.utils.set_random_seed(group.seed)
        made[name] = make_arm(name, experiment, group)
        made[name].compile_steps(*_tensors(x, y, rounds[0][0]))
        shared[name] = {
            "run": rest.run,
            "arm": name,
            **group._asdict(),
            **experiment.settings(),
            "macs": made[name].macs,
            "peak_mib": None,
            **machine,
        }
    steps = 0
    for number, batches in enumerate(rounds, 1):
        if number == len(rounds):  # Seconds for each: not before the first.
            for name in arms:
                shared[name]["peak_mib"] = _weigh(name, experiment, group)
        turn = number % len(arms)
        measured = {}
        for name in (*arms[turn:], *arms[:turn]):
            tensors = [_tensors(x, y, batch) for batch in batches]
            measured[name] = _timed(made[name], tensors)
        steps += len(batches)
        if number <= rest.done:
            continue
        yield [
            {
                **shared[name],
                "round": number,
                "step": steps,
                "seconds": measured[name][0],
                "layer_updates": measured[name][1],
                "validation_error": _error(arm.model, *data["validation"]),
                "test_error": _error(arm.model, *data["test"]),
            }
            for name, arm in made.items()
        ]


def _weigh(name, experiment, group):
    where = experiment.batch_size, experiment.device
    return peak_mib(name, group.depth, group.units, *where)


def _rounds(experiment, group, examples):
    """Yields, for each round, the rows of its batches: an array of arrays."""
    order = np.random.default_rng(group.seed)
    size = experiment.batch_size
    for _ in range(experiment.epochs):
        rows = order.permutation(examples)[: examples // size * size]
        # Whole batches only: one shape to compile.
        yield from np.array_split(rows.reshape(-1, size), experiment.rounds)


def _tensors(x, y, rows):
    return tf.constant(x[rows]), tf.constant(y[rows])


def _timed(arm, batches):
    """Returns the seconds of one step for each batch, and layers updated."""
    start = time.perf_counter()
    updates = sum(arm.step(x, y) for x, y in batches)
    # On a GPU, calls return before their work is done.
    tf.test.experimental.sync_devices()
    seconds = time.perf_counter() - start
    arm.finish()
    return seconds, updates


def _error(model, x, y):
    """Returns the share of wrong answers in percent."""
    wrong = sum(
        np.sum(np.argmax(model(part, training=False), axis=1) != labels)
        for part, labels in zip(
            np.array_split(x, 10), np.array_split(y, 10), strict=True
        )
    )
    return 100 * float(wrong) / len(y)
