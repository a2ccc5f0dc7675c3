"""True against synthetic gradients: over time, and value by value."""

from dni_lesson.plots.style import (
    COLORS,
    boundary_shades,
    in_powers_of_ten,
    looks,
)

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns


def plot_agreement(history, measure="cosine", ax=None, rule="cdni"):
    """Draws how well synthetic gradients agree with the true ones over steps.

    Args:
        history: The `history` of a `GradientMonitor`.
        measure: String: `"cosine"`, `"sign_agreement"`, `"norm_ratio"`,
            `"relative_error"` or `"update_cosine"`. Default `"cosine"`.
        ax: Matplotlib axes. Default: the current ones.
        rule: String, the rule that was trained: its colour is taken. Default
            `"cdni"`.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    frame = pd.DataFrame(history)
    boundaries = sorted(frame["boundary"].unique())
    shades = boundary_shades(looks([rule])[rule].color, len(boundaries))
    for boundary, shade in zip(boundaries, shades, strict=True):
        rows = frame[frame["boundary"] == boundary]
        ax.plot(
            rows["step"],
            rows[measure],
            marker="o",
            markersize=3,
            color=shade,
            label=f"boundary {boundary}",
        )
    ideal = 0.0 if measure == "relative_error" else 1.0
    ax.axhline(ideal, color=COLORS["true"], linewidth=1)
    ax.set(xlabel="training step", ylabel=measure.replace("_", " "))
    # In a row, which room above the curves is kept for most cheaply.
    ax.legend(
        frameon=False,
        fontsize=8,
        loc="upper left",
        ncols=len(boundaries),
        columnspacing=1,
    )
    sns.despine(ax=ax)
    return ax


def plot_gradient_pair(true, synthetic, ax=None):
    """Draws each value of a synthetic gradient against the true one.

    Args:
        true: Array of any shape.
        synthetic: Array of the same shape.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    true, synthetic = true.ravel(), synthetic.ravel()
    ax.scatter(
        true, synthetic, s=4, alpha=0.3, color=COLORS["synthetic"], linewidths=0
    )
    limit = max(abs(true).max(), abs(synthetic).max(), 1e-12)
    ax.plot([-limit, limit], [-limit, limit], color=COLORS["true"], linewidth=1)
    ax.set(
        xlim=(-limit, limit),
        ylim=(-limit, limit),
        xlabel="true gradient",
        ylabel="synthetic gradient",
    )
    in_powers_of_ten(ax, "xy", limit)
    sns.despine(ax=ax)
    return ax


def plot_maps(maps, titles, limit=None, axes=None):
    """Draws gradients of one feature map in a row, all on one scale of colours.

    White is zero, green is positive, purple negative.

    Args:
        maps: Sequence of n float arrays `(height, width)`.
        titles: Sequence of n strings.
        limit: Float > 0, from which size on the colour is the darkest. Default:
            the largest absolute value.
        axes: Sequence of n matplotlib axes. Default: a new row of them.

    Returns:
        The axes.
    """
    if axes is None:
        _, axes = plt.subplots(
            1, len(maps), figsize=(2 * len(maps), 2.2), squeeze=False
        )
        axes = axes[0]
    limit = limit or max(abs(one).max() for one in maps)
    for one, title, ax in zip(maps, titles, axes, strict=True):
        ax.imshow(one, cmap="PRGn", vmin=-limit, vmax=limit)
        ax.set_title(title, fontsize=9)
        ax.set(xticks=[], yticks=[])
    return axes
