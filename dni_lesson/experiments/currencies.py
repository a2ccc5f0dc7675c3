"""How fast a rule is, measured in three currencies or counted.

An iteration, a layer-update and a second are the currencies in which a rule can
be called fast. A "3-fold" headline can come about without anything asynchronous
if they are mixed; the rows hold each ingredient as an arm of its own, and
`speedup_chain` puts them together one after the other. `count` says what
multiply-accumulates alone would make of it.
"""

import functools
from typing import NamedTuple

from dni_lesson.checks import check_positive
from dni_lesson.costs import layer_macs, module_macs, step_macs
from dni_lesson.experiments.experiment import ARMS
from dni_lesson.networks import mlp
from dni_lesson.schedules.cuts import best_cut, join
from dni_lesson.schedules.speed import (
    CLAIM,
    fewest_workers,
    max_speedup,
    needed_delay,
)

import numpy as np
import pandas as pd

TARGETS = (10.0, 5.0, 3.0)  # Test errors in percent.
GROUPED = ["depth", "units", "p"]  # Seeds are taken together.
# What each link of the chain changes, and what it is called in a picture.
LINKS = {
    "backprop": "backprop, bare",
    "predictors": "with predictors: cDNI, one call",
    "calls": "a call for each layer, each\nwith a forward pass of its own",
    "skipping": "each layer with probability p,\nidle iterations left out",
    "idle": "idle iterations counted\nas iterations",
    "logging": "backprop's bookkeeping\ninside its clock",
    "both": "that of stochastic updates, too,\nwhen the top layer learns",
}

