"""What the stored rows say of every schedule at its best.

`benchmarks/opponents.py` counted the passes over the data until an error is
reached, for several batch sizes and learning rates; `benchmarks/asynchrony.py`
timed the steps (its table `opponents`). Their product is the time to an error.

Locked workers learn what backprop learns, and so does one process, which has no
link to cross: `"backprop fit"` has the passes of `"locked"` and a time of its
own, the same at every delay.
"""

import numpy as np
import pandas as pd

TRAINED = 55_000  # digits in a pass
TARGETS = (2.5, 2.0)  # Percent of wrong answers.
SYNCHRONOUS = ("locked", "gpipe-4")
PROCESS = "backprop fit"
SETTING = ["arm", "batch", "learning_rate"]


def seconds(runs, steps):
    """Returns the seconds to each error, one row a run, delay and target.

    Args:
        runs: `pandas.DataFrame`, the table opponents.csv or some of its rows.
        steps: `pandas.DataFrame`, rows of asynchrony.csv for one team.

    Returns:
        `pandas.DataFrame` with the columns of `SETTING`, `delay_ms`, `digits`,
        `seed`, `target`, `passes`, `staleness`, `ms` and `seconds`; NaN where
        the error was not reached. Passes count at every delay, wherever they
        were counted.
    """
    process = runs[runs["arm"] == "locked"].assign(arm=PROCESS)
    runs = pd.concat([runs, process], ignore_index=True)
    keys = [*SETTING, "digits", "seed", "staleness"]
    parts = [
        runs[keys].assign(target=target, passes=runs[f"passes_to_{target}"])
        for target in TARGETS
    ]
    table = pd.concat(parts, ignore_index=True)
    table = table.merge(_step_ms(steps), on=["arm", "batch"])
    per_pass = np.ceil(TRAINED / table["batch"]) * table["ms"] / 1e3
    return table.assign(seconds=table["passes"] * per_pass)


def _step_ms(steps):
    """Returns `ms`, medians over rounds, at each arm, batch and `delay_ms`."""
    delays = steps[["delay_ms"]].drop_duplicates()
    alone = steps[steps["arm"] == PROCESS].drop(columns="delay_ms")
    steps = pd.concat(
        [steps[steps["arm"] != PROCESS], alone.merge(delays, how="cross")]
    )
    medians = steps.groupby(["arm", "batch", "delay_ms"])["ms"].median()
    return medians.reset_index()


def fastest(runs, steps):
    """Returns the settings with the least seconds on the digits held out.

    One row of `seconds` for each arm, delay and target that some setting
    reaches.
    """
    chosen = seconds(runs[runs["digits"] == "held out"], steps)
    chosen = chosen.dropna(subset=["seconds"])
    groups = chosen.groupby(["arm", "delay_ms", "target"])
    return chosen.loc[groups["seconds"].idxmin()].reset_index(drop=True)


def tested(runs, steps):
    """Returns the rows of `seconds` of those settings on the test digits."""
    keys = [*SETTING, "delay_ms", "target"]
    chosen = fastest(runs, steps)[keys]
    return chosen.merge(seconds(runs[runs["digits"] == "test"], steps), on=keys)


def mean_seconds(table):
    """Returns the means over seeds, NaN where a seed does not get there.

    Args:
        table: `pandas.DataFrame` as from `tested`.

    Returns:
        `pandas.DataFrame` with the index `target`, `arm`, a column a delay.
    """
    return table.pivot_table(
        index=["target", "arm"],
        columns="delay_ms",
        values="seconds",
        aggfunc=lambda one: one.mean(skipna=False),
        dropna=False,
    )


def gains(runs, steps, agreement, target=TARGETS[0]):
    """Returns what decoupled workers gain over locked ones with their settings.

    Time to an error is passes times the time of a pass. The gain is therefore
    a ratio of paces, which the timetable foretells, times a ratio of passes,
    for which the cosine of synthetic and true gradients is the guess here.

    Args:
        runs, steps: As for `seconds`.
        agreement: `pandas.DataFrame`, the table agreement.csv.
        target: Float, one of `TARGETS`.

    Returns:
        `pandas.DataFrame`, one row for each delay and each setting with which
        locked workers reach the error on the digits held out: the columns of
        `SETTING`, `delay_ms`; `pace` and `passes`, the two ratios; `gain`,
        their product, 0 if decoupled workers never reach the error; and
        `told_pace`, `cosine` and `told_gain`, what was foretold of these three.
    """
    settings = ["batch", "learning_rate", "delay_ms"]
    table = seconds(runs[runs["digits"] == "held out"], steps)
    table = table[table["target"] == target].merge(_told_ms(steps))
    locked = table[table["arm"] == "locked"].dropna(subset=["passes"])
    mine = table[table["arm"].str.startswith("decoupled")]
    pairs = mine.merge(locked, on=settings, suffixes=("", "_locked"))
    pairs = pairs.merge(agreement[[*SETTING, "cosine"]], on=SETTING)
    pairs["pace"] = pairs["ms_locked"] / pairs["ms"]
    pairs["passes"] = (pairs["passes_locked"] / pairs["passes"]).fillna(0)
    pairs["gain"] = pairs["pace"] * pairs["passes"]
    pairs["told_pace"] = pairs["predicted_ms_locked"] / pairs["predicted_ms"]
    pairs["told_gain"] = pairs["told_pace"] * pairs["cosine"]
    found = ["pace", "passes", "gain", "told_pace", "cosine", "told_gain"]
    return pairs[[*SETTING, "delay_ms", *found]]


def _told_ms(steps):
    keys = ["arm", "batch", "delay_ms"]
    return steps.groupby(keys)["predicted_ms"].median().reset_index()
