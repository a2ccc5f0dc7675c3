"""The picture of a timetable."""

from dni_lesson.plots.style import COLORS

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.collections import PolyCollection

# Of a timetable: what each phase is called, its colour, and that of its text.
_PHASES = {
    "forward": ("forward", COLORS["forward"], "black"),
    "backward": ("backward, true gradient", COLORS["true"], "white"),
    "synthetic backward": (
        "backward, synthetic gradient",
        COLORS["synthetic"],
        "white",
    ),
    "input gradient": (
        "backward, gradient of the input",
        COLORS["true"],
        "white",
    ),
    "weight gradient": (
        "backward, gradient of the weights",
        "#99C7E0",
        "black",
    ),
    "predictor": ("predictor", "#F2BF99", "black"),
}
_ROW = 0.8  # height of a row of boxes
_DIGIT = 0.012  # width of a digit with some room, as a share of the axes


def plot_timetable(events, ax=None, end=None, legend=True):
    """Draws one row per worker, one box per event; the hatched rest is idle.

    Args:
        events: List of `Event`, see `dni_lesson.schedules.timetable`.
        ax: Matplotlib axes. Default: the current ones.
        end: Float, where the time axis ends. Default: with the last event.
        legend: Boolean, whether to explain the colours above the axes.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    end = end or max(event.end for event in events)
    workers = sorted({event.worker for event in events})
    ax.set(xlim=(0, end), ylim=(0.5, len(workers) + 0.5), xlabel="time")
    ax.set_yticks(workers, [f"worker {worker}" for worker in workers])
    ax.tick_params(axis="y", length=0)
    ax.barh(
        workers,
        end,
        height=_ROW,
        facecolor=COLORS["idle"],
        edgecolor="#DDDDDD",
        hatch="////",
        linewidth=0,
        label="idle",
    )
    for phase, (label, color, ink) in _PHASES.items():
        boxes = [event for event in events if event.phase == phase]
        if boxes:  # One artist for all, or panels become slow.
            corners = [_corners(event) for event in boxes]
            shares = [(event.end - event.start) / end for event in boxes]
            style = {
                "facecolor": color,
                "edgecolor": "white",
                # An edge must not cover its box.
                "linewidth": [min(0.7, 150 * share) for share in shares],
            }
            ax.add_collection(PolyCollection(corners, label=label, **style))
        for event in boxes:
            _number_box(ax, event, end, ink)
    if legend:
        style = {"frameon": False, "fontsize": 8, "columnspacing": 1.2}
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, **style)
    sns.despine(ax=ax, left=True)
    return ax


def _corners(event):
    low, high = event.worker - _ROW / 2, event.worker + _ROW / 2
    left, right = event.start, event.end
    return [(left, low), (left, high), (right, high), (right, low)]


def _number_box(ax, event, end, ink):
    """Writes the mini-batch into a box that is wide enough for it."""
    right = min(event.end, end)
    text = str(event.minibatch)
    if (right - event.start) / end > _DIGIT * len(text):
        middle = (event.start + right) / 2
        style = {"fontsize": 8, "ha": "center", "va": "center_baseline"}
        ax.text(middle, event.worker, text, color=ink, **style)
