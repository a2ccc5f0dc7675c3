"""Training over slow links: how long it takes, and what is learnt.

    python benchmarks/slow_link.py --delay 5 --seeds 0 1 2

The net of asynchrony.py with 8 layers of 256 units on four workers, as they
come, with queues as long as there; Adam 1e-3, batch 64, full MNIST, 5 epochs.
Workers that are locked learn what backprop learns. One row per run goes to
data/results/slow_link.csv as soon as it is done; runs that are there already
are not made again. On 2 CPU cores and with 5 ms locked workers take about three
minutes, the others a half.
"""

import argparse
import itertools

import dni_lesson as dni
from dni_lesson.experiments.machine import environment
from dni_lesson.experiments.store import Column
from dni_lesson.terminal import say

import tables
from teams import DEPTH, QUEUE, cut_model, cut_sizes

EPOCHS, BATCH_SIZE, WIDTH, WORKERS = 5, 64, 256, 4
SCHEDULES = ("locked", "decoupled", "delayed")
RESULTS = tables.table(
    "slow_link",
    key={
        "schedule": Column(choices=SCHEDULES),
        "depth": tables.DEPTH,
        "width": tables.UNITS,
        "workers": tables.COUNT,
        "delay_ms": tables.NUMBER,
        "seed": tables.SEED,
    },
    measured={"ms": tables.NUMBER, **tables.OUTCOME},
)


def train(data, schedule, delay, seed, devices):
    """Returns the columns that say how long it took and what was learnt."""
    train, test = data
    sizes = cut_sizes(WIDTH, WORKERS)
    model = cut_model(WIDTH, sizes, seed)
    history = dni.fit_async(
        model,
        *train,
        EPOCHS,
        BATCH_SIZE,
        schedule=schedule,
        queue_size=QUEUE,
        link_delay=delay,
        modules=sizes,
        seed=seed,
        devices=devices,
    )
    ms = round(1e3 / history.steps_per_second, 3)
    return {"ms": ms, **tables.outcome(history, model, *test)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--delay",
        type=tables.argument(tables.NUMBER),
        default=5.0,
        help="milliseconds",
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=tables.argument(tables.SEED),
        default=[0, 1, 2],
    )
    options = parser.parse_args()
    devices = dni.worker_devices(WORKERS)
    data = dni.load_mnist()
    for seed, schedule in itertools.product(options.seeds, SCHEDULES):
        run = {
            "schedule": schedule,
            "depth": DEPTH,
            "width": WIDTH,
            "workers": WORKERS,
            "delay_ms": options.delay,
            "seed": seed,
        }
        if RESULTS.has(**run):
            continue
        found = train(data, schedule, options.delay / 1e3, seed, devices)
        RESULTS.add([{**run, **found, **environment()}])
        say(f"{run} -> {found}")


if __name__ == "__main__":
    main()
