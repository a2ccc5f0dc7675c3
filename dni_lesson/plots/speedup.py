"""What a speed-up is made of, what it depends on, and what it costs.

Lessons 05 and 06 draw these: on one device, with workers that run at the same
time, and how much late gradients harm.
"""

from dni_lesson.plots.style import (
    COLORS,
    INK,
    LOOKS,
    error_axis,
    mark_claim,
    ratio_axis,
    ticks_at,
    write_beside,
)
from dni_lesson.schedules import CLAIM

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import NullLocator

_MARKERS = "os^Dv"
# Ways to train with workers: what they are called, their colour and style.
_ARMS = {
    "locked": ("locked workers", COLORS["true"], "P--"),
    "gpipe-4": ("GPipe, 4 micro-batches", COLORS["true"], "D:"),
    "decoupled": ("decoupled, linear predictors", COLORS["synthetic"], "o-"),
    "decoupled softmax": (
        "decoupled, softmax predictors",
        LOOKS["cdni-softmax"].color,
        "o-",
    ),
    "decoupled greedy": ("decoupled, greedy", LOOKS["greedy"].color, "X--"),
    "delayed": ("workers with late true gradients", COLORS["late"], "^--"),
    "best GPipe": ("GPipe, at its best", COLORS["true"], "D:"),
    "backprop fit": ("one process, all cores", COLORS["true"], "s-"),
    "Keras fit": ("plain Keras, one process", "#666666", "v--"),
}
# The same of the gradients that a schedule's workers learn from.
_GRADIENTS = {
    "decoupled": ("synthetic gradients", COLORS["synthetic"], "o-"),
    "delayed": ("true gradients, late", COLORS["late"], "s--"),
}


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
    ax.vlines(measured, rows - 0.3, rows + 0.3, color=INK, linewidth=2)
    for row, value in enumerate(measured):
        write_beside(ax, row, f"{value:.2f} x")
    if counted is not None:
        ax.plot(counted, rows, "D", mfc="none", mec=INK, label="counted")
        ax.plot([], [], "|", color=INK, ms=12, mew=2, label="measured")
        ax.legend(frameon=False, loc="lower left")
    ax.set_yticks(rows, links)
    ax.invert_yaxis()
    ratio_axis(ax, "x", measured)
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
        by_p = rounds.groupby("p")[column]
        quartiles = by_p.quantile([0.25, 0.5, 0.75]).unstack()
        low, middle, high = quartiles.to_numpy().T
        ax.errorbar(
            quartiles.index,
            middle,
            [middle - low, high - middle],
            fmt=style,
            color=color,
            label=label,
        )
    if crossing is not None and np.isfinite(crossing):
        ax.plot(crossing, CLAIM, "*", color=INK, markersize=14, zorder=3)
        ax.annotate(
            f"p = {crossing:.2f}",
            (crossing, CLAIM),
            xytext=(10, 6),
            textcoords="offset points",
        )
    ax.set_xscale("log")
    ticks_at(ax, sorted(set(rounds["p"])))
    ax.axhline(1, color=COLORS["reference"], linewidth=1)
    ratio_axis(ax, "y", rounds[list(series)])
    ax.set_xlabel("probability p that a layer is updated")
    ax.set_ylabel("speed, as a multiple of backprop's")
    ax.legend(frameon=False)
    sns.despine(ax=ax)
    return ax


def plot_bounds(bounds, highlight=None, ax=None):
    """Draws the highest possible speed-up against the number of workers.

    Args:
        bounds: Dict from the name of a network to its bounds with 1, 2, 3 ...
            workers.
        highlight: String, the name of the network to bring out. Default: none.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    for k, (name, values) in enumerate(bounds.items()):
        strong = name == highlight
        ax.plot(
            np.arange(1, len(values) + 1),
            values,
            marker=_MARKERS[k % len(_MARKERS)],
            markersize=6 if strong else 4,
            color=COLORS["synthetic"] if strong else f"{0.25 + 0.12 * k:.2f}",
            linewidth=2.5 if strong else 1.2,
            zorder=3 if strong else 2,
            label=name,
        )
    mark_claim(ax, "y")
    ax.set(xlabel="workers", ylabel="speed-up over one worker, at most")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=8)
    sns.despine(ax=ax)
    return ax


def plot_speed_against_width(speeds, ax=None):
    """Draws the speed of several ways to train against the width of the net.

    Args:
        speeds: `pandas.DataFrame` with the width as index and a column for
            each arm: how many times as fast as locked workers it is.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    for arm, (name, color, style) in _ARMS.items():
        if arm in speeds and arm != "locked":
            ax.plot(speeds.index, speeds[arm], style, color=color, label=name)
    ax.axhline(1, color=COLORS["reference"], linewidth=1)
    ax.set_xscale("log", base=2)
    ticks_at(ax, speeds.index)
    ratio_axis(ax, "y", speeds[[arm for arm in _ARMS if arm in speeds]])
    ax.set_xlabel("units of each layer")
    ax.set_ylabel("speed, as a multiple of\nlocked workers'")
    return _named_beside(ax)


