"""The command line: `python -m dni_lesson lab`, `doctor`, `advise` and more.

Each command is imported only when it is asked for, so that `doctor` also runs
where TensorFlow or JupyterLab is missing.
"""

import argparse
import sys

from dni_lesson.terminal import prepare


def _lab(options, rest):
    from dni_lesson.kit import lab

    return lab.main(rest)


def _doctor(options, rest):
    from dni_lesson.kit import doctor

    return doctor.main()


def _benchmark(options, rest):
    from dni_lesson.experiments import command

    return command.main(rest)


def _advise(options, rest):
    from dni_lesson.kit import advise

    return advise.main(rest)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m dni_lesson",
        description="Lessons on Decoupled Neural Interfaces.",
    )
    commands = parser.add_subparsers(
        title="commands", metavar="command", required=True
    )
    lab = commands.add_parser(
        "lab",
        help="open the lessons in JupyterLab",
        description="Opens the lessons. Other options go to JupyterLab.",
    )
    lab.set_defaults(run=_lab, passes_on=True)
    doctor = commands.add_parser(
        "doctor",
        help="say what was found on this machine and what is wrong",
        description="Exit code 1 if a lesson could not run, else 0.",
    )
    doctor.set_defaults(run=_doctor, passes_on=False)
    advise = commands.add_parser(
        "advise",
        help="say how fast workers would train a model on this machine",
        add_help=False,  # It has a parser of its own.
    )
    advise.set_defaults(run=_advise, passes_on=True)
    benchmark = commands.add_parser(
        "benchmark",
        help="measure backprop against synthetic gradients",
        add_help=False,  # It has a parser of its own.
    )
    benchmark.set_defaults(run=_benchmark, passes_on=True)
    return parser


def main(arguments=None):
    """Runs one command and returns its exit code.

    Args:
        arguments: Sequence of strings. Defaults to the command line.
    """
    prepare()
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and not options.passes_on:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options.run(options, rest)


if __name__ == "__main__":
    sys.exit(main())
