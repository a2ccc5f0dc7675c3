"""The same runs in three currencies: iterations, layer-updates, seconds."""

from dni_lesson.plots.style import LOOKS, looks

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.ticker import LogLocator, NullLocator

CURRENCIES = {
    "step": "iterations",
    "updates": "layer-updates",
    "time": "seconds",
}


def plot_currencies(rounds, measure="test_error", axes=None):
    """Draws the error of the same runs against each of three currencies.

    A line is the mean over the seeds of one arm, its band reaches from the
    best seed to the worst.

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
    measured = set(rounds["arm"])
    arms = [arm for arm in LOOKS if arm in measured]
    arms += sorted(measured.difference(arms))
    for ax, (currency, label) in zip(axes, CURRENCIES.items(), strict=True):
        for arm, (name, color, line) in looks(arms).items():
            by_round = rounds[rounds["arm"] == arm].groupby("round")
            x, error = by_round[currency].mean(), by_round[measure]
            ax.plot(x, error.mean(), line, color=color, label=name)
            band = (error.min(), error.max())
            ax.fill_between(x, *band, color=color, alpha=0.2, linewidth=0)
        ax.set(xlabel=label, yscale="log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
        sns.despine(ax=ax)
    words = measure.replace("_", " ")
    axes[0].set_ylabel(f"{words} in percent")
    axes[-1].legend(frameon=False, fontsize=8)
    return axes
