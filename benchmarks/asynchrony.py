"""Milliseconds a step with one worker per module, measured and predicted.

    python benchmarks/asynchrony.py two --widths 256 512 --batches 64 256
    python benchmarks/asynchrony.py links --workers 2 4 --delays 0 1 5 20
    python benchmarks/asynchrony.py opponents --workers 4 --delays 0 1 5 20
    python benchmarks/asynchrony.py transports --widths 256 1024
    python benchmarks/asynchrony.py report

`two`: two workers without delay, beside GPipe and one process that may use all
cores, which runs apart from the workers, each of whom has one thread of its
own. `links`: locked and decoupled workers over emulated links. `opponents`: the
same for every schedule, softmax predictors and greedy layers, and one process
where there is no delay; opponents.py reads these rows. `transports`:
two workers on threads and as Ray processes, by `fit_async`. Nets have 8 layers
of equal width, cut where the slowest decoupled worker has least to do, and one
interface at each cut, so each worker trains the same modules under every
schedule; XLA compiles all steps, once, before the clock runs. Arms take turns,
round after round. The rows of a round go to data/results/asynchrony.csv when
it is done; rounds that are there already are not run again. (Rows of the table
`shared pool` are those of `two` from the time when workers had no threads of
their own: see `worker_devices`.) Inputs are random: time does not depend on
them.

Predicted is what `timetable` says from costs measured without delay: what the
calls of a module take in the arm's own run, what it takes the first worker to
gather a batch, and what a message takes from one thread to another. Decoupled
workers may have to wait for a core in the middle of a call, and its clock goes
on. So theirs is the time that the process spent on the cores, shared out among
the calls as they took. The timetable gives each worker a core of its own; where
there are fewer cores than workers, a step takes at least all work divided by
the cores.
"""

import argparse
import contextlib
import functools
import itertools
import os
import statistics

import dni_lesson as dni
from dni_lesson.experiments.machine import environment
from dni_lesson.experiments.store import Column
from dni_lesson.schedules import mean_costs, step_time, timetable
from dni_lesson.terminal import say

import numpy as np
import tables
from inputs import arrays
from teams import (
    FITS,
    OPPONENTS,
    QUEUE,
    TeamArm,
    cut_model,
    cut_sizes,
    fits,
    schedule_of,
)

CELL = {
    "table": Column(),
    "width": tables.UNITS,
    "batch": tables.BATCH,
    "workers": tables.COUNT,
    "delay_ms": tables.NUMBER,
}
RESULTS = tables.table(
    "asynchrony",
    key={**CELL, "round": tables.COUNT, "arm": Column()},
    measured={
        "ms": tables.NUMBER,
        "predicted_ms": Column(float, optional=True),
        "staleness": tables.NUMBER,
    },
)
machine = functools.cache(environment)  # It asks git: once for all rows.
LINKS = ("locked", "decoupled")
TWO = (
    "locked",
    "gpipe-2",
    "gpipe-4",
    "gpipe-8",
    "decoupled",
    "decoupled softmax",
    "delayed",
)
ARMS = {"two": TWO, "links": LINKS, "opponents": OPPONENTS}
WITH_LINKS = ("links", "opponents")


def message_seconds(run):
    """Returns the median seconds from a call to the next worker's call."""
    events = sorted(run.events(), key=lambda event: event.start)
    return statistics.median(
        after.start - before.end
        for before, after in itertools.pairwise(events)
        if before.worker != after.worker
    )


def costs(teams, ran):
    """Returns what `predicted` must know, from a round without delay."""
    known = {"message": message_seconds(ran["locked"])}
    for name, run in ran.items():
        phases = mean_costs(run.events())
        batch = teams[name].batch_seconds()
        if schedule_of(name)[0] == "decoupled":
            share = (run.cpu_seconds - batch) / sum(map(sum, phases))
            phases = [[share * one for one in phase] for phase in phases]
        known[name] = phases, batch
    return known


def predicted(arm, known, workers, delay):
    """Returns the seconds a step that the timetable says, if it knows."""
    schedule, parts, _ = schedule_of(arm)
    if schedule == "delayed":
        return None
    (forward, backward, predictor), batch = known[arm]
    # The last module runs both ways in one call.
    forward = [parts * (seconds or 1e-6) for seconds in forward]
    forward[0] += parts * batch
    events = timetable(
        schedule,
        forward,
        [parts * seconds for seconds in backward],
        predictor,
        link_delay=delay + known["message"],
        minibatches=200,
        microbatches=parts,
        queue_size=QUEUE if schedule == "decoupled" else None,
    )
    work = sum(event.end - event.start for event in events) / 200
    least = work / min(os.cpu_count(), workers)
    return max(step_time(events), least)


