"""What training runs show: their curves, and the digits that they read."""

from dni_lesson.plots.style import LOOKS, error_axis, looks

import matplotlib.pyplot as plt
import seaborn as sns

# What an x-axis may count, and the column that holds it.
_CURRENCIES = {
    "step": "iterations",
    "updates": "layer-updates",
    "time": "seconds",
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
    for rule, look in looks(runs).items():
        values = runs[rule][metric]
        ax.plot(
            range(1, len(values) + 1),
            values,
            look.line,
            marker="o",
            markersize=3,
            color=look.color,
            label=look.name,
        )
    ax.set(xlabel="epoch", ylabel=metric.replace("val_", "test "))
    ax.legend(frameon=False)
    sns.despine(ax=ax)
    return ax


def plot_currencies(rounds, measure="test_error", axes=None):
    """Draws the error of the same runs against each of three currencies.

    Currencies are iterations, layer-updates and seconds. A line is the mean
    over the seeds of one arm, its band reaches from the best seed to the worst.

    Args:
        rounds: `pandas.DataFrame` with one row for each arm, seed and round
            and the columns `arm`, `seed`, `round`, `step`, `updates`, `time`
            and the measure.
        measure: String, the column to draw, in percent. Default
            `"test_error"`.
        axes: Sequence of three matplotlib axes. Default: a new row of them.

    Returns:
        The axes.
    """
    if axes is None:
        _, axes = plt.subplots(
            1, 3, figsize=(11, 3.6), sharey=True, layout="constrained"
        )
    # Arms without a look of their own come last.
    arms = [arm for arm in LOOKS if arm in set(rounds["arm"])]
    arms += sorted(set(rounds["arm"]).difference(arms))
    for ax, (currency, label) in zip(axes, _CURRENCIES.items(), strict=True):
        for arm, (name, color, line) in looks(arms).items():
            by_round = rounds[rounds["arm"] == arm].groupby("round")
            x, error = by_round[currency].mean(), by_round[measure]
            ax.plot(x, error.mean(), line, color=color, label=name)
            band = (error.min(), error.max())
            ax.fill_between(x, *band, color=color, alpha=0.2, linewidth=0)
        ax.set_xlabel(label)
        error_axis(ax)
        sns.despine(ax=ax)
    words = measure.replace("_", " ")
    axes[0].set_ylabel(f"{words} in percent")
    axes[-1].legend(frameon=False, fontsize=8)
    return axes


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
