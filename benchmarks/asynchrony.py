"""Milliseconds a step with one worker per module, measured and predicted.

    python benchmarks/asynchrony.py two --widths 256 512 --batches 64 256
    python benchmarks/asynchrony.py links --workers 2 4 --delays 0 1 5 20
    python benchmarks/asynchrony.py report

`two`: two workers without delay, beside GPipe and one process that may use all
cores, which runs apart from the workers, each of whom has one thread for a
call. `links`: locked and decoupled workers over emulated links. Nets have 8
layers of equal width and one interface at each cut, so each worker trains the
same modules under every schedule; XLA compiles all steps, once, before the
clock runs. Arms take turns, round after round. One row per arm and round goes
to data/results/asynchrony.csv as soon as its round is done; rows that are
there already are not made again. Inputs are random: time does not depend on
them.

Predicted is what `timetable` says from the median costs of the modules in the
runs with delay 0: of the locked workers, whom nobody disturbs, and of the
predictors. The timetable gives each worker a core of its own; where there are
fewer cores than workers, a step takes at least all work divided by the cores.
"""

import argparse
import csv
import itertools
import os
import pathlib
import statistics
import subprocess
import sys
import time

import dni_lesson as dni
from dni_lesson.benchmark.environment import environment
from dni_lesson.speed import step_time
from dni_lesson.timetable import timetable
from dni_lesson.workers.batches import Batches
from dni_lesson.workers.partition import partition
from dni_lesson.workers.team import make_stages, make_team
from dni_lesson.workers.threads import one_thread_per_call, run_on_threads
from dni_lesson.workers.worker import Plan

import keras
import numpy as np
import pandas as pd

RESULTS = pathlib.Path(__file__).parent.parent / "data/results/asynchrony.csv"
KEY = ["table", "width", "batch", "workers", "delay_ms", "arm", "round"]
DEPTH, SECONDS, QUEUE = 8, 1.5, 64
# How many layers each worker gets: the fastest cut of decoupled training for
# two workers; the first layer is the largest where the width is below 784.
CUTS = {
    2: [2, 6],
    3: [2, 2, 4],
    4: [1, 2, 2, 3],
    8: [1] * 8,
}
COSTS = ("locked", "decoupled")  # the arms whose costs predict all others
TWO = ("locked", "gpipe-2", "gpipe-4", "gpipe-8", "decoupled", "delayed")


def cut_model(width, sizes, rule="cdni"):
    """Returns a compiled net with an interface at each cut and nowhere else."""
    net = dni.mlp(DEPTH, width, rule)
    cuts = set(np.cumsum(sizes[:-1]).tolist())
    interfaces = [
        one if k in cuts else None for k, one in enumerate(net.interfaces, 1)
    ]
    model = dni.DecoupledModel(net.modules, interfaces)
    model.build((None, 784))
    model.compile("adam", loss())
    return model


def loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def arrays(examples):
    rng = np.random.default_rng(0)
    x = rng.random((examples, 784), dtype="float32")
    return x, rng.integers(10, size=examples)


class TeamArm:
    """Workers of one schedule; their steps are compiled once."""

    def __init__(self, name, width, batch, sizes):
        self._schedule, _, parts = name.partition("-")
        parts = int(parts or 1)
        model = cut_model(width, sizes)
        cut = partition(model, self._schedule, sizes)
        self._batches = Batches(*arrays(64 * batch), batch, parts, 0)
        self._stages = make_stages(
            model, cut, self._schedule, self._batches.examples(), parts
        )
        self._plan = Plan(
            0, parts, 1 if self._schedule in ("locked", "gpipe") else QUEUE
        )

    def run(self, steps, delay=0.0):
        """Returns the workers of a run and its seconds a step."""
        plan = self._plan._replace(minibatches=steps, report_every=steps)
        team = make_team(
            self._stages, self._schedule, plan, delay, self._batches
        )
        run_on_threads(team, 600.0, lambda done: False)
        events = [event for worker in team for event in worker.events]
        return team, step_time(events)

    def seconds(self, delay=0.0):
        """Returns the same of a run that is long enough to be steady."""
        _, guess = self.run(8 if self._plan.window == 1 else 100, delay)
        return self.run(min(max(int(SECONDS / guess), 12), 1000), delay)


