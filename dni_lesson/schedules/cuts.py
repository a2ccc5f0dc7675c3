"""Sharing the modules of a network out among workers.

A network is cut between modules; a module is not split. Inside a worker the
true gradient passes and no predictor is needed, so only the predictor above a
worker's last module costs anything.
"""

import functools
import itertools

from dni_lesson.checks import check_bool, check_costs, check_int

# Of the MNIST digits: pixels and classes.
_INPUTS, _CLASSES = 784, 10


def best_cut(forward, backward, predictor=None, workers=2, exactly=False):
    """Returns the cut whose slowest worker is as fast as can be.

    Where a predictor costs more than one more worker gains, fewer workers than
    there are make the best cut. Of equally good cuts it is the one that gives
    least to the workers near the input.

    Args:
        forward: Sequence of floats > 0, one cost per module.
        backward: Sequence of floats > 0.
        predictor: Sequence of floats >= 0, the last 0. Default: all 0.
        workers: Integer >= 1, the most that may be used. Default `2`.
        exactly: Boolean: use all of them, also where fewer are faster; they
            must not be more than the modules. Default `False`.

    Returns:
        A list of integers: how many modules each worker gets, from the input.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> best_cut([3, 1, 1, 1], [3, 1, 1, 1], workers=2)
    [1, 3]
    """
    costs = check_costs(forward, backward, predictor)
    workers = check_int("workers", workers, at_least=1)
    exactly = check_bool("exactly", exactly)
    modules = len(costs[0])
    if exactly and workers > modules:
        raise ValueError(
            f"`workers`. Expected at most {modules}, one for each module. "
            f"Received: workers={workers}"
        )

    def time(start, end):
        work = sum(costs[0][start:end]) + sum(costs[1][start:end])
        return work + costs[2][end - 1]

    ends = best_ends(time, range(1, modules + 1), workers, exactly)
    return [end - start for start, end in itertools.pairwise([0, *ends])]


def best_ends(time, places, workers, exactly=True):
    """Returns where the parts of the workers end in the best cut.

    The best cut is the one whose slowest worker is as fast as can be.

    Args:
        time: Function of the first module of a part and of the one behind its
            last, which returns how long a worker needs for this part.
        places: Increasing sequence of integers, the modules before which a part
            may end; the last is the number of modules.
        workers: Integer >= 1, with `exactly` at most as many as places.
        exactly: Boolean, whether all workers must get a part. Default `True`.

    Returns:
        A list of integers out of `places`, one for each part. Of equally good
        cuts it is the one that gives least to the workers near the input.
    """
    last = places[-1]

    @functools.cache
    def best(start, workers):
        """Returns the time of the slowest worker from here on, and the ends."""
        whole = time(start, last), (last,)
        if workers == 1:
            return whole
        cuts = [] if exactly else [whole]
        # The workers above need a place each, or one for all of them.
        above = workers - 1 if exactly else 1
        for end in (place for place in places[:-above] if place > start):
            slowest, ends = best(end, workers - 1)
            cuts.append((max(slowest, time(start, end)), (end, *ends)))
        return min(cuts)

    return list(best(0, workers)[1])


def join(cut, forward, backward, predictor):
    """Returns the costs of each worker as three lists.

    Args:
        cut: List of integers, how many modules each worker gets.
        forward, backward, predictor: Sequences of floats, one per module.

    Example:

    >>> join([1, 2], [3, 1, 1], [3, 2, 2], [1, 1, 0])
    ([3, 2], [3, 4], [1, 0])
    """
    edges = itertools.accumulate(cut, initial=0)
    parts = [slice(*pair) for pair in itertools.pairwise(edges)]
    return (
        [sum(forward[part]) for part in parts],
        [sum(backward[part]) for part in parts],
        [predictor[part][-1] for part in parts],
    )


def split(layers, units, predictor, step_ms, workers):
    """Returns what each worker of the best cut of an MLP costs, in ms.

    Time is taken to be proportional to multiply-accumulates, counted as in
    `dni_lesson.costs`, but for networks that nobody has built.

    Args:
        layers: Integer >= 2, the weight layers of an MLP for MNIST.
        units: Integer >= 1, the width of its hidden layers.
        predictor: What predicts gradients, from activations and label, as for
            `mlp`; or `None` if it costs nothing.
        step_ms: Float > 0, how long one worker needs for a mini-batch of
            backprop, in ms.
        workers: Integer in [2, layers]: each gets a run of layers, and all but
            the last a predictor above it.

    Returns:
        Three lists of floats, `forward`, `backward` and `predictor`, with one
        entry for each worker, from the input.
    """
    sizes = [_INPUTS, *[units] * (layers - 1), _CLASSES]
    forward = [a * b for a, b in itertools.pairwise(sizes)]
    # Nobody needs the gradient of the input.
    backward = [forward[0], *[2 * macs for macs in forward[1:]]]
    predicting = [_predictor_macs(units, predictor)] * (layers - 1) + [0]
    costs = forward, backward, predicting
    ms = step_ms / (sum(forward) + sum(backward))
    cut = best_cut(*costs, workers, exactly=True)
    return tuple([ms * macs for macs in part] for part in join(cut, *costs))


def _predictor_macs(units, predictor):
    """Returns the multiply-accumulates of a prediction and its training.

    They are those of the forward pass, of the gradient of the weights, and of
    the gradient of every layer's input but the first. A softmax predictor
    needs no gradient of an input.
    """
    if predictor is None:
        return 0
    if predictor == "softmax":
        return 4 * units * _CLASSES
    hidden = () if predictor == "linear" else predictor
    sizes = [units + _CLASSES, *hidden, units]
    weights = [a * b for a, b in itertools.pairwise(sizes)]
    return 2 * sum(weights) + sum(weights[1:])
