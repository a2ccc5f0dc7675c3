"""Milliseconds a step with one worker per module, measured and predicted.

    python benchmarks/asynchrony.py two --widths 256 512 --batches 64 256
    python benchmarks/asynchrony.py links --workers 2 4 --delays 0 1 5 20
    python benchmarks/asynchrony.py report

`two`: two workers without delay, beside GPipe and one process that may use all
cores, which runs apart from the workers, each of whom has one thread for a
call. `links`: locked and decoupled workers over emulated links. Nets have 8
layers of equal width, cut where the slowest decoupled worker has least to do,
and one interface at each cut, so each worker trains the same modules under
every schedule; XLA compiles all steps, once, before the clock runs. Arms take
turns, round after round. The rows of a round go to data/results/asynchrony.csv
when it is done; rounds that are there already are not run again. Inputs are
random: time does not depend on them.

Predicted is what `timetable` says from costs measured without delay: what the
calls of a module take in the arm's own run (of the decoupled arm only those of
the predictors; the others are the locked arm's, whom nobody disturbs), what it
takes the first worker to gather a batch, and what a message takes from one
thread to another. The timetable gives each worker a core of its own; where
there are fewer cores than workers, a step takes at least all work divided by
the cores.
"""

import argparse
import itertools
import os
import pathlib
import statistics
import subprocess
import sys
import time

import dni_lesson as dni
from dni_lesson.benchmark.environment import environment
from dni_lesson.costs import module_macs
from dni_lesson.cuts import best_cut
from dni_lesson.speed import step_time
from dni_lesson.timetable import timetable
from dni_lesson.workers.batches import Batches
from dni_lesson.workers.partition import partition
from dni_lesson.workers.team import make_stages, make_team
from dni_lesson.workers.threads import one_thread_per_call, run_on_threads
from dni_lesson.workers.worker import Plan

import keras
import numpy as np
import rows

RESULTS = pathlib.Path(__file__).parent.parent / "data/results/asynchrony.csv"
KEY = ["table", "width", "batch", "workers", "delay_ms"]
DEPTH, SECONDS, QUEUE = 8, 1.5, 64
LINKS = ("locked", "decoupled")
TWO = ("locked", "gpipe-2", "gpipe-4", "gpipe-8", "decoupled", "delayed")


def cut_sizes(width, workers):
    """Returns how many layers each worker gets: the best cut by their work.

    For two workers it was measured: the lower one has more calls to make, so
    in narrow nets it should get less. Of 1 to 4 layers for it these were the
    fastest in decoupled training.
    """
    if workers == 2:
        return [2, 6] if width < 1024 else [3, 5]
    macs = module_macs(dni.mlp(DEPTH, width, "cdni"))
    cut = best_cut(*macs, workers)
    return cut if len(cut) == workers else [1] * workers


def cut_model(width, sizes):
    """Returns a compiled net with an interface at each cut and nowhere else."""
    net = dni.mlp(DEPTH, width, "cdni")
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

    def batch_seconds(self):
        """Returns what it takes to gather the examples of a call."""
        begin = time.perf_counter()
        for job in range(60):
            self._batches(job)
        return (time.perf_counter() - begin) / 60


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


def costs(arm, team):
    """Returns the mean seconds of each call of a run, and of a batch."""
    spent = {}
    for worker in team:
        for event in worker.events:
            lane = worker.number, event.phase
            spent.setdefault(lane, []).append(event.end - event.start)
    known = {lane: statistics.fmean(some) for lane, some in spent.items()}
    return {**known, "batch": arm.batch_seconds()}


def message_seconds(team):
    """Returns the median seconds from a call to the next worker's call."""
    events = [event for worker in team for event in worker.events]
    events.sort(key=lambda event: event.start)
    return statistics.median(
        after.start - before.end
        for before, after in itertools.pairwise(events)
        if before.worker != after.worker
    )


def predicted(arm, known, workers, delay):
    """Returns the seconds a step that the timetable says, if it knows."""
    schedule, _, parts = arm.partition("-")
    if schedule == "delayed":
        return None
    parts, numbers = int(parts or 1), range(1, workers + 1)
    own = known["locked" if schedule == "decoupled" else arm]
    forward = [parts * own.get((k, "forward"), 1e-6) for k in numbers]
    forward[0] += parts * own["batch"]
    events = timetable(
        schedule,
        forward,
        [parts * own[k, "backward"] for k in numbers],
        [known["decoupled"].get((k, "predictor"), 0.0) for k in numbers],
        link_delay=delay + known["message"],
        minibatches=200,
        microbatches=parts,
        queue_size=QUEUE if schedule == "decoupled" else None,
    )
    work = sum(event.end - event.start for event in events) / 200
    least = work / min(os.cpu_count(), workers)
    return max(step_time(events), least)


def measure(cell, teams, fits, rounds, delays):
    """Measures what is missing, round by round, and stores it."""
    for number in range(1, rounds + 1):
        if rows.has(RESULTS, **cell, round=number):
            continue
        known, found = {}, []
        for delay in delays:
            turn = {**cell, "delay_ms": 1e3 * delay, "round": number}
            ran = {name: arm.seconds(delay) for name, arm in teams.items()}
            if delay == 0:
                known = {name: costs(teams[name], ran[name][0]) for name in ran}
                known["message"] = message_seconds(ran["locked"][0])
            for name, (team, seconds) in ran.items():
                guess = predicted(name, known, len(team), delay)
                found.append(row(turn, name, seconds, 1, guess, team))
            if fits is not None:
                found += [
                    row(turn, name, fits.seconds(name), os.cpu_count())
                    for name in fits.NAMES
                ]
        rows.append(RESULTS, found)
    print(report(cell), flush=True)


def row(turn, arm, seconds, threads, guess=None, team=()):
    ages = [age for worker in team for age in worker.staleness]
    return {
        **turn,
        "arm": arm,
        "ms": round(1e3 * seconds, 3),
        "predicted_ms": "" if guess is None else round(1e3 * guess, 3),
        "staleness": round(float(np.mean(ages or 0)), 2),
        **environment(),
        "threads": threads,
    }


def report(cell=None):
    """Returns a Markdown table of medians."""
    frame = rows.read(RESULTS)
    for name, value in (cell or {}).items():
        frame = frame[frame[name] == value]
    table = frame.pivot_table(
        index=KEY, columns="arm", values="ms", aggfunc="median", sort=False
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
        if rows.has(RESULTS, **cell, round=options.rounds):
            continue
        delays = {0.0} if is_two else {0.0, *options.delays}
        names = TWO if is_two else LINKS
        sizes = cut_sizes(width, workers)
        teams = {name: TeamArm(name, width, batch, sizes) for name in names}
        fits = FitArms(width, batch) if is_two else None
        delays = [one / 1e3 for one in sorted(delays)]
        measure(cell, teams, fits, options.rounds, delays)
        if is_two:
            fits.close()


if __name__ == "__main__":
    main()
