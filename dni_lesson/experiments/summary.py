"""From rows to numbers: the three currencies, side by side."""

import warnings

from dni_lesson.experiments.experiment import ARMS

import numpy as np
import pandas as pd
import scipy.stats

TARGETS = (10.0, 5.0, 3.0)  # Test errors in percent.
GROUPED = ["depth", "units", "p"]  # Seeds are taken together.


def rounds(frame):
    """Returns a copy of the rows of a results file with derived columns.

    `steps` of the round, `ms` per iteration, `us_per_update` (microseconds per
    layer-update, NaN where no layer was updated), the sums so far `time`,
    `updates`; and, in comparison with the backprop arm of the same run and
    round, `per_iteration` and `per_update`: how many times as fast (NaN where
    backprop took no turn with it).
    """
    keys = ["run", "arm"]
    frame = frame.sort_values([*keys, "round"]).copy()
    grouped = frame.groupby(keys)
    frame["steps"] = grouped["step"].diff().fillna(frame["step"])
    frame["ms"] = 1e3 * frame["seconds"] / frame["steps"]
    updates = frame["layer_updates"].where(frame["layer_updates"] > 0)
    frame["us_per_update"] = 1e6 * frame["seconds"] / updates
    frame["time"] = grouped["seconds"].cumsum()
    frame["updates"] = grouped["layer_updates"].cumsum()
    base = frame[frame["arm"] == "backprop"].set_index(["run", "round"])
    index = pd.MultiIndex.from_frame(frame[["run", "round"]])
    for name, of in (("per_iteration", "ms"), ("per_update", "us_per_update")):
        frame[name] = base[of].reindex(index).to_numpy() / frame[of]
    return frame


def summary(frame, targets=TARGETS):
    """Returns one row for each depth, width, `p` and arm.

    Times and ratios are medians over all rounds of all seeds, with quartiles
    for the time. The error is the mean over seeds after the last round, with
    the 95 % interval of a bootstrap over seeds. Of two or three seeds that is
    the range from the lowest to the highest, which covers the mean less often.
    For each target, `time_to_5` and its like are medians over seeds of the
    seconds, iterations and layer-updates up to the first evaluation with at
    most that test error; NaN unless more than half of the seeds came there.

    Args:
        frame: Rows of `Results`.
        targets: Sequence of floats, test errors in percent.
    """
    table = []
    data = rounds(frame)
    for (*group, arm), rows in data.groupby([*GROUPED, "arm"]):
        low, median, high = rows["ms"].quantile([0.25, 0.5, 0.75])
        last = rows.groupby("seed").tail(1)["test_error"]
        error_low, error_high = interval(last)
        row = {
            **dict(zip(GROUPED, group, strict=True)),
            "arm": arm,
            "seeds": len(last),
            "macs": rows["macs"].iloc[0],
            "ms": median,
            "ms_low": low,
            "ms_high": high,
            "per_iteration": rows["per_iteration"].median(),
            "per_update": rows["per_update"].median(),
            "peak_mib": rows["peak_mib"].median(),
            "error": last.mean(),
            "error_low": error_low,
            "error_high": error_high,
        }
        for target in targets:
            row.update(_to_target(rows, target))
        table.append(row)
    order = [*ARMS].index
    table.sort(key=lambda row: (*map(row.get, GROUPED), order(row["arm"])))
    return pd.DataFrame(table)


def interval(values):
    """Returns the 95 % bootstrap interval of the mean, NaN for one value."""
    values = np.asarray(values, float)
    if len(values) < 2 or np.ptp(values) == 0:
        return (np.nan, np.nan) if len(values) < 2 else (values[0], values[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of few seeds, which we say ourselves.
        found = scipy.stats.bootstrap(
            (values,), np.mean, method="percentile", random_state=0
        )
    return tuple(found.confidence_interval)


def _to_target(rows, target):
    columns = ["time", "step", "updates"]
    arrived = rows[rows["test_error"] <= target]
    first = arrived.groupby("seed")[columns].first().astype(float)
    # Seeds that did not come there take longer than all others.
    every = first.reindex(rows["seed"].unique(), fill_value=np.inf)
    medians = every.median().replace(np.inf, np.nan)
    return {
        f"{name}_to_{target:g}": medians[column]
        for name, column in zip(
            ("time", "iterations", "updates"), columns, strict=True
        )
    }
