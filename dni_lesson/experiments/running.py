"""Networks trained side by side, and the clock that runs for their steps alone.

All arms start from the same weights and see the same batches in the same order.
They take turns, so that a busy moment of the machine hits them alike.
"""

import itertools
import uuid

from dni_lesson.data import load_digits, load_mnist
from dni_lesson.experiments.arms import make_arm, take_turn
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


def epoch_of_turns(rng, examples, batch_size, turns):
    """Returns a list of turns, each an integer array `(steps, batch)`.

    Args:
        rng: `numpy.random.Generator`, of the order.
        examples: Integer. Those that fill no batch are left out: one shape to
            compile.
        batch_size: Integer.
        turns: Integer.
    """
    whole = examples // batch_size * batch_size
    batches = rng.permutation(examples)[:whole].reshape(-1, batch_size)
    return np.array_split(batches, turns)


def read(model, x):
    """Returns the class that a model reads in each example, `(batch,)`."""
    parts = np.array_split(x, -(-len(x) // 1000))
    return np.concatenate(
        [np.argmax(model(part, training=False), axis=1) for part in parts]
    )


def run_group(experiment, group, arms, data, models=None, memory=True):
    """Trains the arms in turn and returns the rows of all their rounds.

    Args:
        experiment: `Experiment`.
        group: `Group`.
        arms: Sequence of names in `ARMS` or `models`.
        data: Dict, from `load`.
        models: Dict from the name of a rule of your own to the maker of its
            network, see `new_network`. Its memory is not measured. Default:
            none.
        memory: Boolean, whether to measure the peak memory of each arm, which
            takes a process and seconds. Default `True`.

    Returns:
        List of dicts with the keys `COLUMNS` of the results.
    """
    rest = Rest(uuid.uuid4().hex[:12], 0, tuple(arms))
    with tf.device(experiment.device):
        rounds = run_rounds(experiment, group, rest, data, models, memory)
        return [*itertools.chain(*rounds)]


def run_rounds(experiment, group, rest, data, models=None, memory=True):
    """Trains arms in turn and yields the rows of each round when it is over.

    In each round each arm takes its steps, the order of the arms rotating from
    round to round; then all are evaluated. Compilation happens before, and what
    it changed is undone. Rounds that are done already are trained again, as the
    same weights come out, but not measured again. The device is the caller's.

    Args:
        experiment, group, data, models, memory: As in `run_group`.
        rest: `Rest`, what is left to run of the group.

    Yields:
        Lists of dicts with the keys `COLUMNS` of the results.
    """
    rounds = _rounds(experiment, group, len(data["train"][1]))
    arms = _compiled(rest.arms, experiment, group, models, data, rounds[0][0])
    chances = {name: np.random.default_rng(group.seed) for name in arms}
    shared = {**group._asdict(), **experiment.settings(), "run": rest.run}
    shared |= environment(experiment.device)
    peaks, steps = {}, 0
    for number, rows in enumerate(rounds, 1):
        # It takes seconds for each arm: not before the first rows are there.
        if memory and number == len(rounds):
            peaks = _peaks(arms.keys() - (models or {}), experiment, group)
        first, turns = number % len(arms), {}
        for name in (*rest.arms[first:], *rest.arms[:first]):
            luck = chances[name].random((len(rows), arms[name].calls))
            turns[name] = take_turn(arms[name], data["train"], rows, luck)
        steps += len(rows)
        if number > rest.done:
            yield [
                {
                    **shared,
                    "arm": name,
                    "round": number,
                    "step": steps,
                    "seconds": turns[name].seconds,
                    "layer_updates": turns[name].updates,
                    "macs": arm.macs,
                    "peak_mib": peaks.get(name),
                    "validation_error": _error(arm.model, *data["validation"]),
                    "test_error": _error(arm.model, *data["test"]),
                }
                for name, arm in arms.items()
            ]


def _rounds(experiment, group, examples):
    """Returns the batches of all rounds, see `epoch_of_turns`."""
    order = np.random.default_rng(group.seed)
    settings = examples, experiment.batch_size, experiment.rounds
    return [
        rows
        for _ in range(experiment.epochs)
        for rows in epoch_of_turns(order, *settings)
    ]


def _compiled(names, experiment, group, models, data, batch):
    """Returns a dict of new arms, all their calls compiled."""
    x, y = (tf.constant(values[batch]) for values in data["train"])
    arms = {}
    for name in names:
        keras.utils.set_random_seed(group.seed)
        arms[name] = make_arm(name, experiment, group, models, x.shape[1:])
        arms[name].compile(x, y)
    return arms


def _peaks(names, experiment, group):
    how = group.depth, group.units, experiment.batch_size, experiment.device
    return {name: peak_mib(name, *how) for name in names}


def _error(model, x, y):
    """Returns the share of wrong answers in percent."""
    return 100 * float(np.sum(read(model, x) != y)) / len(y)
