"""Curves of training runs."""

from dni_lesson.plots.style import looks

import matplotlib.pyplot as plt
import seaborn as sns


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
