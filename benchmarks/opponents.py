"""Passes over the full MNIST until an error is reached: who learns how fast.

    python benchmarks/opponents.py choose --arms locked decoupled
    python benchmarks/opponents.py test --seeds 0 1 2
    python benchmarks/opponents.py report

The net of asynchrony.py, 8 layers of 256 units on four workers, Adam with one
learning rate, 55,000 digits. `choose` tries the same batch sizes and learning
rates for every schedule, seed 0, over links of 5 ms, and counts the passes
until 2.5 and 2.0 % of the 5,000 digits held out are wrong. `test` trains those
settings again that `report` finds fastest at some delay, with other seeds, and
looks at the test digits. Seconds are passes times
steps times the milliseconds of asynchrony.py's table `opponents`.

Locked workers learn what backprop learns, so `locked` is trained by `fit`, and
for it and for GPipe the delay does not matter. Late gradients are as late as
the run makes them, with queues as long as in asynchrony.py. One row per run
goes to data/results/opponents.csv as soon as it is done; runs that are there
already are not made again. Ten to sixty seconds a run on 2 CPU cores.
"""

import argparse
import functools
import itertools

import dni_lesson as dni
from dni_lesson.experiments.machine import environment
from dni_lesson.experiments.opponents import (
    PROCESS,
    SETTING,
    SYNCHRONOUS,
    TARGETS,
    fastest,
    mean_seconds,
    tested,
)
from dni_lesson.experiments.store import Column
from dni_lesson.terminal import say

import keras
import numpy as np
import pandas as pd
import tables
from teams import (
    DEPTH,
    OPPONENTS,
    QUEUE,
    cut_model,
    cut_sizes,
    loss,
    schedule_of,
)

WIDTH, WORKERS, MOST_PASSES = 256, 4, 15
BATCHES, RATES = (64, 256, 1024, 4096), (1e-3, 3e-3, 1e-2)
PASSES = Column(int, 1, optional=True)
RESULTS = tables.table(
    "opponents",
    key={
        "arm": Column(choices=OPPONENTS),
        "batch": tables.BATCH,
        "learning_rate": tables.NUMBER,
        "delay_ms": tables.NUMBER,
        "digits": tables.DIGITS,
        "seed": tables.SEED,
    },
    measured={
        **{f"passes_to_{target}": PASSES for target in TARGETS},
        "passes": tables.EPOCHS,
        "least_error_percent": tables.PERCENT,
        "staleness": tables.NUMBER,
    },
)
machine = functools.cache(environment)


class Watch(keras.callbacks.Callback):
    """Sets the learning rate; stops when the lower target is reached."""

    def __init__(self, rate, digits):
        super().__init__()
        self.errors = []
        self._rate, self._digits = rate, digits

    def on_train_begin(self, logs=None):
        self.model.optimizer.learning_rate = self._rate

    def on_epoch_end(self, epoch, logs=None):
        self.errors.append(tables.error_percent(self.model, *self._digits))
        if self.errors[-1] <= min(TARGETS):
            self.model.stop_training = True

    def passes_to(self, target):
        reached = np.flatnonzero(np.asarray(self.errors) <= target)
        return int(reached[0]) + 1 if len(reached) else None


