"""Speed-ups by counting: what multiply-accumulates alone would make of them."""

import functools
from typing import NamedTuple

from dni_lesson.costs import layer_macs, module_macs, step_macs
from dni_lesson.networks import mlp
from dni_lesson.schedules.cuts import best_cut, join
from dni_lesson.schedules.speed import (
    CLAIM,
    fewest_workers,
    max_speedup,
    needed_delay,
)


class Counts(NamedTuple):
    """How many times as fast as backprop, in four ways of counting.

    Attributes:
        per_iteration: Float, an iteration in which each layer is updated with
            probability p, in a call of its own.
        per_update: Float, a layer-update in such a call.
        one_call: Float, an iteration in which all layers are updated.
        most: Float, the bound with several workers.
        workers: Integer or `None`, how many workers 3-fold takes at least.
        delay: Float or `None`, the link delay, as a share of a backprop step,
            from which the workers are 3 times as fast as locked ones over the
            same cut; `None` if the best cut is no cut.
    """

    per_iteration: float
    per_update: float
    one_call: float
    most: float
    workers: int | None
    delay: float | None


def count(p, depth, units, predictor_units, workers):
    """Returns the `Counts` of the course's MLP with cDNI.

    Args:
        p: Float in (0, 1].
        depth: Integer >= 2, weight layers.
        units: Integer >= 1, the width of the hidden layers.
        predictor_units: Tuple of integers, the predictor's hidden layers.
        workers: Integer >= 1.

    Example:

    >>> from dni_lesson.experiments.counting import count
    >>> round(count(0.2, 4, 256, (), workers=4).most, 2)
    1.49
    """
    backprop, one_call, calls, costs = _macs(depth, units, predictor_units)
    parts = join(best_cut(*costs, workers), *costs)
    has_links = len(parts[0]) > 1
    return Counts(
        per_iteration=backprop / (p * calls),
        per_update=backprop / calls,
        one_call=backprop / one_call,
        most=max_speedup(*parts),
        workers=fewest_workers(CLAIM, *costs),
        delay=needed_delay(CLAIM, *parts) / backprop if has_links else None,
    )


@functools.lru_cache
def _macs(depth, units, predictor_units):
    options = {"predictor_units": predictor_units}
    model = mlp(depth, units, "cdni", **options)
    calls = sum(layer_macs(model, k) for k in range(depth))
    backprop = step_macs(mlp(depth, units, "backprop"))
    return backprop, step_macs(model), calls, module_macs(model)
