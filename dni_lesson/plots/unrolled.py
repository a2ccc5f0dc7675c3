"""A recurrent network unrolled in time, cut into windows, and what arrives."""

from dni_lesson.plots.style import COLORS, INK

import numpy as np
from matplotlib.patches import Circle, FancyBboxPatch

_RADIUS = 0.3
_NOTHING = 1e-9  # Shares below it are zero but for rounding.


def draw_unrolled(window, arrived, losses, axes, decoupled=True):
    """Draws the steps of an episode and how much gradient arrives at each.

    Blue comes from losses alone, vermilion rests on a prediction; where nothing
    arrives no arrow is drawn.

    Args:
        window: Integer >= 1, the steps of a window.
        arrived: Array `(steps,)` of floats <= 1, the share of the true gradient
            of the state after each step that arrives there.
        losses: Iterable of the steps, from 1, that have a loss.
        axes: Two Matplotlib axes: for the network, and for the shares below it.
        decoupled: Boolean, whether a predictor stands at every cut. Default
            `True`.

    Returns:
        The axes.
    """
    above, below = axes
    steps = len(arrived)
    cuts = range(window, steps, window)
    predicted = max(cuts, default=0) if decoupled else 0  # Steps.
    colors = [
        COLORS["synthetic" if step <= predicted else "true"]
        for step in range(1, steps + 1)
    ]
    _draw_windows(above, steps, window)
    for step in range(1, steps + 1):
        _draw_step(above, step, step in losses)
        if step < steps and step not in cuts:
            if abs(arrived[step - 1]) > _NOTHING:
                _arrow(above, step + 1, step, -0.16, colors[step - 1])
    for cut in cuts:
        above.axvline(cut + 0.5, color=INK, linestyle="--", linewidth=1)
        if decoupled:
            _draw_predictor(above, cut, abs(arrived[cut - 1]) > _NOTHING)
    above.set(xlim=(0.2, steps + 0.8), ylim=(-1.75, 1.35), aspect="equal")
    above.set_axis_off()
    _draw_shares(below, arrived, colors, cuts)
    return axes


def _draw_windows(ax, steps, window):
    for start in range(1, steps + 1, window):
        end = min(start + window - 1, steps)
        ax.add_patch(
            FancyBboxPatch(
                (start - 0.42, -0.45),
                end - start + 0.84,
                0.9,
                boxstyle="round,pad=0,rounding_size=0.1",
                facecolor=COLORS["idle"],
                edgecolor="none",
            )
        )


def _draw_step(ax, step, has_loss):
    ax.add_patch(
        Circle((step, 0), _RADIUS, facecolor="w", edgecolor=INK, zorder=3)
    )
    ax.text(step, 0, step, ha="center", va="center", fontsize=9, zorder=4)
    if step > 1:
        _arrow(ax, step - 1, step, 0.16, "#888888")
    if has_loss:
        _annotate(ax, (step, _RADIUS), (step, 0.85), "#888888")
        ax.text(step, 0.9, "loss", ha="center", va="bottom", fontsize=9)


def _draw_predictor(ax, cut, is_heard):
    """Draws the predictor at a cut, and its arrow if it predicts anything."""
    place = (cut + 0.5, -1.2)
    ax.add_patch(Circle(place, 0.27, color=COLORS["synthetic"], zorder=3))
    ax.text(*place, "M", color="w", ha="center", va="center", zorder=4)
    if is_heard:
        tail, head = (cut + 0.42, -0.97), (cut + 0.1, -_RADIUS)
        _annotate(ax, tail, head, COLORS["synthetic"])


def _arrow(ax, start, end, height, color):
    """Draws an arrow between two steps."""
    side = np.sign(end - start) * 0.26
    _annotate(ax, (start + side, height), (end - side, height), color)


def _annotate(ax, tail, head, color):
    style = {"arrowstyle": "-|>", "color": color, "linewidth": 1.6}
    style |= {"shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    ax.annotate("", xy=head, xytext=tail, arrowprops=style)


def _draw_shares(ax, arrived, colors, cuts):
    steps = np.arange(1, len(arrived) + 1)
    ax.bar(steps, np.clip(arrived, 0, 1), width=0.6, color=colors)
    for cut in cuts:
        ax.axvline(cut + 0.5, color=INK, linestyle="--", linewidth=1)
    ax.axhline(1, color=COLORS["true"], linewidth=1)
    ax.set(xlim=(0.2, len(steps) + 0.8), ylim=(0, 1.08), yticks=(0, 0.5, 1))
    ax.set_xticks(steps)
    ax.set(xlabel="state after step", ylabel="share of the\ntrue gradient")
    ax.spines[["top", "right"]].set_visible(False)
