"""Late gradients with an optimizer chosen for them: what does lateness cost?

    python benchmarks/tuned.py choose --staleness 16 64
    python benchmarks/tuned.py test --seeds 0 1 2
    python benchmarks/tuned.py report

staleness.py trains with Adam 1e-3 whatever the lateness, which is unfair to
whoever learns from late gradients. `choose` tries the optimizers below, each
with three learning rates, Adam with three values of beta_1 as well, the same
for true and for synthetic gradients: the network, the order of messages and the
five epochs of staleness.py, seed 0, 55,000 digits, error on the 5,000 held out.
`test` trains the best of all and the best of plain Adam again, with other
seeds, and looks at the test digits.

One row per run goes to data/results/tuned.csv as soon as it is done; runs that
are there already are not made again. About half a minute a run on 2 CPU cores.
"""

import argparse
import functools
import itertools

import dni_lesson as dni
from dni_lesson.experiments.machine import environment
from dni_lesson.experiments.store import Column
from dni_lesson.terminal import say

import keras
import tables

EPOCHS, BATCH_SIZE = 5, 64
SCHEDULES = ("decoupled", "delayed")
OPTIMIZERS = {
    "Adam, beta_1 = 0.9": keras.optimizers.Adam,
    "Adam, beta_1 = 0.5": functools.partial(keras.optimizers.Adam, beta_1=0.5),
    "Adam, beta_1 = 0": functools.partial(keras.optimizers.Adam, beta_1=0.0),
    "Nadam": keras.optimizers.Nadam,
    "Muon": keras.optimizers.Muon,
}
RATES = (1e-4, 3e-4, 1e-3)
RESULTS = tables.table(
    "tuned",
    key={
        "schedule": Column(choices=SCHEDULES),
        "late": Column(int),
        "optimizer": Column(choices=OPTIMIZERS),
        "learning_rate": tables.NUMBER,
        "digits": tables.DIGITS,
        "seed": tables.SEED,
    },
    measured={"error_percent": tables.PERCENT},
)
machine = functools.cache(environment)


def train(run, data, digits, devices):
    """Returns the percentage of digits that are wrong after the last epoch."""
    model = dni.mlp(depth=4, rule="cdni", seed=run["seed"])
    model.compile(
        OPTIMIZERS[run["optimizer"]](learning_rate=run["learning_rate"]),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    dni.fit_async(
        model,
        *data,
        EPOCHS,
        BATCH_SIZE,
        schedule=run["schedule"],
        queue_size=run["late"] + 1,
        in_turn=True,
        seed=run["seed"],
        devices=devices,
    )
    return tables.error_percent(model, *digits)


def choices(schedules, ages, optimizers):
    """Returns the keys of the runs that settings are chosen by."""
    for late, schedule, optimizer in itertools.product(
        ages, schedules, optimizers
    ):
        for rate in RATES:
            yield {
                "schedule": schedule,
                "late": late,
                "optimizer": optimizer,
                "learning_rate": rate,
                "digits": "held out",
                "seed": 0,
            }


def best(optimizers):
    """Returns the best row of all, and of plain Adam, for each schedule."""
    frame = RESULTS.table().query("digits == 'held out'")
    frame = frame[frame["optimizer"].isin(optimizers)]
    adam = frame[frame["optimizer"] == next(iter(OPTIMIZERS))]
    rows = [
        one.groupby(["schedule", "late"])["error_percent"].idxmin()
        for one in (frame, adam)
    ]
    return frame.loc[sorted({*rows[0], *rows[1]})]


def tests(seeds, optimizers):
    """Returns the keys of the runs that the verdict is read from."""
    keys = ["schedule", "late", "optimizer", "learning_rate"]
    rows = best(optimizers)[keys].to_dict("records")
    for one, seed in itertools.product(rows, seeds):
        yield {**one, "digits": "test", "seed": seed}


def report():
    """Returns tables: each optimizer at its best rate, and the test errors."""
    keys = ["late", "schedule", "optimizer"]
    frame = RESULTS.table()
    held_out = frame[frame["digits"] == "held out"]
    rows = held_out.groupby(keys, sort=False)["error_percent"].idxmin()
    chosen = held_out.loc[rows, [*keys, "learning_rate", "error_percent"]]
    tested = frame[frame["digits"] == "test"].groupby([*keys, "learning_rate"])
    found = tested["error_percent"].agg(["min", "mean", "max", "count"])
    return (
        f"held out\n{chosen.to_string(index=False)}\n\n"
        f"test\n{found.round(2).to_string()}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=("choose", "test", "report"))
    parser.add_argument(
        "--schedules", nargs="+", choices=SCHEDULES, default=SCHEDULES
    )
    parser.add_argument(
        "--optimizers", nargs="+", choices=OPTIMIZERS, default=[*OPTIMIZERS]
    )
    parser.add_argument(
        "--staleness",
        nargs="+",
        type=tables.argument(Column(int)),
        default=[0, 16, 64],
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
    data, digits, test = tables.split(dni.load_mnist())
    if options.what == "choose":
        runs = choices(options.schedules, options.staleness, options.optimizers)
    else:
        runs, digits = tests(options.seeds, options.optimizers), test
    devices = dni.worker_devices(4)
    for run in runs:
        if RESULTS.has(**run):
            continue
        error = train(run, data, digits, devices)
        RESULTS.add([{**run, "error_percent": error, **machine()}])
        say(f"{run} -> {error} %")


if __name__ == "__main__":
    main()
