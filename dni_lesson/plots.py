"""Pictures of runs, gradients and timetables: data in, axes out.

Every function draws on the axes that it is given, or on the current ones, and
returns them. None trains, none calls `show`.
"""

import io

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import Image, display

# One colour per idea in the whole course, from the colour-blind safe palette
# of Okabe and Ito.
COLORS = {
    "true": "#0072B2",  # the true gradient, and backprop
    "synthetic": "#D55E00",  # the synthetic gradient, and cDNI
    "dni": "#E69F00",
    "local": "#999999",
    "forward": "#BBBBBB",
    "idle": "#F2F2F2",
    "backprop": "#0072B2",
    "cdni": "#D55E00",
}
_RULES = {
    "backprop": ("backprop", "-"),
    "dni": ("DNI", "-."),
    "cdni": ("cDNI", "-"),
    "local": ("local", ":"),
}


def plot_runs(runs, metric="val_accuracy", ax=None):
    """Draws one curve per run over epochs.

    Args:
        runs: Dict from rule to a Keras `History.history`, or any dict of lists.
        metric: String, the key to draw. Default `"val_accuracy"`.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    for rule, history in runs.items():
        values = history[metric]
        label, style = _RULES.get(rule, (rule, "-"))
        ax.plot(
            range(1, len(values) + 1),
            values,
            style,
            marker="o",
            markersize=3,
            color=COLORS.get(rule),
            label=label,
        )
    ax.set(xlabel="epoch", ylabel=metric.replace("val_", "test "))
    ax.legend(frameon=False)
    sns.despine(ax=ax)
    return ax


def plot_agreement(history, measure="cosine", ax=None):
    """Draws how well synthetic gradients agree with the true ones over steps.

    Args:
        history: The `history` of a `GradientMonitor`.
        measure: String: `"cosine"`, `"sign_agreement"`, `"norm_ratio"` or
            `"relative_error"`. Default `"cosine"`.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    frame = pd.DataFrame(history)
    boundaries = sorted(frame["boundary"].unique())
    # Lighter near the input, where a prediction is of a prediction.
    shades = sns.light_palette(COLORS["synthetic"], len(boundaries) + 1)[1:]
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
    ideal = {"cosine": 1.0, "sign_agreement": 1.0, "norm_ratio": 1.0}
    ax.axhline(ideal.get(measure, 0.0), color=COLORS["true"], linewidth=1)
    ax.set(xlabel="training step", ylabel=measure.replace("_", " "))
    ax.legend(frameon=False)
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
    sns.despine(ax=ax)
    return ax


def plot_digits(images, titles=None, axes=None):
    """Draws digits in a row.

    Args:
        images: Array `(n, 784)` or `(n, 28, 28)`.
        titles: Sequence of n strings. Default: none.
        axes: Sequence of n matplotlib axes. Default: a new row of them.

    Returns:
        The axes.
    """
    if axes is None:
        _, axes = plt.subplots(
            1, len(images), figsize=(len(images), 1.4), squeeze=False
        )
        axes = axes[0]
    for k, (image, ax) in enumerate(zip(images, axes, strict=True)):
        ax.imshow(image.reshape(28, 28), cmap="gray_r")
        ax.set_axis_off()
        if titles is not None:
            ax.set_title(str(titles[k]), fontsize=9)
    return axes


def show(figure, alt):
    """Displays a figure in a notebook, with a text for those who cannot see it.

    Args:
        figure: Matplotlib figure; it is closed.
        alt: String, one or two sentences: what the figure shows.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
    plt.close(figure)
    display(
        Image(buffer.getvalue(), format="png", alt=alt, embed=True),
    )
