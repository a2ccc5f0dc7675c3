"""True and predicted gradients over a plane: the picture of lesson 02."""

from dni_lesson.panels.controls import checkbox, dropdown, slider
from dni_lesson.panels.panel import Explorer
from dni_lesson.panels.player import Player
from dni_lesson.panels.predicting import (
    draw_examples,
    has_diverged,
    train_predictor,
    true_gradient,
)
from dni_lesson.plots import COLORS

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

_CLASSES = "ABC"
_REACH = 2.4  # Half the side of the plane that is drawn.


def draw_prediction(labels, hidden, weights, rate, steps):
    """Draws true and predicted gradients over the plane of hidden values.

    Args:
        labels: As in `train_predictor`.
        hidden: As in `train_predictor`.
        weights: As in `train_predictor`.
        rate: As in `train_predictor`.
        steps: As in `train_predictor`.

    Returns:
        `figure, words`: a `matplotlib.figure.Figure` and what it shows.
    """
    predictor, curve = train_predictor(labels, hidden, weights, rate, steps)
    if has_diverged(curve):
        predictor = None  # Its arrows would cover everything.
    figure = Figure(figsize=(9, 5.2))
    # Laid out by hand: the automatic layout would double the drawing time.
    for index in range(3):
        ax = figure.add_axes((0.055 + 0.315 * index, 0.36, 0.3, 0.52))
        _draw_field(ax, predictor, index, weights)
    _draw_curve(figure.add_axes((0.075, 0.1, 0.905, 0.18)), curve, steps)
    _draw_legend(figure)
    return figure, _words(curve, labels, hidden)


def _draw_field(ax, predictor, index, weights):
    points, labels = draw_examples(450, seed=1)
    ax.scatter(
        *points[labels == index].T, s=9, color=COLORS["forward"], linewidths=0
    )
    side = np.linspace(-0.85, 0.85, 8) * _REACH
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    label = np.full(len(grid), index)
    fields = {"true": (true_gradient(grid, label, weights), 0.016)}
    if predictor is not None:
        seen = predictor.see(grid, label)
        fields["synthetic"] = (predictor(seen), 0.007)
    # Lengths are relative to the weights above, else arrows would collide.
    style = {"angles": "xy", "scale_units": "xy", "scale": 2.8 * weights}
    for name, (arrows, width) in fields.items():
        ax.quiver(*grid.T, *arrows.T, color=COLORS[name], width=width, **style)
    ax.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH), aspect="equal")
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel("$h_1$", labelpad=2)
    ax.set_ylabel("$h_2$" if index == 0 else "", labelpad=2)
    ax.set_title(f"examples with label {_CLASSES[index]}", fontsize=10)


def _draw_curve(ax, curve, steps):
    errors = [measured["relative_error"] for _, measured in curve]
    ax.plot(
        [step for step, _ in curve],
        errors,
        color=COLORS["synthetic"],
        marker="o",
        markersize=3,
    )
    ax.axhline(0, color=COLORS["true"], linewidth=1)
    ax.set(xlim=(0, max(1, steps)), ylim=(-0.05, 1.2), yticks=(0, 0.5, 1))
    ax.set(xlabel="training step", ylabel="relative error")
    ax.spines[["top", "right"]].set_visible(False)


def _draw_legend(figure):
    kinds = {
        "true gradient": {"color": COLORS["true"], "linewidth": 4},
        "synthetic gradient": {"color": COLORS["synthetic"], "linewidth": 2},
    }
    lines = [Line2D([], [], label=name, **kind) for name, kind in kinds.items()]
    figure.legend(handles=lines, loc="upper center", ncols=2, frameon=False)


def _words(curve, labels, hidden):
    step, measured = curve[-1]
    start = (
        f"A {'hidden-layer' if hidden else 'linear'} predictor that sees h "
        f"{'and the label' if labels else 'but not the label'}, after {step} "
        "training steps. "
    )
    if has_diverged(curve):
        return start + "It diverged: this learning rate is too large."
    if step == 0:
        return start + "It predicts zero everywhere: relative error 1."
    return start + (
        f"On 500 other examples the cosine between true (blue) and synthetic "
        f"gradient (vermilion) is {measured['cosine']:.2f}, the relative error "
        f"{measured['relative_error']:.2f}."
    )


class PredictionPanel(Explorer):
    """Lets a reader train a gradient predictor and look at its field.

    Attributes:
        player: `Player` of the training steps.
    """

    def __init__(self):
        controls = {
            "labels": checkbox("the predictor sees the label", True),
            "hidden": dropdown(
                "predictor", {"linear": False, "hidden layer": True}, False
            ),
            "weights": slider("weights above", 0.5, 3.0, 1.0, step=0.25),
            "rate": dropdown("learning rate", (0.01, 0.03, 0.1, 0.3, 1.0), 0.1),
            "steps": slider("training steps", 0, 1000, 200, step=20),
        }
        self.player = Player(controls["steps"])
        super().__init__(
            "Prediction panel: a field of gradients, true and synthetic",
            draw_prediction,
            controls,
            self.player.buttons.values(),
        )
