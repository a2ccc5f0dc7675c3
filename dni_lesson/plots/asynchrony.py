"""What workers that do not wait gain, and what late gradients cost."""

from dni_lesson.plots.speedup import mark_claim, ratio_axis
from dni_lesson.plots.style import COLORS

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.ticker import LogLocator, NullLocator

_MARKERS = "os^Dv"
# What each arm is called, its colour and its style.
_ARMS = {
    "decoupled": ("decoupled workers", COLORS["synthetic"], "o-"),
    "delayed": ("workers with late true gradients", COLORS["late"], "^--"),
    "best GPipe": ("GPipe, at its best", COLORS["true"], "D:"),
    "backprop fit": ("one process, all cores", COLORS["true"], "s-"),
    "Keras fit": ("plain Keras, one process", "#666666", "v--"),
}
_SCHEDULES = {
    "decoupled": ("synthetic gradients", COLORS["synthetic"], "o-"),
    "delayed": ("true gradients, late", COLORS["late"], "s--"),
}


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
        if arm in speeds:
            ax.plot(speeds.index, speeds[arm], style, color=color, label=name)
    ax.axhline(1, color=COLORS["reference"], linewidth=1)
    ax.set_xscale("log", base=2)
    ax.set_xticks(speeds.index, [f"{width}" for width in speeds.index])
    ax.xaxis.set_minor_locator(NullLocator())
    ratio_axis(ax, "y", speeds[[arm for arm in _ARMS if arm in speeds]])
    mark_claim(ax, "y")
    ax.set_xlabel("units of each layer")
    ax.set_ylabel("speed, as a multiple of\nlocked workers'")
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
            markeredgecolor="#333333",
            label=f"{team} workers",
        )
    # Linear up to 1 ms, so that "no delay" has a place.
    ax.set_xscale("symlog", linthresh=1)
    delays = sorted(gains["link_delay_ms"].unique())
    ax.set_xticks(delays, [f"{delay:g}" for delay in delays])
    ax.xaxis.set_minor_locator(NullLocator())
    ratio_axis(ax, "y", gains[["low", "high", "predicted"]])
    ax.axhline(1, color=COLORS["reference"], linewidth=1)
    mark_claim(ax, "y", side="left")
    ax.set_xlabel("link delay, ms")
    ax.set_ylabel("times as fast as locked workers")
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    sns.despine(ax=ax)
    return ax


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
    for schedule, (name, color, style) in _SCHEDULES.items():
        mine = rows[rows["schedule"] == schedule]
        mean = mine.groupby("late")["test_error_percent"].mean()
        ax.plot(mean.index, mean, style[1:], color=color)
        ax.plot(
            mine["late"],
            mine["test_error_percent"],
            style[0],
            color=color,
            alpha=0.6,
            markeredgewidth=0,
            label=name,
        )
        if real is not None and schedule in set(real["schedule"]):
            some = real[real["schedule"] == schedule]
            x, y = some["late"], some["test_error_percent"]
            hollow = {"mfc": "white", "mec": color, "markersize": 9}
            ax.plot(x, y, "*", label=f"{name}, as it happened", **hollow)
    ax.set_xscale("symlog", linthresh=1)
    late = sorted(rows["late"].unique())
    ax.set_xticks(late, [f"{updates:g}" for updates in late])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("how late a gradient is, in updates")
    ax.set_ylabel("test error in percent")
    ax.legend(frameon=False, fontsize=8)
    sns.despine(ax=ax)
    return ax
