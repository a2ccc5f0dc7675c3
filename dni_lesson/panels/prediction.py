"""A predictor learns a field of gradients: the panel of lesson 02.

Three classes of points stand for the hidden values of a network, a fixed
softmax module stands above them. The true gradient at a point depends on where
the point is and on its label; a predictor learns it from examples. NumPy only,
so that a whole training run fits between two moves of a slider.
"""

from dni_lesson.monitors import agreement
from dni_lesson.panels.background import Player
from dni_lesson.panels.panel import Explorer, checkbox, dropdown, slider
from dni_lesson.plots import COLORS

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

_ANGLES = np.deg2rad([90, 210, 330])
_CENTRES = 1.1 * np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])
_SPREAD = 0.6
_BATCH = 32
_HIDDEN = 24
_DIVERGED = 1e3  # The relative error of training that has diverged.
_CLASSES = "ABC"
_REACH = 2.4  # Half the side of the plane that is drawn.


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


def draw_prediction(labels, hidden, weights, rate, steps):
    """Draws true and predicted gradients over the plane of hidden values.

    Args:
        labels, hidden, weights, rate, steps: As in `train_predictor`.

    Returns:
        `(figure, words)`.
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
        synthetic = predictor(predictor.inputs(grid, label))
        fields["synthetic"] = (synthetic, 0.007)
    # Lengths are relative to the weights above, and middles are on the grid:
    # else arrows would collide, or be cut off at the edge.
    style = {"angles": "xy", "scale_units": "xy", "scale": 3.4 * weights}
    style["pivot"] = "mid"
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


def draw_examples(count, seed):
    """Returns points `(count, 2)` and their labels `(count,)` in [0, 3)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=count)
    noise = _SPREAD * rng.normal(size=(count, 2))
    return _CENTRES[labels] + noise, labels


def true_gradient(h, labels, weights):
    """Returns the gradient of the cross-entropy loss of each example.

    Args:
        h: Array `(batch, 2)`, hidden values.
        labels: Integer array `(batch,)` with values in [0, 3).
        weights: Float, the size of the weights of the softmax module above.

    Returns:
        Array `(batch, 2)`, in per-example units.
    """
    top = weights * _CENTRES.T
    odds = np.exp(h @ top)
    softmax = odds / odds.sum(axis=1, keepdims=True)
    return (softmax - np.eye(3)[labels]) @ top.T


class GradientPredictor:
    """A predictor of gradients that predicts zero at first.

    It is a linear map, behind one hidden layer if that is asked for.

    Args:
        sees_labels: Boolean, whether it sees the one-hot labels beside `h`.
        hidden: Boolean, whether it has a hidden layer of 24 tanh units.
    """

    def __init__(self, sees_labels, hidden):
        self.sees_labels = sees_labels
        width = 3 + 3 * sees_labels
        self.hidden = None  # The weights of the hidden layer, if any.
        if hidden:
            self.hidden = np.random.default_rng(0).normal(
                scale=0.7, size=(width, _HIDDEN)
            )
            width = _HIDDEN + 1
        self.output = np.zeros((width, 2))

    def inputs(self, h, labels):
        """Returns what it sees of examples, `(batch, inputs)`, with a bias."""
        bias = np.ones((len(h), 1))
        one_hot = [np.eye(3)[labels]] if self.sees_labels else []
        return np.hstack([h, *one_hot, bias])

    def __call__(self, inputs):
        """Returns the synthetic gradients `(batch, 2)`."""
        return self._features(inputs) @ self.output

    def learn(self, inputs, true, rate):
        """Takes a gradient step on half the squared error, batch mean."""
        features = self._features(inputs)
        error = (features @ self.output - true) / len(true)
        if self.hidden is not None:
            slope = 1 - features[:, :-1] ** 2
            back = error @ self.output[:-1].T * slope
            self.hidden -= rate * inputs.T @ back
        self.output -= rate * features.T @ error

    def _features(self, inputs):
        if self.hidden is None:
            return inputs
        return np.hstack([np.tanh(inputs @ self.hidden), inputs[:, -1:]])


def train_predictor(labels, hidden, weights, rate, steps):
    """Trains a predictor of the gradient at the points of the plane.

    Args:
        labels: Boolean, whether the predictor sees the labels.
        hidden: Boolean, whether it has a hidden layer.
        weights: Float > 0, the size of the weights of the module above.
        rate: Float > 0, the learning rate of plain gradient descent.
        steps: Integer >= 0, the number of steps with 32 examples each.

    Returns:
        `predictor, curve`: the `GradientPredictor`, and a list of
        `(step, agreement)` on 500 examples that it does not train on. Training
        ends early if it diverges.
    """
    predictor = GradientPredictor(labels, hidden)
    h, y = draw_examples(2000, seed=0)
    inputs, true = predictor.inputs(h, y), true_gradient(h, y, weights)
    h, y = draw_examples(500, seed=1)
    probe, probe_true = predictor.inputs(h, y), true_gradient(h, y, weights)
    batches = np.random.default_rng(2).integers(2000, size=(steps, _BATCH))
    every = max(1, steps // 40)
    curve = []
    for step in range(steps + 1):
        if step % every == 0 or step == steps:
            curve.append((step, agreement(probe_true, predictor(probe))))
            if has_diverged(curve):
                break
        if step < steps:
            batch = batches[step]
            predictor.learn(inputs[batch], true[batch], rate)
    return predictor, curve


def has_diverged(curve):
    """Returns whether the learning rate was too large for this curve."""
    return not curve[-1][1]["relative_error"] < _DIVERGED