def measure(cell, teams, fitting, rounds, delays):
    """Measures what is missing, round by round, and stores it.

    A round begins without delay, where it takes its costs from: again, if
    other delays were added to a round that is there.
    """
    for number in range(1, rounds + 1):
        todo = missing(cell, delays, number)
        known = {}
        for delay_ms in sorted({0.0, *todo}) if todo else ():
            turn = {**cell, "delay_ms": delay_ms, "round": number}
            delay, found = delay_ms / 1e3, []
            ran = {name: arm.steady(delay) for name, arm in teams.items()}
            if delay == 0:
                known = costs(teams, ran)
            for name, run in ran.items():
                guess = predicted(name, known, cell["workers"], delay)
                found.append(
                    row(turn, name, run.seconds, 1, guess, run.records)
                )
            if fitting is not None and delay == 0:
                found += [
                    row(turn, name, fitting.ask(name), os.cpu_count())
                    for name in FITS
                ]
            RESULTS.add(found)
    say(report(cell))


def missing(cell, delays, number):
    """Returns those of the delays, in ms, that a round lacks."""
    return [
        delay
        for delay in delays
        if not RESULTS.has(**cell, delay_ms=delay, round=number)
    ]


def row(turn, arm, seconds, threads, guess=None, records=()):
    ages = [age for record in records for age in record.staleness]
    return {
        **turn,
        "arm": arm,
        "ms": round(1e3 * seconds, 3),
        "predicted_ms": None if guess is None else round(1e3 * guess, 3),
        "staleness": round(float(np.mean(ages or 0)), 2),
        **machine(),
        "threads": threads,
    }


def measure_transports(cell, rounds, devices):
    """The same for `fit_async` with each kind of workers."""
    width, batch = cell["width"], cell["batch"]
    sizes = cut_sizes(width, cell["workers"])
    for number in range(1, rounds + 1):
        if not missing(cell, [0.0], number):
            continue
        turn, found = {**cell, "delay_ms": 0.0, "round": number}, []
        for schedule, workers in itertools.product(LINKS, ("threads", "ray")):
            history = dni.fit_async(
                cut_model(width, sizes),
                *arrays(400 * batch if width < 512 else 60 * batch),
                batch_size=batch,
                schedule=schedule,
                workers=workers,
                queue_size=QUEUE,
                modules=sizes,
                devices=devices if workers == "threads" else None,
            )
            seconds = 1 / history.steps_per_second
            found.append(row(turn, f"{schedule} {workers}", seconds, 1))
        RESULTS.add(found)
    say(report(cell))


def report(cell=None):
    """Returns a Markdown table of medians."""
    frame = RESULTS.table()
    for name, value in (cell or {}).items():
        frame = frame[frame[name] == value]
    table = frame.pivot_table(
        index=list(CELL),
        columns="arm",
        values="ms",
        aggfunc="median",
        sort=False,
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
    parser.add_argument("table", choices=(*ARMS, "transports", "report"))
    parser.add_argument(
        "--widths", nargs="+", type=tables.argument(tables.UNITS), default=[256]
    )
    parser.add_argument(
        "--batches", nargs="+", type=tables.argument(tables.BATCH), default=[64]
    )
    parser.add_argument(
        "--workers",
        nargs="+",
        type=tables.argument(tables.COUNT),
        default=[2, 3, 4, 8],
    )
    parser.add_argument(
        "--delays",
        nargs="+",
        type=tables.argument(tables.NUMBER),
        default=[0, 1, 2, 5, 10, 20],
        help="milliseconds",
    )
    parser.add_argument(
        "--rounds", type=tables.argument(tables.COUNT), default=5
    )
    options = parser.parse_args()
    if options.table == "report":
        say(report())
        return
    has_links = options.table in WITH_LINKS
    counts = options.workers if has_links else [2]
    devices = dni.worker_devices(max(counts))
    for width, batch, workers in itertools.product(
        options.widths, options.batches, counts
    ):
        cell = {
            "table": options.table,
            "width": width,
            "batch": batch,
            "workers": workers,
        }
        delays = {0.0, *options.delays} if has_links else {0.0}
        numbers = range(1, options.rounds + 1)
        if not any(missing(cell, delays, number) for number in numbers):
            continue
        if options.table == "transports":
            measure_transports(cell, options.rounds, devices)
            continue
        sizes = cut_sizes(width, workers)
        teams = {
            name: TeamArm(name, width, batch, sizes, devices[:workers])
            for name in ARMS[options.table]
        }
        alone = options.table == "links"
        beside = contextlib.nullcontext() if alone else fits(width, batch)
        with beside as fitting:
            measure(cell, teams, fitting, options.rounds, delays)


if __name__ == "__main__":
    main()
