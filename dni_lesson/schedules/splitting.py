"""How to cut an MLP among workers, and what each then costs.

Time is taken to be proportional to multiply-accumulates, counted as in
`dni_lesson.costs`, but for networks that nobody has built.
"""

import itertools

from dni_lesson.costs import Costs
from dni_lesson.schedules.cuts import best_cut, join

_INPUTS, _CLASSES = 784, 10


def split(layers, units, predictor_units, step_ms, workers):
    """Returns what each worker of the best cut costs: `Costs`, in ms.

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
    forward = [a * b for a, b in itertools.pairwise(sizes)]
    # Nobody needs the gradient of the input.
    backward = [forward[0], *[2 * macs for macs in forward[1:]]]
    predictor = [_predictor_macs(units, predictor_units)] * (layers - 1) + [0]
    costs = forward, backward, predictor
    ms = step_ms / (sum(forward) + sum(backward))
    cut = best_cut(*costs, workers, exactly=True)
    return Costs(*([ms * macs for macs in one] for one in join(cut, *costs)))


def _predictor_macs(units, hidden):
    """As `dni_lesson.costs` counts: forward, weights, all inputs but one."""
    if hidden is None:
        return 0
    sizes = [units + _CLASSES, *hidden, units]
    weights = [a * b for a, b in itertools.pairwise(sizes)]
    return 2 * sum(weights) + sum(weights[1:])
