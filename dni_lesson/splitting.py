"""How to cut an MLP among workers, and what each then costs.

Time is taken to be proportional to multiply-accumulates, counted as in
`dni_lesson.costs`, but for networks that nobody has built.
"""

import itertools
from typing import NamedTuple

import numpy as np

_INPUTS, _CLASSES = 784, 10


class Costs(NamedTuple):
    """What a mini-batch costs each worker, in ms."""

    forward: list[float]
    backward: list[float]
    predictor: list[float]


def split(layers, units, predictor_units, step_ms, workers):
    """Returns the `Costs` of the cut that makes the slowest worker fastest.

    Args:
        layers: Integer >= 2, the weight layers of an MLP for MNIST.
        units: Integer >= 1, the width of its hidden layers.
        predictor_units: Tuple of integers, the hidden layers of predictors; or
            `None` if they cost nothing. They see the label.
        step_ms: Float > 0, how long one worker needs for a mini-batch of
            backprop, in ms.
        workers: Integer in [2, layers]: each gets a run of layers, and all but
            the last a predictor above it.
    """
    sizes = [_INPUTS, *[units] * (layers - 1), _CLASSES]
    forward = np.array([a * b for a, b in itertools.pairwise(sizes)], float)
    backward = 2 * forward
    backward[0] /= 2  # Nobody needs the gradient of the input.
    ms = step_ms / (forward.sum() + backward.sum())
    predictor = [_predictor_macs(units, predictor_units)] * (workers - 1) + [0]

    def costs(cuts):
        starts = [0, *cuts]
        return Costs(
            (ms * np.add.reduceat(forward, starts)).tolist(),
            (ms * np.add.reduceat(backward, starts)).tolist(),
            [ms * cost for cost in predictor],
        )

    places = itertools.combinations(range(1, layers), workers - 1)
    return min(map(costs, places), key=lambda c: max(map(sum, zip(*c))))


def _predictor_macs(units, hidden):
    """As `dni_lesson.costs` counts: forward, weights, all inputs but one."""
    if hidden is None:
        return 0
    sizes = [units + _CLASSES, *hidden, units]
    weights = [a * b for a, b in itertools.pairwise(sizes)]
    return 2 * sum(weights) + sum(weights[1:])
