"""`python -m dni_lesson benchmark`: runs, continues and reports.

TensorFlow and what stands on it are loaded when there is something to run, so
that `--help` comes at once, and where TensorFlow is missing, too.
"""

import argparse
import dataclasses
import pathlib
import sys

from dni_lesson.experiments.experiment import (
    ARMS,
    PLACED,
    PRESETS,
    VARIED,
    Experiment,
)
from dni_lesson.experiments.files import REPORTS, check_file
from dni_lesson.terminal import say

_HELP = {
    "data": "digits or mnist",
    "device": "CPU or GPU (default: a GPU if any)",
}


def main(arguments=None):
    """Runs the command and returns its exit code.

    Args:
        arguments: Sequence of strings. Defaults to the command line.
    """
    options = _parser().parse_args(arguments)
    if options.list:
        for name, recipe in ARMS.items():
            say(f"{name:19}{recipe.text}")
        return 0
    try:
        check_file("out", options.out, (".csv",), makes_folder=True)
        if options.report:
            check_file("report", options.report, REPORTS, options.out)
        return _run(options)
    except ImportError as error:
        print(f"The benchmark cannot be loaded: {error}", file=sys.stderr)
        print(
            "Say what is wrong with: python -m dni_lesson doctor",
            file=sys.stderr,
        )
        return 1
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
    for field in dataclasses.fields(Experiment):
        several = field.name in VARIED
        example = field.default[0] if several else field.default
        kind = str if example is None else type(example)
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            nargs="+" if several else None,
            type=kind,
            metavar={int: "N", float: "X"}.get(kind),
            help=_HELP.get(field.name),
        )
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
    from dni_lesson.experiments import report, running
    from dni_lesson.experiments.machine import environment
    from dni_lesson.experiments.results import Results

    import keras
    import tensorflow as tf

    experiment = _experiment(options)
    machine = environment(experiment.device)
    results = Results(options.out)
    groups = _todo(experiment, results, machine)
    say(experiment)
    runs = sum(len(rest.arms) for _, rest in groups)
    total = len(experiment.groups()) * len(experiment.arms)
    say(f"{runs} of {total} runs to do, rows in {options.out}")
    others = {row["commit"] for row in results.rows} - {machine["commit"]}
    if others and runs < total:
        say(
            f"some of the others are of commit {', '.join(sorted(others))}, "
            "and count: name another file to measure them again"
        )
    data = running.load(experiment)
    rounds = [experiment.epochs * experiment.rounds - r.done for _, r in groups]
    if options.dry_run:
        for (group, rest), left in zip(groups, rounds, strict=True):
            say(f"{group}: {left} rounds of {', '.join(rest.arms)}")
        return 0
    bar = keras.utils.Progbar(sum(rounds), unit_name="round")
    for group, rest in groups:
        with tf.device(experiment.device):
            for rows in running.run_rounds(experiment, group, rest, data):
                results.add(rows)
                _advance(bar)
    say(report.markdown(results.frame))
    if options.report:
        report.write(options.report, results.frame)
    return _left(experiment, results, machine)


def _advance(bar):
    try:
        bar.add(1)
    except BrokenPipeError:  # Nobody reads any more: see `say`.
        say("")


def _todo(experiment, results, machine):
    """Returns pairs of a `Group` and a `Rest` of it."""
    return [
        (group, rest)
        for group in experiment.groups()
        for rest in results.rest(experiment, group, machine)
    ]


def _left(experiment, results, machine):
    """Returns the exit code, and says what is left to do if anything is."""
    left = sum(
        len(rest.arms) for _, rest in _todo(experiment, results, machine)
    )
    if left:
        print(
            f"Another benchmark had begun {left} of these runs in this file. "
            "If it does not end them, the same command goes on with them.",
            file=sys.stderr,
        )
    return 2 if left else 0


def _experiment(options):
    """Returns the preset with what the options change.

    Where there are several GPUs it has the arms that use them, too.
    """
    import tensorflow as tf

    names = {field.name for field in dataclasses.fields(Experiment)}
    chosen = {
        name: value
        for name, value in vars(options).items()
        if name in names and value is not None
    }
    experiment = Experiment(**{**PRESETS[options.preset], **chosen})
    several = len(tf.config.list_physical_devices("GPU")) > 1
    if several and experiment.device == "GPU" and options.arms is None:
        arms = experiment.arms + PLACED
        return dataclasses.replace(experiment, arms=arms)
    return experiment
