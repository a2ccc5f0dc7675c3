"""Curves of training runs."""

from dni_lesson.plots.style import COLORS

import matplotlib.pyplot as plt
import seaborn as sns

# What each rule and each arm of the benchmark is called, and how it is drawn.
LINES = {
    "backprop": ("backprop", COLORS["backprop"], "-"),
    "cdni": ("cDNI", COLORS["cdni"], "-"),
    "dni": ("DNI", COLORS["dni"], "-."),
    "dni-2x1024": ("DNI, 2 x 1024", COLORS["dni"], ":"),
    "no_bprop": ("no_bprop", COLORS["no_bprop"], ":"),
    "stale": ("stale", "#009E73", "--"),
    "skipping": ("backprop, skipping", COLORS["backprop"], "--"),
    "stochastic": ("cDNI, stochastic", COLORS["cdni"], "--"),
    "backprop-logged": ("backprop, logged", COLORS["backprop"], ":"),
    "stochastic-logged": ("stochastic, logged", COLORS["cdni"], ":"),
    "backprop-placed": ("backprop, one module a GPU", COLORS["backprop"], "-."),
    "cdni-placed": ("cDNI, one module a GPU", COLORS["cdni"], "-."),
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
        label, color, style = LINES.get(rule, (rule, None, "-"))
        ax.plot(
            range(1, len(values) + 1),
            values,
            style,
            marker="o",
            markersize=3,
            color=color,
            label=label,
        )
    ax.set(xlabel="epoch", ylabel=metric.replace("val_", "test "))
    ax.legend(frameon=False)
    sns.despine(ax=ax)
    return ax