class FitArms:
    """Backprop by `fit` with all cores, in a process of its own.

    How many threads a product may use is one setting for a whole process.
    """

    NAMES = ("backprop fit", "Keras fit")

    def __init__(self, width, batch):
        self._process = subprocess.Popen(
            [sys.executable, __file__, "serve", str(width), str(batch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in self.NAMES:
            self.seconds(name)  # Compilation.

    def seconds(self, name):
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self):
        self._process.communicate()


def serve(width, batch):
    """Trains an epoch for every line that comes in; answers its seconds."""
    ours, net = (dni.mlp(DEPTH, width, "backprop") for _ in range(2))
    layers = [layer for one in net.modules for layer in one.layers]
    plain = keras.Sequential([keras.Input((784,)), *layers])
    models = dict(zip(FitArms.NAMES, (ours, plain), strict=True))
    for model in models.values():
        model.compile("adam", loss())
    steps = max(96, 4096 // batch)
    x, y = arrays(steps * batch)
    for line in sys.stdin:
        begin = time.perf_counter()
        models[line.strip()].fit(x, y, batch_size=batch, verbose=0)
        print((time.perf_counter() - begin) / steps, flush=True)


def costs(team):
    """Returns the median seconds of each phase of each module."""
    return {
        (worker.number, phase): statistics.median(
            event.end - event.start
            for event in worker.events
            if event.phase == phase
        )
        for worker in team
        for phase in {event.phase for event in worker.events}
    }


def predicted(arm, locked, decoupled, workers, delay):
    """Returns the seconds a step that the timetable says."""
    schedule, _, parts = arm.partition("-")
    numbers = range(1, workers + 1)
    forward = [locked.get((k, "forward"), 1e-6) for k in numbers]
    backward = [locked[k, "backward"] for k in numbers]
    predictor = [decoupled.get((k, "predictor"), 0.0) for k in numbers]
    events = timetable(
        schedule,
        forward,
        backward,
        predictor if schedule == "decoupled" else None,
        link_delay=delay,
        minibatches=200,
        microbatches=int(parts or 1),
        queue_size=QUEUE if schedule == "decoupled" else None,
    )
    work = sum(event.end - event.start for event in events) / 200
    least = work / min(os.cpu_count(), workers)
    return max(step_time(events), least)


def done():
    if not RESULTS.exists():
        return pd.DataFrame(columns=KEY)
    return pd.read_csv(RESULTS)


def append(rows):
    new = not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)


def is_done(cell, rounds):
    frame = done()
    for name, value in cell.items():
        frame = frame[frame[name] == value]
    return not frame.empty and frame["round"].max() >= rounds


def measure(cell, teams, fits, rounds, delays):
    """Measures arms in turn over some delays and stores their rows."""
    machine = environment()
    known = {name: costs(teams[name].run(60)[0]) for name in COSTS}
    for number, delay in itertools.product(range(1, rounds + 1), delays):
        rows = []
        for name, arm in teams.items():
            team, seconds = arm.seconds(delay)
            if delay == 0 and name in COSTS:
                known[name] = costs(team)
            guess = ""
            if name != "delayed":
                costing = (known[one] for one in COSTS)
                guess = predicted(name, *costing, cell["workers"], delay)
                guess = round(1e3 * guess, 3)
            ages = [age for worker in team for age in worker.staleness]
            rows.append((name, seconds, guess, np.mean(ages), 1))
        if fits is not None:
            for name in fits.NAMES:
                rows.append((name, fits.seconds(name), "", 0, os.cpu_count()))
        append(
            [
                {
                    **cell,
                    "delay_ms": 1e3 * delay,
                    "arm": name,
                    "round": number,
                    "ms": round(1e3 * seconds, 3),
                    "predicted_ms": guess,
                    "staleness": round(float(age), 2),
                    **machine,
                    "threads": threads,
                }
                for name, seconds, guess, age, threads in rows
            ]
        )
    print(report(cell), flush=True)


def report(cell=None):
    """Returns a Markdown table of medians."""
    frame = done()
    for name, value in (cell or {}).items():
        frame = frame[frame[name] == value]
    table = frame.pivot_table(
        index=KEY[:5], columns="arm", values="ms", aggfunc="median", sort=False
    )
    guess = frame[["predicted_ms"]].assign(
        error=(frame["predicted_ms"] / frame["ms"] - 1).abs() * 100
    )
    share = guess["error"].median()
    lines = [table.round(2).to_string()]
    if "locked" in table and "decoupled" in table:
        ratio = table["locked"] / table["decoupled"]
        lines.append("locked / decoupled\n" + ratio.round(2).to_string())
    lines.append(f"median error of the prediction: {share:.0f} %")
    return "\n\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    if sys.argv[1:2] == ["serve"]:
        serve(*map(int, sys.argv[2:]))
        return
    parser.add_argument("table", choices=("two", "links", "report"))
    parser.add_argument("--widths", nargs="+", type=int, default=[256])
    parser.add_argument("--batches", nargs="+", type=int, default=[64])
    parser.add_argument("--workers", nargs="+", type=int, default=[2, 3, 4, 8])
    parser.add_argument(
        "--delays",
        nargs="+",
        type=float,
        default=[0, 1, 2, 5, 10, 20],
        help="milliseconds",
    )
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.table == "report":
        print(report())
        return
    is_two = options.table == "two"
    one_thread_per_call()
    for width, batch, workers in itertools.product(
        options.widths, options.batches, [2] if is_two else options.workers
    ):
        cell = {
            "table": options.table,
            "width": width,
            "batch": batch,
            "workers": workers,
        }
        if is_done(cell, options.rounds):
            continue
        names = TWO if is_two else COSTS
        teams = {
            name: TeamArm(name, width, batch, CUTS[workers]) for name in names
        }
        fits = FitArms(width, batch) if is_two else None
        delays = [0.0] if is_two else [one / 1e3 for one in options.delays]
        measure(cell, teams, fits, options.rounds, delays)
        if is_two:
            fits.close()


if __name__ == "__main__":
    main()
