"""Test error on the full MNIST against the staleness of gradients.

    python benchmarks/staleness.py --staleness 0 1 4 16 64 --seeds 0 1 2
    python benchmarks/staleness.py --real --seeds 0 1 2

Trains 784-256-256-256-10, one worker per layer, by cDNI ("decoupled") and with
true gradients that come late ("delayed"), Adam 1e-3, batch 64, 5 epochs. By
default workers take their messages in turn, so that every gradient of every
module, but for the first and the last few, is exactly `staleness` updates old,
whatever the speed of the machine; staleness 0 is synchronous training. With
`--real` they run as they can, with queues of 8, as users do; the staleness is
then what it came to, a mean.

One row per run goes to data/results/staleness.csv as soon as it is done; runs
that are there already are not made again. About a minute a run on 2 CPU cores.
"""

import argparse
import itertools

import dni_lesson as dni
from dni_lesson.experiments.machine import environment
from dni_lesson.experiments.store import Column
from dni_lesson.terminal import say

import keras
import tables

EPOCHS, BATCH_SIZE, REAL_QUEUE = 5, 64, 8
SCHEDULES = ("decoupled", "delayed")
RESULTS = tables.table(
    "staleness",
    key={
        "schedule": Column(choices=SCHEDULES),
        "order": Column(choices=("in turn", "as it comes")),
        "queue_size": tables.COUNT,
        "seed": tables.SEED,
    },
    measured=tables.OUTCOME,
)


def train(data, schedule, queue_size, in_turn, seed, devices):
    """Returns the columns that say how late and how good it was."""
    (x_train, y_train), test = data
    model = dni.mlp(depth=4, rule="cdni", seed=seed)
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = dni.fit_async(
        model,
        x_train,
        y_train,
        EPOCHS,
        BATCH_SIZE,
        schedule=schedule,
        queue_size=queue_size,
        in_turn=in_turn,
        seed=seed,
        devices=devices,
    )
    return tables.outcome(history, model, *test)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--schedules",
        nargs="+",
        type=tables.argument(RESULTS.columns["schedule"]),
        default=SCHEDULES,
    )
    parser.add_argument(
        "--staleness",
        nargs="+",
        type=tables.argument(Column(int)),
        default=[0, 1, 2, 4, 8, 16, 32, 64],
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=tables.argument(tables.SEED),
        default=[0, 1, 2],
    )
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    devices = dni.worker_devices(4)
    data = dni.load_mnist()
    ages = [REAL_QUEUE - 1] if options.real else options.staleness
    for seed, age, schedule in itertools.product(
        options.seeds, ages, options.schedules
    ):
        run = {
            "schedule": schedule,
            "order": "as it comes" if options.real else "in turn",
            "queue_size": age + 1,
            "seed": seed,
        }
        if RESULTS.has(**run):
            continue
        found = train(data, schedule, age + 1, not options.real, seed, devices)
        RESULTS.add([{**run, **found, **environment()}])
        say(f"{run} -> {found}")


if __name__ == "__main__":
    main()
