"""Passes over the full MNIST until an error is reached: who learns how fast.

    python benchmarks/opponents.py choose --arms locked decoupled
    python benchmarks/opponents.py test --seeds 0 1 2
    python benchmarks/opponents.py report

The net of slow_link.py, 8 layers of 256 units on four workers, Adam with one
learning rate, 55,000 digits. `choose` tries the same batch sizes and learning
rates for every schedule, seed 0, over links of 5 ms, and counts the passes
until 2.5 and 2.0 % of the 5,000 digits held out are wrong. `test` trains those
settings again that `report` finds fastest at some delay, with other seeds and
over links of that delay, and looks at the test digits. Seconds are passes times
steps times the milliseconds of asynchrony.py's table `opponents`.

Locked workers learn what backprop learns, so `locked` is trained by `fit`, and
for it and for GPipe the delay does not matter. Late gradients are as late as the
run makes them, with queues as long as in asynchrony.py. One row per run goes to
data/results/opponents.csv as soon as it is done; runs that are there already
are not made again. Ten to sixty seconds a run on 2 CPU cores.
"""

import argparse
import functools
import itertools

import dni_lesson as dni
from dni_lesson.experiments.machine import environment
from dni_lesson.experiments.store import Column
from dni_lesson.terminal import say

import keras
import numpy as np
import pandas as pd
import tables
from teams import DEPTH, QUEUE, cut_model, cut_sizes, loss, schedule_of

WIDTH, WORKERS, TRAINED, MOST_PASSES = 256, 4, 55_000, 15
ARMS = (
    "locked",
    "gpipe-4",
    "decoupled",
    "decoupled softmax",
    "decoupled greedy",
    "delayed",
)
SYNCHRONOUS = ARMS[:2]
BATCHES, RATES = (64, 256, 1024, 4096), (1e-3, 3e-3, 1e-2)
TARGETS = (2.5, 2.0)  # Percent of wrong answers.
DELAYS = (0.0, 1.0, 5.0, 20.0)
PASSES = Column(int, 1, optional=True)
RESULTS = tables.table(
    "opponents",
    key={
        "arm": Column(choices=ARMS),
        "batch": tables.BATCH,
        "learning_rate": tables.NUMBER,
        "delay_ms": tables.NUMBER,
        "digits": Column(choices=("held out", "test")),
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
            staleness = history.to_frame()["staleness"][:-1].mean()
        return {
            **{f"passes_to_{one}": watch.passes_to(one) for one in TARGETS},
            "passes": len(watch.errors),
            "least_error_percent": min(watch.errors),
            "staleness": round(float(staleness), 2),
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


def run(arms, runs, train, digits):
    """Trains what is missing of an iterable of rows' keys, and stores it."""
    for key in runs:
        if RESULTS.has(**key):
            continue
        place = key["arm"], key["batch"], key["seed"]
        if place not in arms:
            arms.clear()  # One team in memory.
            arms[place] = Arm(*place, dni.worker_devices(WORKERS))
        found = arms[place].train(
            train, digits, key["learning_rate"], key["delay_ms"] / 1e3
        )
        RESULTS.add([{**key, **found, **machine()}])
        say(f"{key} -> {found}")


def choose(arms):
    """Returns the keys of the runs that settings are chosen by."""
    for arm, batch, rate in itertools.product(arms, BATCHES, RATES):
        yield {
            "arm": arm,
            "batch": batch,
            "learning_rate": rate,
            "delay_ms": 0.0 if arm in SYNCHRONOUS else 5.0,
            "digits": "held out",
            "seed": 0,
        }


def seconds(frame, steps):
    """Returns rows with `seconds_to_...`, one for each delay of a run.

    Args:
        frame: `pandas.DataFrame`, rows of opponents.csv.
        steps: `pandas.DataFrame`, rows of the table `opponents` of
            asynchrony.csv.
    """
    steps = steps[steps["workers"] == WORKERS]
    ms = steps.groupby(["arm", "batch", "delay_ms"])["ms"].median()
    ms = ms.rename("ms").reset_index()
    if (frame["digits"] == "test").all():
        late = ~frame["arm"].isin(SYNCHRONOUS)
        frame = pd.concat(
            [
                frame[late].merge(ms, on=["arm", "batch", "delay_ms"]),
                frame[~late]
                .drop(columns="delay_ms")
                .merge(ms, on=["arm", "batch"]),
            ]
        )
    else:
        frame = frame.drop(columns="delay_ms").merge(ms, on=["arm", "batch"])
    per_pass = np.ceil(TRAINED / frame["batch"]) * frame["ms"] / 1e3
    return frame.assign(
        **{
            f"seconds_to_{target}": frame[f"passes_to_{target}"] * per_pass
            for target in TARGETS
        }
    )


def chosen():
    """Returns the settings that are fastest on the digits held out.

    One row for each arm, delay and target that some setting reaches.
    """
    frame = RESULTS.table()
    found = seconds(frame[frame["digits"] == "held out"], step_times())
    best = []
    for target in TARGETS:
        column = f"seconds_to_{target}"
        reached = found.dropna(subset=[column])
        rows = reached.groupby(["arm", "delay_ms"])[column].idxmin()
        best.append(reached.loc[rows].assign(target=target))
    return pd.concat(best)


def step_times():
    """Returns asynchrony.py's rows of the table `opponents`."""
    rows = pd.read_csv(tables.FOLDER / "asynchrony.csv")
    return rows[rows["table"] == "opponents"]


def tests(seeds):
    """Returns the keys of the runs that the verdict is read from."""
    settings = ["arm", "batch", "learning_rate", "delay_ms"]
    best = chosen()
    best.loc[best["arm"].isin(SYNCHRONOUS), "delay_ms"] = 0.0
    for (_, one), seed in itertools.product(
        best[settings].drop_duplicates().sort_values(settings).iterrows(), seeds
    ):
        yield {**one, "digits": "test", "seed": seed}


def report():
    """Returns a table: seconds to each error, mean of the seeds."""
    frame = RESULTS.table()
    found = seconds(frame[frame["digits"] == "test"], step_times())
    keys = ["arm", "batch", "learning_rate", "delay_ms"]
    lines = []
    for target in TARGETS:
        column = f"seconds_to_{target}"
        best = chosen().query("target == @target")[keys]
        rows = best.merge(found, on=keys)
        table = rows.pivot_table(
            index="arm",
            columns="delay_ms",
            values=column,
            aggfunc=lambda one: one.mean() if one.notna().all() else np.nan,
        )
        lines.append(f"seconds to {target} %\n{table.round(1).to_string()}")
    return "\n\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=("choose", "test", "report"))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
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
    (x, y), test = dni.load_mnist()
    train, held_out = (x[:TRAINED], y[:TRAINED]), (x[TRAINED:], y[TRAINED:])
    if options.what == "choose":
        run({}, choose(options.arms), train, held_out)
    else:
        run({}, tests(options.seeds), train, test)


if __name__ == "__main__":
    main()
