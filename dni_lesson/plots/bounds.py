"""How high a speed-up can be."""

from dni_lesson.plots.speedup import mark_claim
from dni_lesson.plots.style import COLORS

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

_MARKERS = "os^Dv"


def plot_bounds(bounds, highlight=None, ax=None):
    """Draws the highest possible speed-up against the number of workers.

    Args:
        bounds: Dict from the name of a network to its bounds with 1, 2, 3 ...
            workers.
        highlight: String, the name of the network to bring out. Default: none.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    for k, (name, values) in enumerate(bounds.items()):
        strong = name == highlight
        ax.plot(
            np.arange(1, len(values) + 1),
            values,
            marker=_MARKERS[k % len(_MARKERS)],
            markersize=6 if strong else 4,
            color=COLORS["synthetic"] if strong else f"{0.25 + 0.12 * k:.2f}",
            linewidth=2.5 if strong else 1.2,
            zorder=3 if strong else 2,
            label=name,
        )
    mark_claim(ax, "y")
    ax.set(xlabel="workers", ylabel="speed-up over one worker, at most")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=8)
    sns.despine(ax=ax)
    return ax
