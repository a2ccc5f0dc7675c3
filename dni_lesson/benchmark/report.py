"""From rows to a table: the three currencies, side by side."""

import warnings

from dni_lesson.benchmark.experiment import ARMS

import numpy as np
import pandas as pd
import scipy.stats

TARGETS = (10.0, 5.0, 3.0)  # Test errors in percent.


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
    """Returns one row for each depth, width and arm.

    Times and ratios are medians over all rounds of all seeds, with quartiles
    for the time. The error is the mean over seeds after the last round, with
    the 95 % interval of a bootstrap over seeds; three seeds make a rough one.
    For each target, `time_to_5` and its like are medians over seeds of the
    seconds, iterations and layer-updates up to the first evaluation with at
    most that test error; NaN unless more than half of the seeds came there.

    Args:
        frame: Rows of `Results`.
        targets: Sequence of floats, test errors in percent.
    """
    table = []
    data = rounds(frame)
    order = {name: k for k, name in enumerate(ARMS)}
    for (depth, units, arm), rows in data.groupby(["depth", "units", "arm"]):
        low, median, high = rows["ms"].quantile([0.25, 0.5, 0.75])
        last = rows.groupby("seed").tail(1)["test_error"]
        error_low, error_high = interval(last)
        row = {
            "depth": depth,
            "units": units,
            "arm": arm,
            "seeds": len(last),
            "macs": rows["macs"].iloc[0],
            "ms": median,
            "ms_low": low,
            "ms_high": high,
            "per_iteration": rows["per_iteration"].median(),
            "per_update": rows["per_update"].median(),
            "error": last.mean(),
            "error_low": error_low,
            "error_high": error_high,
        }
        for target in targets:
            row.update(_to_target(rows, target))
        table.append(row)
    table.sort(key=lambda row: (row["depth"], row["units"], order[row["arm"]]))
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
    first = rows[rows["test_error"] <= target].groupby("seed").head(1)
    reached = len(first) > rows["seed"].nunique() / 2
    medians = first[["time", "step", "updates"]].median() if reached else None
    return {
        f"{name}_to_{target:g}": np.nan if medians is None else medians[column]
        for name, column in (
            ("time", "time"),
            ("iterations", "step"),
            ("updates", "updates"),
        )
    }


def markdown(frame, targets=TARGETS):
    """Returns the report of a results file as Markdown."""
    table = summary(frame, targets)
    lines = [
        "# Backprop against synthetic gradients: measured",
        "",
        "{data}, batch {batch_size}, {epochs} epochs, Adam {learning_rate:g}; "
        "n = {refresh}. Device {device} ({device_name}), {cpu}, {cores} cores, "
        "{threads} threads; TensorFlow {tensorflow}, Keras {keras}, Python "
        "{python}, commit {commit}.".format(**frame.iloc[0]),
        "",
        "Times are medians over rounds in which the arms took turns; the",
        "columns *x as fast* compare with backprop inside a round. Errors are",
        "test errors, mean over seeds and 95 % bootstrap interval (rough where",
        "seeds are few). Compiling and evaluating do not count.",
    ]
    for (depth, units), rows in table.groupby(["depth", "units"], sort=False):
        lines += ["", f"## {depth} layers of {units} units", ""]
        lines += _markdown_table(rows, targets)
    lines += ["", "## The arms", ""]
    used = set(table["arm"])
    lines += [
        f"- `{arm}`: {text}." for arm, text in ARMS.items() if arm in used
    ]
    return "\n".join([*lines, ""])


def _markdown_table(rows, targets):
    head = [
        "arm",
        "seeds",
        "MACs",
        "ms an iteration",
        "x as fast an iteration",
        "x as fast a layer-update",
        "test error %",
        *(f"s to {target:g} %" for target in targets),
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows.to_dict("records"):
        cells = [
            row["arm"],
            row["seeds"],
            f"{row['macs'] / 1e6:.2f} M",
            f"{row['ms']:.2f} ({row['ms_low']:.2f} to {row['ms_high']:.2f})",
            _number(row["per_iteration"]),
            _number(row["per_update"]),
            f"{row['error']:.2f} ({_number(row['error_low'])} to "
            f"{_number(row['error_high'])})",
            *(_number(row[f"time_to_{target:g}"]) for target in targets),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def _number(value):
    return "-" if np.isnan(value) else f"{value:.2f}"
