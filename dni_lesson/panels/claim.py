"""The panel of lesson 05: one network, counted in several ways."""

import functools

from dni_lesson.experiments import count, rounds
from dni_lesson.panels.panel import Explorer, choices, slider
from dni_lesson.plots import COLORS
from dni_lesson.plots.style import ratio_axis, write_beside
from dni_lesson.schedules import CLAIM

import numpy as np
from matplotlib.figure import Figure

_PREDICTORS = {
    "linear": "linear",
    "softmax": "softmax",
    "1 x 256": (256,),
    "1 x 1024": (1024,),
    "2 x 1024": (1024, 1024),
}
_WIDTHS = (64, 128, 256, 512, 1024)


class ClaimPanel(Explorer):
    """Shows how fast cDNI is, counted in four ways.

    Bars are counts of multiply-accumulates, for any setting; ticks across them
    are measured speeds, for settings that the rows hold.

    Args:
        frame: Rows of the benchmark's `Results`. Default: none.

    Example:

    >>> ClaimPanel()
    <ClaimPanel: the speed-up, counted in four ways>
    """

    def __init__(self, frame=None):
        rows = {} if frame is None else _median_speeds(frame)
        super().__init__(
            "ClaimPanel: the speed-up, counted in four ways",
            functools.partial(claim, rows),
            {
                "p": slider("probability p", 0.05, 1.0, 0.2, step=0.05),
                "depth": slider("layers", 3, 8, 4),
                "units": choices("units", _WIDTHS, 256),
                "predictor": choices("predictor", list(_PREDICTORS), "linear"),
                "workers": slider("workers", 2, 8, 4),
            },
        )


def claim(rows, p, depth, units, predictor, workers):
    """Draws the four counts as bars around 1, on a logarithmic axis.

    Args:
        rows: Dict from `(depth, units, p, arm)` to a pair of floats, measured:
            the speed per iteration and per layer-update, as multiples of
            backprop's.
        p: Float in (0, 1], the probability that a layer is updated.
        depth: Integer >= 2, weight layers.
        units: Integer >= 1, the width of the hidden layers.
        predictor: String, one of the panel's predictors.
        workers: Integer >= 1.

    Returns:
        `(figure, words)`.
    """
    p = round(p, 2)
    counts = count(p, depth, units, _PREDICTORS[predictor], workers)
    # The cDNI of the benchmark has linear predictors.
    is_measured = predictor == "linear"
    measured = _measured(rows, p, depth, units) if is_measured else {}
    figure = Figure(figsize=(9, 3), layout="constrained")
    _draw(figure.subplots(), counts, measured, workers)
    return figure, _say(counts, measured, p, depth, workers)


def _median_speeds(frame):
    keys = ["depth", "units", "p", "arm"]
    columns = ["per_iteration", "per_update"]
    medians = rounds(frame).groupby(keys)[columns].median()
    return {
        (depth, units, round(p, 2), arm): tuple(speeds)
        for (depth, units, p, arm), *speeds in medians.itertuples()
    }


def _measured(rows, p, depth, units):
    """Returns the measured speeds of a setting, by field of `Counts`."""
    measured = {}
    if speeds := rows.get((depth, units, p, "stochastic")):
        measured["per_iteration"], measured["per_update"] = speeds
    one_call = [
        per_iteration
        for (d, u, _, arm), (per_iteration, _) in rows.items()
        if (d, u, arm) == (depth, units, "cdni")
    ]
    if one_call:
        measured["one_call"] = float(np.median(one_call))
    return measured


def _draw(ax, counts, measured, workers):
    names = {
        "per_iteration": "stochastic updates,\nper iteration",
        "per_update": "stochastic updates,\nper layer-update",
        "one_call": "every layer, one call,\none device",
        "most": f"{workers} workers,\nat most",
    }
    values = [getattr(counts, name) for name in names]
    colors = [COLORS["synthetic"], *3 * [COLORS["forward"]]]
    rows = range(len(names))
    ax.barh(rows, np.subtract(values, 1), left=1, height=0.6, color=colors)
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        write_beside(ax, row, f"{value:.2f} x")
        if name in measured:
            ends = row - 0.4, row + 0.4
            ax.vlines(measured[name], *ends, color="black", lw=2)
    ax.set_yticks(rows, names.values())
    ax.invert_yaxis()
    ax.axvline(1, color="black", linewidth=0.8)
    ratio_axis(ax, "x", [*values, *measured.values(), 0.2])
    ax.set_xlabel("times as fast as backprop; black ticks: measured")
    ax.spines[["top", "right"]].set_visible(False)


def _say(counts, measured, p, depth, workers):
    def speed(name):
        words = f"{getattr(counts, name):.2f} times as fast as backprop"
        if name in measured:
            words += f" (measured: {measured[name]:.2f})"
        return words

    needed = (
        "no number of workers is enough, however the layers are shared out"
        if counts.workers is None
        else f"at least {counts.workers} workers are needed"
    )
    return (
        f"Each layer with probability {p:g}, counted per iteration: "
        f"{speed('per_iteration')}; {(1 - p) ** depth:.0%} of the iterations "
        f"do nothing. The same, counted per layer-update: "
        f"{speed('per_update')}. Every layer in one call on one device: "
        f"{speed('one_call')}. Shared among {workers} workers: at most "
        f"{counts.most:.2f} times. For {CLAIM:g} times by asynchrony {needed}."
        + _say_delay(counts)
    )


def _say_delay(counts):
    if counts.delay is None:
        return ""
    return (
        f" Against locked workers over the same cut, links that take "
        f"{counts.delay:.2f} backprop steps or more are enough."
    )
