"""Drawings of a network cut into modules: what travels where in training."""

from dni_lesson.plots.style import COLORS, INK

import matplotlib.pyplot as plt
from matplotlib.patches import Circle, FancyBboxPatch

_STEP = 2.4  # From one module to the next.
_WIDTH, _HEIGHT = 1.3, 0.8
_DROP = 1.1  # How far below the modules the predictors stand.


def draw_backprop(modules=4, ax=None):
    """Draws the forward pass and the true gradient on its way back.

    The numbers are moments: each arrow waits for the one before it.

    Args:
        modules: Integer >= 2. Default `4`.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = _draw_forward(modules, ax)
    for k in range(modules, 0, -1):
        start = (_left(k + 1), 0.2)
        _arrow(ax, start, (_right(k), 0.2), COLORS["true"], width=2.2)
        order = 2 * modules + 1 - k
        _number(ax, order, (start[0] + _right(k)) / 2, -0.1, COLORS["true"])
    x = (_left(modules + 1) + _right(1)) / 2
    ax.text(
        x,
        -0.5,
        "true gradient: it has to come all the way back",
        color=COLORS["true"],
        ha="center",
    )
    return _finish(ax, modules, bottom=-0.8)


def draw_decoupled(modules=4, ax=None):
    """Draws the same network with a predictor at every boundary: cDNI.

    The numbers are moments: every module gets its gradient one moment after
    its own forward pass.

    Args:
        modules: Integer >= 2. Default `4`.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = _draw_forward(modules, ax)
    for k in range(1, modules):
        x = (_right(k) + _left(k + 1)) / 2
        _arrow(ax, (x, 0.6), (x, 0.25 - _DROP), COLORS["forward"])
        color = COLORS["synthetic"]
        ax.add_patch(Circle((x, -_DROP), 0.33, color=color, zorder=3))
        ax.text(
            x, -_DROP, f"M{k}", color="w", ha="center", va="center", zorder=4
        )
        _arrow(ax, (x - 0.3, -_DROP), (_middle(k), 0.0), color, width=2.2)
        _number(ax, k + 1, x - 0.95, -_DROP + 0.1, color)
        _arrow(ax, (_middle(k + 1), 0.0), (x + 0.3, -_DROP), color, style=":")
        _arrow(ax, (x, -0.65 - _DROP), (x, -0.25 - _DROP), COLORS["forward"])
        ax.text(x, -0.8 - _DROP, "y", ha="center", va="center", fontsize=11)
    end = (_left(modules + 1), 0.2)
    _arrow(ax, end, (_right(modules), 0.2), COLORS["true"], width=2.2)
    _number(ax, modules + 1, end[0] - 0.55, -0.1, COLORS["true"])
    ax.text(
        (_left(modules + 1) + _right(1)) / 2,
        -2.2,
        "synthetic gradient: predicted on the spot from activations and labels "
        "y\n(dotted: what a predictor learns from, later)",
        color=COLORS["synthetic"],
        ha="center",
        va="top",
    )
    return _finish(ax, modules, bottom=-3.0)


def _draw_forward(modules, ax):
    ax = ax or plt.gca()
    ax.text(_right(0), 0.6, "x", ha="right", va="center", fontsize=12)
    ax.text(_left(modules + 1) + 0.1, 0.4, "loss", va="center", fontsize=11)
    for k in range(1, modules + 1):
        ax.add_patch(
            FancyBboxPatch(
                (_left(k), 0),
                _WIDTH,
                _HEIGHT,
                boxstyle="round,pad=0,rounding_size=0.1",
                facecolor=COLORS["idle"],
                edgecolor=INK,
            )
        )
        ax.text(_middle(k), 0.4, f"module {k}", ha="center", va="center")
    for k in range(modules + 1):
        _arrow(ax, (_right(k), 0.6), (_left(k + 1), 0.6), "#888888", width=2.2)
        if k:
            _number(ax, k, (_right(k) + _left(k + 1)) / 2, 0.82, "#666666")
    return ax


def _middle(k):
    return (k - 1) * _STEP


def _left(k):
    return _middle(k) - _WIDTH / 2


def _right(k):
    return _middle(k) + _WIDTH / 2


def _arrow(ax, start, end, color, width=1.3, style="-"):
    ax.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": color,
            "linewidth": width,
            "linestyle": style,
            "shrinkA": 1,
            "shrinkB": 1,
        },
    )


def _number(ax, number, x, y, color):
    ax.text(x, y, str(number), color=color, ha="center", va="center")


def _finish(ax, modules, bottom):
    ax.set(
        xlim=(_right(0) - 0.5, _left(modules + 1) + 0.9), ylim=(bottom, 1.05)
    )
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax
