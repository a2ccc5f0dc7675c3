"""Curves of training runs."""

from dni_lesson.plots.colors import COLORS

import matplotlib.pyplot as plt
import seaborn as sns

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
