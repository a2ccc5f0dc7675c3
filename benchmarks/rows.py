"""Rows of measurements in a CSV file, added as soon as they are made."""

import csv

import pandas as pd


def read(path):
    """Returns the rows that are there, a DataFrame; empty without a file."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def has(path, **cell):
    """Returns whether there is a row with these values."""
    frame = read(path)
    for name, value in cell.items():
        if frame.empty:
            return False
        # An empty string is stored as an empty field.
        frame = frame[frame[name].astype(object).fillna("") == value]
    return not frame.empty


def outcome(history, model, x_test, y_test):
    """Returns what a `fit_async` came to, a dict of two columns.

    `staleness` is the mean of the modules below the last, whose gradient is
    never late.
    """
    staleness = history.to_frame()["staleness"][:-1].mean()
    return {
        "staleness": round(float(staleness), 2),
        "test_error_percent": error_percent(model, x_test, y_test),
    }


def error_percent(model, x_test, y_test):
    """Returns the share of wrong answers in percent, in two digits."""
    accuracy = model.evaluate(x_test, y_test, batch_size=1000, verbose=0)[1]
    return round(100 * (1 - accuracy), 2)


def append(path, rows):
    """Adds a list of dicts with the same keys."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows(rows)