def _named_beside(ax):
    """Returns the axes with their legend on the right."""
    ax.legend(
        frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    sns.despine(ax=ax)
    return ax


def plot_gain_against_delay(gains, ax=None):
    """Draws how much faster decoupled workers are, against the link delay.

    Markers are measured, with bars from the lowest to the highest round; lines
    are predicted. The darker, the more workers.

    Args:
        gains: `pandas.DataFrame` of one net with the columns `workers`,
            `link_delay_ms`, `speedup`, `low`, `high` and `predicted`.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    teams = sorted(gains["workers"].unique())
    shades = sns.light_palette(COLORS["synthetic"], len(teams) + 2)[2:]
    for marker, shade, team in zip(_MARKERS, shades, teams, strict=False):
        rows = gains[gains["workers"] == team].sort_values("link_delay_ms")
        delays, middle = rows["link_delay_ms"], rows["speedup"]
        spread = [middle - rows["low"], rows["high"] - middle]
        ax.plot(delays, rows["predicted"], color=shade, linewidth=1.5)
        ax.errorbar(
            delays,
            middle,
            spread,
            fmt=marker,
            color=shade,
            markeredgecolor=INK,
            label=f"{team} workers",
        )
    # Linear up to 1 ms, so that "no delay" has a place.
    ax.set_xscale("symlog", linthresh=1)
    ticks_at(ax, sorted(gains["link_delay_ms"].unique()))
    ax.axhline(1, color=COLORS["reference"], linewidth=1)
    ratio_axis(ax, "y", gains[["low", "high", "predicted"]], side="left")
    ax.set_xlabel("link delay, ms")
    ax.set_ylabel("times as fast as locked workers")
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    sns.despine(ax=ax)
    return ax


def plot_seconds_to_error(seconds, ax=None):
    """Draws how long each schedule takes to an error against the link delay.

    Markers are means over seeds, bars go from the fastest to the slowest seed.
    A schedule with a seed that does not reach the error has no marker there.

    Args:
        seconds: `pandas.DataFrame` with the columns `arm`, `delay_ms` and
            `seconds`, a row for each seed.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    delays = sorted(seconds["delay_ms"].unique())
    shift = np.linspace(-0.2, 0.2, len(_ARMS))
    for (arm, (name, color, style)), aside in zip(
        _ARMS.items(), shift, strict=True
    ):
        rows = seconds[seconds["arm"] == arm]
        if rows.empty:
            continue
        ends = rows.pivot_table(
            index="delay_ms", columns="seed", values="seconds", dropna=False
        ).reindex(delays)
        ends = ends.where(ends.notna().all(axis=1))
        mean = ends.mean(axis=1)
        bars = [mean - ends.min(axis=1), ends.max(axis=1) - mean]
        # Where all seeds are alike, rounding may leave less than nothing.
        bars = [bar.clip(lower=0) for bar in bars]
        x = np.arange(len(delays)) + aside
        ax.errorbar(x, mean, bars, fmt=style, color=color, label=name)
    ax.set_ylim(0, None)
    ax.set_xticks(range(len(delays)), [f"{delay:g}" for delay in delays])
    ax.set_xlabel("link delay in ms")
    ax.set_ylabel("seconds to the error")
    return _named_beside(ax)


def plot_gains_foretold(gains, ax=None):
    """Draws measured against foretold gains over locked workers.

    What never reached the error has no gain: it stands in a row below.

    Args:
        gains: `pandas.DataFrame` with the columns `arm`, `gain` (0 if the error
            was never reached) and `told_gain`.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    there = gains[gains["gain"] > 0]
    ends = pd.concat([there["gain"], gains["told_gain"]])
    low, high = ends.min() / 1.3, ends.max() * 1.3
    ax.plot([low, high], [low, high], color=COLORS["reference"], linewidth=1)
    for line in (ax.axhline, ax.axvline):
        line(1, color=COLORS["reference"], linewidth=1, linestyle=":")
    for arm, (name, color, style) in _ARMS.items():
        points = gains[gains["arm"] == arm]
        if points.empty:
            continue
        never = points["gain"] == 0
        shown = points["gain"].where(~never, low / 1.5)
        look = {"color": color, "alpha": 0.6, "linestyle": "none"}
        for part, fill in ((~never, color), (never, "none")):
            ax.plot(
                points["told_gain"][part],
                shown[part],
                style[0],
                **look,
                markerfacecolor=fill,
                label=name if fill == color else None,
            )
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low / 2, high))
    ticks = [10**k * n for k in range(-3, 4) for n in (1, 3)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axis.set_minor_locator(NullLocator())
    ax.annotate("never", (high, low / 1.5), ha="right", va="center", fontsize=8)
    ax.set_xlabel("gain over locked workers, foretold")
    ax.set_ylabel("measured")
    return _named_beside(ax)


def plot_late_gradients(rows, real=None, ax=None):
    """Draws the error after training against how late gradients are.

    Every run is a marker; lines join the means over seeds.

    Args:
        rows: `pandas.DataFrame`, one row for each run, with the columns
            `schedule` (`"decoupled"` or `"delayed"`), `late`, in updates, and
            `test_error_percent`.
        real: `pandas.DataFrame` with the same columns: runs whose gradients
            were as late as it happened; drawn hollow. Default: none.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    for schedule, (name, color, style) in _GRADIENTS.items():
        runs = rows[rows["schedule"] == schedule]
        mean = runs.groupby("late")["test_error_percent"].mean()
        ax.plot(mean.index, mean, style[1:], color=color)
        ax.plot(
            runs["late"],
            runs["test_error_percent"],
            style[0],
            color=color,
            alpha=0.6,
            markeredgewidth=0,
            label=name,
        )
        if real is not None and schedule in set(real["schedule"]):
            runs = real[real["schedule"] == schedule]
            x, y = runs["late"], runs["test_error_percent"]
            hollow = {"mfc": "white", "mec": color, "markersize": 9}
            ax.plot(x, y, "*", label=f"{name}, as it happened", **hollow)
    ax.set_xscale("symlog", linthresh=1)
    ticks_at(ax, sorted(rows["late"].unique()))
    error_axis(ax)
    ax.set_xlabel("how late a gradient is, in updates")
    ax.set_ylabel("test error in percent")
    ax.legend(frameon=False, fontsize=8)
    sns.despine(ax=ax)
    return ax
