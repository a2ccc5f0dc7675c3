"""How all pictures of the course look: colours, names, lines, axes.

Each idea and each training rule looks the same everywhere. Colours are those of
Okabe and Ito, which colour-blind readers can tell apart.
"""

import itertools
import math
from typing import NamedTuple

from dni_lesson.schedules import CLAIM

import numpy as np
import seaborn as sns
from matplotlib.ticker import LogLocator, NullLocator

COLORS = {
    "true": "#0072B2",  # the true gradient
    "synthetic": "#D55E00",  # the synthetic gradient
    "late": "#009E73",  # a true gradient that comes late
    "reference": "#999999",  # lines to compare with
    "forward": "#BBBBBB",
    "idle": "#F2F2F2",
}
INK = "#333333"  # of edges and marks


class Look(NamedTuple):
    """How a rule, or an arm of the benchmark, is called and drawn.

    Attributes:
        name: String, for readers.
        color: String, as `"#0072B2"`.
        line: String, a line style of Matplotlib.
    """

    name: str
    color: str
    line: str


_TRUE, _SYNTHETIC, _DNI = COLORS["true"], COLORS["synthetic"], "#E69F00"
LOOKS = {
    "backprop": Look("backprop", _TRUE, "-"),
    "cdni": Look("cDNI", _SYNTHETIC, "-"),
    "cdni-softmax": Look("cDNI, softmax", "#CC79A7", "-"),
    "greedy": Look("greedy", "#56B4E9", "--"),
    "dni": Look("DNI", _DNI, "-."),
    "dni-2x1024": Look("DNI, 2 x 1024", _DNI, ":"),
    "dfa": Look("DFA", "#000000", "-."),
    "no_bprop": Look("no_bprop", "#999999", ":"),
    "stale": Look("stale", COLORS["late"], "--"),
    "skipping": Look("backprop, skipping", _TRUE, "--"),
    "stochastic": Look("cDNI, stochastic", _SYNTHETIC, "--"),
    "backprop-logged": Look("backprop, logged", _TRUE, ":"),
    "stochastic-logged": Look("stochastic, logged", _SYNTHETIC, ":"),
    "backprop-placed": Look("backprop, one module a GPU", _TRUE, "-."),
    "cdni-placed": Look("cDNI, one module a GPU", _SYNTHETIC, "-."),
}
# Schedules share no picture with rules. Their colour is that of the gradient.
SCHEDULES = {
    "locked": Look("locked", _TRUE, "-"),
    "gpipe": Look("GPipe", _TRUE, "--"),
    "1f1b": Look("1F1B", _TRUE, "-."),
    "zb-h1": Look("ZB-H1", _TRUE, ":"),
    "async-1f1b": Look("asynchronous 1F1B", COLORS["late"], "-"),
    "decoupled": Look("decoupled", _SYNTHETIC, "-"),
    "unlocked": Look("unlocked", _SYNTHETIC, "--"),
}
COLORS |= {rule: look.color for rule, look in LOOKS.items()}

# Of rules that are not in the table.
_FREE = ("#56B4E9", "#CC79A7", "#000000", "#009E73")


def looks(rules):
    """Returns how to draw each of the rules that share a picture.

    A rule that is not in the table, as one of your own, goes by its own name
    and has a colour, or else a line, that no other rule of the picture has.

    Args:
        rules: Iterable of strings, all that the picture shows.

    Returns:
        Dict from rule to `Look`, in the order of the rules.
    """
    rules = list(dict.fromkeys(rules))
    taken = {LOOKS[rule].color for rule in rules if rule in LOOKS}
    colors = [color for color in _FREE if color not in taken]
    free = itertools.cycle(
        (color, line) for line in ("-", "-.", ":") for color in colors
    )
    return {rule: LOOKS.get(rule) or Look(rule, *next(free)) for rule in rules}


def boundary_shades(color, boundaries):
    """Returns shades of a colour, one for each boundary, from the input up.

    Lighter near the input, where a prediction is of a prediction.
    """
    return sns.light_palette(color, boundaries + 1)[1:]


def ticks_at(ax, values):
    """Puts the ticks of the x-axis at these values and nowhere else."""
    ax.set_xticks(values, [f"{value:g}" for value in values])
    ax.xaxis.set_minor_locator(NullLocator())


def in_powers_of_ten(ax, names, limit):
    """Writes values as multiples of a power of ten, which the label names.

    Matplotlib would write it at the end of the axis, where it meets the label.

    Args:
        ax: Matplotlib axes, with its labels.
        names: String of axes: `"x"`, `"y"` or `"xy"`.
        limit: Float > 0, the largest value.
    """
    power = math.floor(math.log10(limit))
    if power == 0:
        return

    def written(value, _):
        return f"{value / 10**power:g}".replace("-", "\N{MINUS SIGN}")

    for name in names:
        axis = getattr(ax, f"{name}axis")
        axis.set_major_formatter(written)
        axis.set_label_text(f"{axis.get_label_text()}, in $10^{{{power}}}$")


def error_axis(ax):
    """Makes the y-axis logarithmic, with plain numbers for errors."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())


def ratio_axis(ax, name, values, side="right"):
    """Makes an axis logarithmic, for ratios, and marks the claim on it.

    Args:
        ax: Matplotlib axes.
        name: String, the axis: `"x"` or `"y"`.
        values: Array or table of floats for which the axis has room.
        side: See `mark_claim`.
    """
    low, high = np.nanmin(values) / 1.6, max(np.nanmax(values), CLAIM) * 1.6
    ticks = (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100)
    ticks = [tick for tick in ticks if low <= tick <= high]
    ax.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    axis = getattr(ax, f"{name}axis")
    axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axis.set_minor_locator(NullLocator())
    mark_claim(ax, name, side)


def mark_claim(ax, name, side="right"):
    """Draws the claim, 3 times as fast, as a line across the plot.

    Args:
        ax: Matplotlib axes.
        name: String, the axis of the ratio: `"x"` or `"y"`.
        side: String: `"left"` or `"right"`, where the words stand on a line
            across the y-axis. Default `"right"`.
    """
    style = {"color": INK, "linestyle": "--", "linewidth": 1}
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


def write_beside(ax, row, text):
    """Writes to the right of the axes, at the height of a row."""
    place = {"xy": (1.01, row), "xycoords": ("axes fraction", "data")}
    ax.annotate(text, **place, ha="left", va="center")
