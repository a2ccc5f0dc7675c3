"""`python -m dni_lesson benchmark`: runs, continues and reports."""

import argparse
import dataclasses
import pathlib
import sys
import time

# First of all: it loads TensorFlow without its start-up lines.
from dni_lesson import _quiet as _quiet
from dni_lesson.benchmark import report, running
from dni_lesson.benchmark.experiment import ARMS, PLACED, PRESETS
from dni_lesson.benchmark.results import Results

import tensorflow as tf


def main(arguments=None):
    """Runs the command and returns its exit code.

    Args:
        arguments: Sequence of strings. Defaults to the command line.
    """
    options = _parser().parse_args(arguments)
    if options.list:
        for name, text in ARMS.items():
            print(f"{name:19}{text}")
        return 0
    try:
        return _run(options)
    except (ValueError, OSError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. What was finished is in {options.out}; the same "
            "command goes on from there.",
            file=sys.stderr,
        )
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m dni_lesson benchmark",
        description="Trains backprop and synthetic gradients side by side and "
        "measures speed and accuracy. An interrupted benchmark goes on where "
        "it stopped. Other options change the preset.",
    )
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        default="quick",
        help="quick: the bundled digits, under two minutes on two cores; full: "
        "MNIST, eight arms, depths 3 to 6, three seeds; forensic: MNIST, how "
        "counting and skipping make an arm look fast (default: quick)",
    )
    parser.add_argument("--arms", nargs="+", metavar="ARM")
    parser.add_argument("--data", help="digits or mnist")
    for name in ("depths", "units", "seeds"):
        parser.add_argument(f"--{name}", nargs="+", type=int, metavar="N")
    for name in ("epochs", "batch-size", "rounds", "validation", "refresh"):
        parser.add_argument(f"--{name}", type=int, metavar="N")
    parser.add_argument("--learning-rate", type=float, metavar="X")
    parser.add_argument("--p", nargs="+", type=float, metavar="X")
    parser.add_argument("--device", help="CPU or GPU (default: a GPU if any)")
    path = pathlib.Path("benchmark.csv")
    parser.add_argument(
        "--out", type=pathlib.Path, default=path, help=f"rows (default: {path})"
    )
    parser.add_argument(
        "--report",
        type=pathlib.Path,
        metavar="FILE",
        help="write the report here as well: .md, or .html with the figures",
    )
    for name, what in (("list", "the arms are"), ("dry-run", "would run")):
        parser.add_argument(
            f"--{name}", action="store_true", help=f"say what {what}, and stop"
        )
    return parser


def _run(options):
    if options.report:
        report.check_path(options.report)
    experiment = _experiment(options)
    results = Results(options.out)
    groups = [
        (group, arms)
        for group in experiment.groups()
        if (arms := results.missing(experiment, group))
    ]
    print(experiment)
    runs = sum(len(arms) for _, arms in groups)
    total = len(experiment.groups()) * len(experiment.arms)
    print(f"{runs} of {total} runs to do, rows in {options.out}")
    data = running.load(experiment)
    expected = running.seconds_for(experiment, groups, data)
    clock = Clock(sum(expected))
    print(f"about {clock} on this machine")
    if options.dry_run:
        return 0
    for number, (group, arms) in enumerate(groups):
        name = f"group {number + 1}/{len(groups)} {tuple(group)}"
        progress = _progress(name, clock, expected[number])
        rows = running.run_group(experiment, group, arms, data, progress)
        results.add(rows)
    print(report.markdown(results.frame))
    if options.report:
        report.write(options.report, results.frame)
    return 0


def _experiment(options):
    """Returns the preset with what the options change.

    Where there are several GPUs it has the arms that use them, too.
    """
    preset = PRESETS[options.preset]
    names = [field.name for field in dataclasses.fields(preset)]
    chosen = {name: getattr(options, name) for name in names}
    given = {name: one for name, one in chosen.items() if one is not None}
    experiment = dataclasses.replace(preset, **given)
    several = len(tf.config.list_physical_devices("GPU")) > 1
    if several and experiment.device == "GPU" and options.arms is None:
        arms = experiment.arms + PLACED
        return dataclasses.replace(experiment, arms=arms)
    return experiment


def _progress(name, clock, expected):
    """Returns a function that prints what is done of one group."""

    def on_round(done, total):
        clock.advance(expected / total)
        line = f"{name}, round {done}/{total}, {clock} left"
        end = "\n" if done == total else ""
        print(f"\r{line:78}", end=end, flush=True)

    return on_round


class Clock:
    """Time left, from an estimate that the work done so far corrects."""

    def __init__(self, expected):
        self._expected, self._done = expected, 0.0
        self._start = time.perf_counter()

    def advance(self, expected):
        """Notes that what was expected to take so many seconds is done."""
        self._done += expected

    def __str__(self):
        left = self._expected - self._done
        if self._done:
            left *= (time.perf_counter() - self._start) / self._done
        return f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
