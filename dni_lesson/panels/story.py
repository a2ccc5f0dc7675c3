"""Two rules read the same digits, epoch after epoch: lesson 00's panel."""

import functools

from dni_lesson.panels.panel import Explorer, dropdown, slider
from dni_lesson.plots import looks, plot_digits
from dni_lesson.plots.style import INK

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_SHOWN = 8
_CHOICES = ("the first ones", "the rules disagree", "every rule is wrong")


class StoryPanel(Explorer):
    """Shows what each rule reads after each epoch, and how often rightly.

    Args:
        images: Array `(n, 784)`, the test digits.
        labels: Integer array `(n,)`, what they are.
        readings: Dict from rule to a list with one integer array `(n,)` for
            each epoch: the digits that the network read. The first entry is
            from before training. At least two rules and two entries.

    Raises:
        ValueError: If the readings do not fit together.
    """

    def __init__(self, images, labels, readings):
        readings = {rule: np.asarray(read) for rule, read in readings.items()}
        shapes = [read.shape for read in readings.values()]
        if len(shapes) < 2 or len(set(shapes)) != 1:
            raise ValueError(
                "`readings`. Expected two or more rules with equally many "
                f"epochs. Received: {shapes}"
            )
        entries = shapes[0][0]
        controls = {
            "epoch": slider("epochs of training", 0, entries - 1, 1),
            "digits": dropdown("show digits where", _CHOICES),
        }
        super().__init__(
            "Story panel: two rules read digits",
            functools.partial(story, images, labels, readings),
            controls,
        )


def story(images, labels, readings, epoch, digits):
    """Draws accuracy over epochs, and digits as they are read after one.

    Args:
        images: As in `StoryPanel`.
        labels: As in `StoryPanel`.
        readings: As in `StoryPanel`, with arrays `(epochs + 1, n)`.
        epoch: Integer, epochs of training; 0 is before training.
        digits: String, one of the choices of the panel.

    Returns:
        `(figure, words)`.
    """
    right = {rule: read == labels for rule, read in readings.items()}
    now = np.stack([read[epoch] for read in readings.values()])
    masks = dict.fromkeys(_CHOICES, np.ones(len(labels), bool))
    masks["the rules disagree"] = np.any(now != now[0], axis=0)
    masks["every rule is wrong"] = np.all(now != labels, axis=0)
    shown = np.flatnonzero(masks[digits])[:_SHOWN]

    figure = Figure(figsize=(9, 4), layout="constrained")
    curves, grid = figure.subfigures(1, 2, width_ratios=(1, 1.25))
    _draw_accuracy(curves.subplots(), right, epoch)
    _draw_digits(grid, images, labels, readings, epoch, shown)
    accuracies = " and ".join(
        f"{look.name} reads {right[rule][epoch].mean():.1%}"
        for rule, look in looks(right).items()
    )
    words = (
        f"After {epoch} epoch{'s' * (epoch != 1)} of training {accuracies} "
        f"of the {len(labels)} test digits rightly. On "
        f"{masks['the rules disagree'].sum()} digits the rules disagree; on "
        f"{masks['every rule is wrong'].sum()} every rule is wrong."
    )
    return figure, words


def _draw_accuracy(axes, right, epoch):
    for k, (rule, (name, color, line)) in enumerate(looks(right).items()):
        accuracy = right[rule].mean(axis=1)
        axes.plot(accuracy, line, color=color, label=name)
        # Rings around each other: none hides where another rule stands.
        ring = {"markersize": 6 + 4 * k, "markerfacecolor": "none"}
        axes.plot(epoch, accuracy[epoch], "o", color=color, **ring)
    axes.axvline(epoch, color=INK, linewidth=1, linestyle=":")
    axes.set(xlabel="epoch", ylabel="test accuracy", ylim=(0, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_digits(grid, images, labels, readings, epoch, shown):
    axes = grid.subplots(2, _SHOWN // 2).ravel()
    for ax in axes:
        ax.set_axis_off()
    titles = [f"label {label}" for label in labels[shown]]
    plot_digits(images[shown], titles, axes[: len(shown)])
    for k, ax in zip(shown, axes, strict=False):
        for line, (rule, look) in enumerate(looks(readings).items()):
            read = readings[rule][epoch, k]
            mark = "✓" if read == labels[k] else "✗"
            ax.text(
                0.5,
                -0.08 - 0.15 * line,
                f"{look.name} {read} {mark}",
                color=look.color,
                fontsize=9,
                ha="center",
                va="center",
                transform=ax.transAxes,
            )