class Arm:
    """One schedule at one batch size; the workers' calls are compiled once."""

    def __init__(self, name, batch, seed, devices):
        self._name, self._batch, self._seed = name, batch, seed
        self._devices = devices
        self._sizes = cut_sizes(WIDTH, WORKERS)
        self._model = None

    def train(self, train, digits, rate, delay):
        """Returns the columns that say how many passes it took."""
        watch = Watch(rate, digits)
        how = {
            "epochs": MOST_PASSES,
            "batch_size": self._batch,
            "callbacks": [watch],
        }
        staleness = 0.0
        if self._name == "locked":
            keras.utils.set_random_seed(self._seed)
            model = dni.mlp(DEPTH, WIDTH, "backprop", seed=self._seed)
            model.compile("adam", loss(), metrics=["accuracy"])
            model.fit(*train, **how, verbose=0)
        else:
            history = self._train_workers(train, how, delay)
            staleness = tables.mean_staleness(history)
        return {
            **{f"passes_to_{one}": watch.passes_to(one) for one in TARGETS},
            "passes": len(watch.errors),
            "least_error_percent": min(watch.errors),
            "staleness": staleness,
        }

    def _train_workers(self, train, how, delay):
        schedule, microbatches, at_cuts = schedule_of(self._name)
        if self._model is None:
            self._model = cut_model(WIDTH, self._sizes, self._seed, at_cuts)
            self._start = self._model.get_weights()
        self._model.set_weights(self._start)
        # GPipe's micro-batches must divide the last batch of a pass as well.
        count = len(train[0]) - len(train[0]) % self._batch % microbatches
        return dni.fit_async(
            self._model,
            *(array[:count] for array in train),
            schedule=schedule,
            microbatches=microbatches,
            queue_size=QUEUE,
            link_delay=delay,
            modules=self._sizes,
            seed=self._seed,
            devices=self._devices,
            **how,
        )


def run(runs, train, digits):
    """Trains what is missing of an iterable of rows' keys, and stores it."""
    place = arm = None
    for key in runs:
        if RESULTS.has(**key):
            continue
        before, place = place, (key["arm"], key["batch"], key["seed"])
        if place != before:
            arm = Arm(*place, dni.worker_devices(WORKERS))
        found = arm.train(
            train, digits, key["learning_rate"], key["delay_ms"] / 1e3
        )
        RESULTS.add([{**key, **found, **machine()}])
        say(f"{key} -> {found}")


def over(arm):
    """Returns the column of the link delay that a run is made with."""
    return {"delay_ms": 0.0 if arm in SYNCHRONOUS else 5.0}


def choose(arms):
    """Returns the keys of the runs that settings are chosen by."""
    for arm, batch, rate in itertools.product(arms, BATCHES, RATES):
        yield {
            "arm": arm,
            "batch": batch,
            "learning_rate": rate,
            **over(arm),
            "digits": "held out",
            "seed": 0,
        }


def step_times():
    """Returns asynchrony.py's rows of the table `opponents`."""
    rows = pd.read_csv(tables.FOLDER / "asynchrony.csv")
    return rows[(rows["table"] == "opponents") & (rows["workers"] == WORKERS)]


def tests(seeds, arms):
    """Returns the keys of the runs that the verdict is read from."""
    best = fastest(RESULTS.table(), step_times())
    best["arm"] = best["arm"].replace(PROCESS, "locked")
    best = best[best["arm"].isin(arms)]
    best = best[SETTING].drop_duplicates().sort_values(SETTING)
    for one, seed in itertools.product(best.to_dict("records"), seeds):
        yield {**one, **over(one["arm"]), "digits": "test", "seed": seed}


def report():
    """Returns tables: the settings that were chosen, and seconds to an error,
    the mean of the seeds if all of them reached it."""
    runs, steps = RESULTS.table(), step_times()
    chosen = fastest(runs, steps)
    rates = chosen["learning_rate"].astype(str)
    chosen["setting"] = chosen["batch"].astype(str) + " / " + rates
    settings = chosen.pivot(
        index=["target", "arm"], columns="delay_ms", values="setting"
    )
    means = mean_seconds(tested(runs, steps))
    return (
        f"batch and learning rate, by delay in ms\n{settings.to_string()}\n\n"
        f"seconds to an error on test digits\n{means.round(1).to_string()}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=("choose", "test", "report"))
    parser.add_argument(
        "--arms", nargs="+", choices=OPPONENTS, default=OPPONENTS
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=tables.argument(tables.SEED),
        default=[0, 1, 2],
    )
    options = parser.parse_args()
    if options.what == "report":
        say(report())
        return
    train, held_out, test = tables.split(dni.load_mnist())
    if options.what == "choose":
        run(choose(options.arms), train, held_out)
    else:
        run(tests(options.seeds, options.arms), train, test)


if __name__ == "__main__":
    main()
