"""What the stored rows of asynchronous runs say.

`benchmarks/asynchrony.py` measured the time of a step, schedule after
schedule, in rounds in which all of them took a turn. A busy moment of the
machine hits a whole round, so schedules are compared inside a round, and the
median is taken over rounds. Every `frame` here is the table asynchrony.csv, or
some of its rows.
"""

from dni_lesson.schedules import CLAIM

import numpy as np
import pandas as pd

CELL = ["table", "width", "batch", "workers", "delay_ms"]
BEST_GPIPE = "best GPipe"
# The arms in the order in which tables show them.
ARMS = (
    "locked",
    BEST_GPIPE,
    "decoupled",
    "decoupled softmax",
    "decoupled greedy",
    "delayed",
    "backprop fit",
    "Keras fit",
)


def by_round(frame, values="ms"):
    """Returns one row for each cell and round, one column for each arm.

    The index is `CELL` and `"round"`. Of GPipe's numbers of micro-batches only
    the best is kept: the one with the smallest median in its cell.

    Args:
        values: String, the column to spread out. Default `"ms"`.
    """
    wide = frame.pivot(index=[*CELL, "round"], columns="arm", values=values)
    ms = frame.pivot(index=[*CELL, "round"], columns="arm", values="ms")
    gpipe = [name for name in wide if name.startswith("gpipe")]
    if gpipe:
        medians = ms[gpipe].groupby(CELL).transform("median")
        # Cells without GPipe stay empty.
        is_best = medians.eq(medians.min(axis=1), axis=0)
        wide[BEST_GPIPE] = wide[gpipe].where(is_best).min(axis=1)
    wide = wide[[name for name in ARMS if name in wide]]
    return wide.rename_axis(columns=None)


def _cells(table):
    """Groups a table by what tells its cells apart: one of `CELL` or more."""
    differ = [
        name
        for name in CELL
        if table.index.get_level_values(name).nunique() > 1
    ]
    return table.groupby(differ or ["width"])


def step_ms(frame):
    """Returns the medians over rounds of `by_round`, a row for each cell.

    The index holds those of `CELL` in which the rows differ.
    """
    return _cells(by_round(frame)).median()


def speeds(frame, base):
    """Returns how many times as fast as the arm `base` each arm is.

    A row for each cell, as in `step_ms`: medians over rounds of the ratios
    inside a round.
    """
    wide = by_round(frame)
    return _cells(wide.rdiv(wide[base], axis=0)).median()


def gains(frame):
    """Returns how many times as fast as locked the decoupled workers are.

    A row for each cell: `table`, `width`, `batch`, `workers`, `link_delay_ms`;
    `speedup`, `low` and `high`, the median, the lowest and the highest of the
    ratios inside a round; `predicted`, the median of what the timetable says.
    """
    measured, foretold = by_round(frame), by_round(frame, "predicted_ms")
    ratio = (measured["locked"] / measured["decoupled"]).groupby(CELL)
    predicted = (foretold["locked"] / foretold["decoupled"]).groupby(CELL)
    table = pd.DataFrame(
        {
            "speedup": ratio.median(),
            "low": ratio.min(),
            "high": ratio.max(),
            "predicted": predicted.median(),
        }
    ).reset_index()
    return table.rename(columns={"delay_ms": "link_delay_ms"})


def crossing(delays, speedups, speedup=CLAIM):
    """Returns the link delay from which on a speed-up is reached.

    Between two delays a straight line is assumed: a locked step grows by two
    delays for each boundary, a decoupled one does not grow.

    Args:
        delays: Sequence of floats, rising.
        speedups: Sequence of floats, the speed-up at each.
        speedup: Float. Default: the claim, 3.

    Returns:
        Float in the unit of the delays; the first delay if no speed-up is
        lower, NaN if the last one is.

    Example:

    >>> crossing([0, 1, 2], [2.0, 2.5, 3.5])
    1.5
    """
    delays, speedups = np.asarray(delays), np.asarray(speedups)
    short = np.flatnonzero(speedups < speedup)
    if not len(short):
        return float(delays[0])
    k = short[-1]
    if k + 1 == len(delays):
        return float("nan")
    return float(np.interp(speedup, speedups[k : k + 2], delays[k : k + 2]))


def crossings(table, speedup=CLAIM):
    """Returns the link delays, in ms, at which each team crosses a speed-up.

    Args:
        table: `pandas.DataFrame` as from `gains`.
        speedup: Float. Default: the claim, 3.

    Returns:
        `pandas.DataFrame` with the index `width`, `workers` and the columns
        `measured` and `predicted`.
    """
    columns = {"measured": "speedup", "predicted": "predicted"}
    delays = {}
    for team, rows in table.groupby(["width", "workers"]):
        rows = rows.sort_values("link_delay_ms")
        delays[team] = {
            name: crossing(rows["link_delay_ms"], rows[column], speedup)
            for name, column in columns.items()
        }
    return pd.DataFrame(delays).T.rename_axis(["width", "workers"])
