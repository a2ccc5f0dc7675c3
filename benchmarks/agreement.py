"""How well synthetic gradients agree with true ones, early in training.

    python benchmarks/agreement.py

The settings of opponents.py, trained by `fit`, seed 0, for two passes over
55,000 digits. Eight times `GradientMonitor` compares the gradients at the three
cuts on 500 of the digits held out; stored is the mean cosine, from which lesson
07 tries to foretell how many passes decoupled workers need.

One row per run goes to data/results/agreement.csv as soon as it is done; runs
that are there already are not made again. Some ten seconds a run on 2 CPU
cores.
"""

import functools
import itertools

import dni_lesson as dni
from dni_lesson.experiments.machine import environment
from dni_lesson.experiments.opponents import TRAINED
from dni_lesson.experiments.store import Column
from dni_lesson.terminal import say

import keras
import numpy as np
import tables
from opponents import BATCHES, RATES, WIDTH, WORKERS
from teams import OPPONENTS, cut_model, cut_sizes, schedule_of

PASSES, LOOKS, PROBE = 2, 8, 500
SYNTHETIC = tuple(arm for arm in OPPONENTS if arm.startswith("decoupled"))
RESULTS = tables.table(
    "agreement",
    key={
        "arm": Column(choices=SYNTHETIC),
        "batch": tables.BATCH,
        "learning_rate": tables.NUMBER,
        "seed": tables.SEED,
    },
    measured={"cosine": Column(float, least=-1)},
)
machine = functools.cache(environment)


def cosine(run, train, digits):
    """Returns the mean over cuts and looks; where no gradient is sent, 0."""
    keras.utils.set_random_seed(run["seed"])
    sizes = cut_sizes(WIDTH, WORKERS)
    model = cut_model(WIDTH, sizes, run["seed"], schedule_of(run["arm"])[2])
    model.optimizer.learning_rate = run["learning_rate"]
    steps = PASSES * -(-TRAINED // run["batch"])
    probe = (array[:PROBE] for array in digits)
    monitor = dni.GradientMonitor(*probe, every=max(steps // LOOKS, 1))
    model.fit(
        *train,
        epochs=PASSES,
        batch_size=run["batch"],
        verbose=0,
        callbacks=[monitor],
    )
    return float(np.nan_to_num(monitor.history["cosine"]).mean())


def main():
    train, digits, _ = tables.split(dni.load_mnist())
    for arm, batch, rate in itertools.product(SYNTHETIC, BATCHES, RATES):
        run = {"arm": arm, "batch": batch, "learning_rate": rate, "seed": 0}
        if RESULTS.has(**run):
            continue
        found = {"cosine": round(cosine(run, train, digits), 4)}
        RESULTS.add([{**run, **found, **machine()}])
        say(f"{run} -> {found}")


if __name__ == "__main__":
    main()