_CHAIN_ARMS = (
    "backprop",
    "cdni",
    "stochastic",
    "backprop-logged",
    "stochastic-logged",
)


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
    the range from the lowest to the highest seed, NaN for one seed. For each
    target, `time_to_5` and its like are medians over seeds of the seconds,
    iterations and layer-updates up to the first evaluation with at most that
    test error; NaN unless more than half of the seeds came there.

    Args:
        frame: Rows of `Results`.
        targets: Sequence of floats, test errors in percent.
    """
    table = []
    data = rounds(frame)
    for (*group, arm), rows in data.groupby([*GROUPED, "arm"]):
        low, median, high = rows["ms"].quantile([0.25, 0.5, 0.75])
        last = rows.groupby("seed").tail(1)["test_error"]
        lowest, highest = last.agg(["min", "max"])
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
            "error_low": lowest if len(last) > 1 else np.nan,
            "error_high": highest if len(last) > 1 else np.nan,
        }
        for target in targets:
            row.update(_to_target(rows, target))
        table.append(row)
    order = {arm: number for number, arm in enumerate(ARMS)}
    table.sort(  # A rule of one's own comes last.
        key=lambda row: (
            *map(row.get, GROUPED),
            order.get(row["arm"], len(order)),
        )
    )
    return pd.DataFrame(table)


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


def speedup_chain(frame, p):
    """Takes a "speed-up" per iteration apart.

    Every entry is the speed of what was built so far, in iterations a second,
    as a multiple of backprop's; each differs from the one before by a single
    change. An iteration is idle if no layer was drawn; with L layers a share
    `(1 - p)**L` of them is.

    Args:
        frame: Rows of `Results`: one depth and width; the arms `backprop`,
            `cdni`, `stochastic`, `backprop-logged` and `stochastic-logged`;
            `p` and 1 among the probabilities.
        p: Float in (0, 1], the probability of the headline.

    Returns:
        `pandas.DataFrame` with one row for each of `LINKS` and the columns
        `link`; `measured`, the speed-up so far, a median over rounds; `ratio`,
        by how much the link multiplies it; `counted`, the speed-up so far if
        multiply-accumulates were all that takes time.

    Raises:
        ValueError: If the rows lack what the chain needs.
    """
    check_positive("p", p, at_most=1)
    speeds = _speeds(frame).dropna()  # Of what took turns with backprop.
    wanted = [(arm, p) for arm in _CHAIN_ARMS] + [("stochastic", 1)]
    missing = [key for key in wanted if key not in speeds.index]
    shapes = frame[["depth", "units"]].drop_duplicates()
    if missing or len(shapes) != 1:
        raise ValueError(
            "`frame`. Expected rows of one depth and width with the arms and "
            f"probabilities {wanted}. Received: {len(shapes)} shapes, without "
            f"{missing}"
        )
    busy = 1 - (1 - p) ** int(shapes["depth"].iloc[0])
    chain = pd.DataFrame({"link": list(LINKS)})
    for name in ("measured", "counted"):
        speed = speeds[name]
        chain[name] = [
            1.0,
            speed["cdni", p],
            speed["stochastic", 1],
            speed["stochastic", p] * busy,
            speed["stochastic", p],
            speed["stochastic", p] / speed["backprop-logged", p],
            speed["stochastic-logged", p] / speed["backprop-logged", p],
        ]
    before = chain["measured"].shift(fill_value=1.0)
    return chain.assign(ratio=chain["measured"] / before)


def _speeds(frame):
    """Returns iterations a second against backprop, by arm and `p`."""
    data = rounds(frame)
    base = data[data["arm"] == "backprop"].drop_duplicates("run")
    macs = data["run"].map(base.set_index("run")["macs"])
    data = data.assign(counted=macs / data["macs"])
    grouped = data.groupby(["arm", "p"])
    columns = {"per_iteration": "measured", "counted": "counted"}
    return grouped[list(columns)].median().rename(columns=columns)


def p_that_gives(speedup, p, speeds):
    """Returns the probability at which the speed per iteration is so high.

    Between two measured probabilities a power law is assumed.

    Args:
        speedup: Float > 0.
        p: Sequence of floats, the measured probabilities.
        speeds: Sequence of floats, speed-ups that fall as `p` rises.

    Returns:
        Float, NaN if the speed-up is outside of what was measured.

    Example:

    >>> round(p_that_gives(3, [0.1, 0.2, 1], [4, 2, 0.4]), 3)
    0.133
    """
    order = np.argsort(speeds)
    known = np.log(np.array([speeds, p])[:, order])
    found = np.interp(np.log(speedup), *known, left=np.nan, right=np.nan)
    return float(np.exp(found))


class Counts(NamedTuple):
    """How many times as fast as backprop, in four ways of counting.

    Attributes:
        per_iteration: Float, an iteration in which each layer is updated with
            probability p, in a call of its own.
        per_update: Float, a layer-update in such a call.
        one_call: Float, an iteration in which all layers are updated.
        most: Float, the bound with several workers.
        workers: Integer or `None`, how many workers 3-fold takes at least.
        delay: Float or `None`, the link delay, as a share of a backprop step,
            from which the workers are 3 times as fast as locked ones over the
            same cut; `None` if the best cut is no cut.
    """

    per_iteration: float
    per_update: float
    one_call: float
    most: float
    workers: int | None
    delay: float | None


def count(p, depth, units, predictor, workers):
    """Returns the `Counts` of the course's MLP with cDNI.

    Args:
        p: Float in (0, 1].
        depth: Integer >= 2, weight layers.
        units: Integer >= 1, the width of the hidden layers.
        predictor: What predicts gradients, as for `mlp`.
        workers: Integer >= 1.

    Example:

    >>> from dni_lesson.experiments import count
    >>> round(count(0.2, 4, 256, "linear", workers=4).most, 2)
    1.49
    """
    backprop, one_call, calls, costs = _macs(depth, units, predictor)
    parts = join(best_cut(*costs, workers), *costs)
    has_links = len(parts[0]) > 1
    return Counts(
        per_iteration=backprop / (p * calls),
        per_update=backprop / calls,
        one_call=backprop / one_call,
        most=max_speedup(*parts),
        workers=fewest_workers(CLAIM, *costs),
        delay=needed_delay(CLAIM, *parts) / backprop if has_links else None,
    )


@functools.lru_cache
def _macs(depth, units, predictor):
    model = mlp(depth, units, "cdni", predictor=predictor)
    calls = sum(layer_macs(model, k) for k in range(depth))
    backprop = step_macs(mlp(depth, units, "backprop"))
    return backprop, step_macs(model), calls, module_macs(model)
