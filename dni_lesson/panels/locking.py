"""The panel of lesson 01: three ways to share a network among workers."""

import math

from dni_lesson import plots
from dni_lesson.panels.panel import Explorer, slider
from dni_lesson.schedules import (
    idle_fraction,
    staleness,
    step_time,
    timetable,
)

from matplotlib.figure import Figure

# Enough mini-batches that the pace of their middle is that of an endless run to
# the tenth that is shown.
_LONG_RUN = 160


class LockingPanel(Explorer):
    """Shows what locks and links cost, and what decoupling buys.

    Example:

    >>> LockingPanel()
    <LockingPanel: locked, pipelined and decoupled timetables>
    """

    def __init__(self):
        super().__init__(
            "LockingPanel: locked, pipelined and decoupled timetables",
            locking,
            {
                "modules": slider("modules (workers)", 2, 8, 4),
                "ratio": slider("backward : forward", 0.5, 4.0, 2.0, step=0.5),
                "predictor": slider(
                    "predictor : module", 0.0, 4.0, 0.7, step=0.1
                ),
                "microbatches": slider("micro-batches", 1, 16, 4),
                "delay": slider(
                    "link delay : forward", 0.0, 5.0, 1.0, step=0.5
                ),
            },
        )


def locking(modules, ratio, predictor, microbatches, delay):
    """Draws locked, pipelined and decoupled training on one time axis.

    The forward pass of one module is the unit of time. The axis ends when
    locked training has finished two mini-batches.

    Args:
        modules: Integer >= 1, each on its own worker.
        ratio: Float > 0, the cost of a module's backward pass.
        predictor: Float >= 0, the cost of a predictor as a share of the forward
            and the backward pass of its module.
        microbatches: Integer >= 1, for pipelined training.
        delay: Float >= 0, of each message between neighbours.

    Returns:
        `(figure, words)`.
    """
    work = 1 + ratio
    costs = {
        "forward": [1] * modules,
        "backward": [ratio] * modules,
        "predictor": [predictor * work] * (modules - 1) + [0],
        "link_delay": delay,
    }
    links = 2 * (modules - 1) * delay
    end = 2 * (modules * work + links)
    pieces = f"{microbatches} micro-batch" + "es" * (microbatches > 1)
    runs = {
        "Locked backprop": timetable("locked", **costs),
        f"Pipelined backprop, {pieces}": timetable(
            "gpipe",
            **costs,
            microbatches=microbatches,
            minibatches=math.ceil(end / (work + links)),
        ),
        "Decoupled": timetable(
            "decoupled",
            **costs,
            minibatches=max(_LONG_RUN, math.ceil(end / work)),
        ),
    }
    return _draw(runs, end, modules), _say(runs)


def _draw(runs, end, modules):
    figure = Figure(figsize=(8, 2.4 + 0.75 * modules), layout="constrained")
    axes = figure.subplots(len(runs), sharex=True)
    for ax, (name, events) in zip(axes, runs.items(), strict=True):
        shown = [event for event in events if event.start < end]
        plots.plot_timetable(shown, ax, end, legend=False)
        ax.set_title(name, loc="left", fontsize=10)
        ax.label_outer()
    axes[-1].set_xlabel("time, in forward passes of one module")
    # The last timetable has all the colours.
    figure.legend(
        *axes[-1].get_legend_handles_labels(),
        loc="outside upper left",
        ncols=5,
        fontsize=9,
        handlelength=1.6,
        columnspacing=1.2,
        frameon=False,
    )
    return figure


def _say(runs):
    locked_time = step_time(runs["Locked backprop"])
    sentences = []
    for name, events in runs.items():
        time, busy = step_time(events), 1 - idle_fraction(events)
        sentences.append(
            f"{name}: a mini-batch every {time:.1f}, "
            f"{locked_time / time:.1f} times the pace of locked backprop; "
            f"workers are busy {busy:.0%} of the time."
        )
    oldest = max(staleness(runs["Decoupled"]), default=0)
    if oldest:
        updates = "update" + "s" * (oldest > 1)
        sentences.append(
            f"Predictors learn from gradients up to {oldest} {updates} old."
        )
    return " ".join(sentences)
