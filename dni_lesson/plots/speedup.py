"""What a speed-up is made of, and what it depends on."""

from dni_lesson.plots.style import COLORS
from dni_lesson.schedules.speed import CLAIM

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import NullLocator

_INK = "#333333"


def plot_chain(links, measured, counted=None, ax=None):
    """Draws how a speed-up is put together, one change after the other.

    Each bar reaches from the speed-up before a change to the one after it;
    changes that raise it are vermilion, those that lower it grey.

    Args:
        links: Sequence of strings, what was changed; the first is the start.
        measured: Sequence of floats, the speed-up so far.
        counted: Sequence of floats, the same by counting multiply-accumulates;
            drawn as diamonds. Default: none.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    measured = np.asarray(measured, float)
    rows = np.arange(len(measured))
    before = np.concatenate([[measured[0]], measured[:-1]])
    rises = measured >= before
    ax.barh(
        rows,
        measured - before,
        left=before,
        height=0.55,
        color=np.where(rises, COLORS["synthetic"], COLORS["reference"]),
    )
    ax.vlines(measured, rows - 0.3, rows + 0.3, color=_INK, linewidth=2)
    for row, value in enumerate(measured):
        write_beside(ax, row, f"{value:.2f} x")
    if counted is not None:
        ax.plot(counted, rows, "D", mfc="none", mec=_INK, label="counted")
        ax.plot([], [], "|", color=_INK, ms=12, mew=2, label="measured")
        ax.legend(frameon=False, loc="lower left")
    ax.set_yticks(rows, links)
    ax.invert_yaxis()
    ratio_axis(ax, "x", measured)
    mark_claim(ax, "x")
    ax.set_xlabel("iterations a second, as a multiple of backprop's")
    sns.despine(ax=ax)
    return ax


def plot_speed_against_p(rounds, crossing=None, ax=None):
    """Draws the speed of stochastic updates against their probability.

    Points are medians over rounds, bars reach from the lower to the upper
    quartile.

    Args:
        rounds: `pandas.DataFrame` with the columns `p`, `per_iteration` and
            `per_update`: how many times as fast as backprop, counted in
            iterations and in layer-updates.
        crossing: Float, the probability at which an iteration is three times
            as fast; it is marked. Default, and if NaN: not marked.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    series = {
        "per_iteration": ("per iteration", COLORS["synthetic"], "o-"),
        "per_update": ("per layer-update", COLORS["true"], "s-"),
    }
    for column, (label, color, style) in series.items():
        found = rounds.groupby("p")[column].quantile([0.25, 0.5, 0.75])
        low, middle, high = found.unstack().to_numpy().T
        spread = [middle - low, high - middle]
        p = found.unstack().index
        ax.errorbar(p, middle, spread, fmt=style, color=color, label=label)
    if crossing is not None and np.isfinite(crossing):
        ax.plot(crossing, CLAIM, "*", color=_INK, markersize=14, zorder=3)
        ax.annotate(
            f"p = {crossing:.2f}",
            (crossing, CLAIM),
            xytext=(10, 6),
            textcoords="offset points",
        )
    ratio_axis(ax, "y", rounds[list(series)])
    ax.set_xscale("log")
    chosen = sorted(set(rounds["p"]))
    ax.set_xticks(chosen, [f"{p:g}" for p in chosen])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.axhline(1, color=COLORS["reference"], linewidth=1)
    mark_claim(ax, "y")
    ax.set_xlabel("probability p that a layer is updated")
    ax.set_ylabel("speed, as a multiple of backprop's")
    ax.legend(frameon=False)
    sns.despine(ax=ax)
    return ax


def write_beside(ax, row, text):
    """Writes to the right of the axes, at the height of a row."""
    place = {"xy": (1.01, row), "xycoords": ("axes fraction", "data")}
    ax.annotate(text, **place, ha="left", va="center")


def mark_claim(ax, name, side="right"):
    """Draws the claim as a line across the axis `"x"` or `"y"`.

    The words on a line across `"y"` stand at its `"left"` or `"right"` end.
    """
    style = {"color": _INK, "linestyle": "--", "linewidth": 1}
    words = {"text": "the claim: 3 x", "fontsize": 8, "va": "bottom"}
    if name == "x":
        ax.axvline(CLAIM, **style)
        place = {"xy": (CLAIM, 1.01), "xycoords": ("data", "axes fraction")}
        ax.annotate(**words, **place, ha="center")
    else:
        ax.axhline(CLAIM, **style)
        x = 1.0 if side == "right" else 0.1
        place = {"xy": (x, CLAIM), "xycoords": ("axes fraction", "data")}
        ax.annotate(**words, **place, ha=side)


def ratio_axis(ax, name, values):
    """Makes an axis logarithmic, with plain numbers, wide enough for values."""
    low, high = np.nanmin(values) / 1.6, max(np.nanmax(values), CLAIM) * 1.6
    ticks = (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100)
    ticks = [tick for tick in ticks if low <= tick <= high]
    ax.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    axis = getattr(ax, f"{name}axis")
    axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axis.set_minor_locator(NullLocator())
