"""The tables in data/results, and columns that several of them have."""

import argparse
import pathlib

from dni_lesson.experiments.machine import ENVIRONMENT
from dni_lesson.experiments.opponents import TRAINED
from dni_lesson.experiments.results import GROUP, SETTINGS
from dni_lesson.experiments.store import Column, ResultsError, Store

FOLDER = pathlib.Path(__file__).parent.parent / "data/results"
DEPTH, UNITS, SEED = GROUP["depth"], GROUP["units"], GROUP["seed"]
BATCH, EPOCHS = SETTINGS["batch_size"], SETTINGS["epochs"]
COUNT, NUMBER = Column(int, 1), Column(float)
PERCENT = Column(float, most=100)
DIGITS = Column(choices=("held out", "test"))  # Those that were looked at.
OUTCOME = {"staleness": NUMBER, "test_error_percent": PERCENT}


def table(name, key, measured, machine=ENVIRONMENT):
    """Returns the `Store` of a file in data/results.

    Ends the program with a sentence if the file is damaged.

    Args:
        name: String, the file's name without its ending.
        key: Dict of `Column`s: what tells a row from all others.
        measured: Dict of `Column`s: what was found.
        machine: Dict of `Column`s: where. Default: those of `environment`.
    """
    columns = {**key, **measured, **machine}
    try:
        return Store(FOLDER / f"{name}.csv", columns, key)
    except ResultsError as error:
        raise SystemExit(str(error)) from None


def argument(column):
    """Returns the `type` of a command's argument that goes to a column."""

    def convert(text):
        try:
            return column.value(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"expected {column}, received {text!r}"
            ) from None

    return convert


def outcome(history, model, x_test, y_test):
    """Returns what a `fit_async` came to, a dict with the keys of `OUTCOME`."""
    return {
        "staleness": mean_staleness(history),
        "test_error_percent": error_percent(model, x_test, y_test),
    }


def mean_staleness(history):
    """Returns the mean of the modules below the last, whose gradient is never
    late, in two digits."""
    return round(float(history.to_frame()["staleness"][:-1].mean()), 2)


def split(data):
    """Returns the digits to train on, those held out and those to test.

    Args:
        data: As from `load_mnist`.
    """
    (x, y), test = data
    return (x[:TRAINED], y[:TRAINED]), (x[TRAINED:], y[TRAINED:]), test


def error_percent(model, x_test, y_test):
    """Returns the share of wrong answers in percent, in two digits."""
    accuracy = model.evaluate(x_test, y_test, batch_size=1000, verbose=0)[1]
    return round(100 * (1 - accuracy), 2)
