"""A predictor learns a field of gradients: what `PredictionPanel` trains.

Three classes of points stand for the hidden values of a network, a fixed
softmax module stands above them. The true gradient at a point depends on where
the point is and on its label; a predictor learns it from examples. NumPy only,
so that a whole training run fits between two moves of a slider.
"""

from dni_lesson.monitors import agreement

import numpy as np

_ANGLES = np.deg2rad([90, 210, 330])
_CENTRES = 1.1 * np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])
_SPREAD = 0.6
_BATCH = 32
_HIDDEN = 24
_LOST = 1e3  # A relative error beyond which training has diverged.


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
    """A linear map, if wanted behind one hidden layer, that starts at zero.

    Args:
        sees_labels: Boolean, whether it sees the one-hot labels beside `h`.
        hidden: Boolean, whether it has a hidden layer of 24 tanh units.
    """

    def __init__(self, sees_labels, hidden):
        self.sees_labels = sees_labels
        inputs = 3 + 3 * sees_labels
        self.hidden = None  # The weights of the hidden layer, if any.
        if hidden:
            self.hidden = np.random.default_rng(0).normal(
                scale=0.7, size=(inputs, _HIDDEN)
            )
            inputs = _HIDDEN + 1
        self.output = np.zeros((inputs, 2))

    def see(self, h, labels):
        """Returns what it sees of examples: `(batch, inputs)`."""
        one = np.ones((len(h), 1))
        label = [np.eye(3)[labels]] if self.sees_labels else []
        return np.hstack([h, *label, one])

    def __call__(self, seen):
        """Returns the synthetic gradients `(batch, 2)`."""
        return self._features(seen) @ self.output

    def learn(self, seen, true, rate):
        """Makes a gradient step on half the squared error, batch mean."""
        features = self._features(seen)
        error = (features @ self.output - true) / len(true)
        if self.hidden is not None:
            slope = 1 - features[:, :-1] ** 2
            back = error @ self.output[:-1].T * slope
            self.hidden -= rate * seen.T @ back
        self.output -= rate * features.T @ error

    def _features(self, seen):
        if self.hidden is None:
            return seen
        return np.hstack([np.tanh(seen @ self.hidden), seen[:, -1:]])


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
    seen, true = predictor.see(h, y), true_gradient(h, y, weights)
    h, y = draw_examples(500, seed=1)
    probe, probe_true = predictor.see(h, y), true_gradient(h, y, weights)
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
            predictor.learn(seen[batch], true[batch], rate)
    return predictor, curve


def has_diverged(curve):
    """Returns whether the learning rate was too large for this curve."""
    return not curve[-1][1]["relative_error"] < _LOST
