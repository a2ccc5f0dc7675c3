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


def append(path, rows):
    """Adds a list of dicts with the same keys."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows(rows)
