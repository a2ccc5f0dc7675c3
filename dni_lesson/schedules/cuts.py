"""Sharing the modules of a network out among workers.

A network is cut between modules; a module is not split. Inside a worker the
true gradient passes and no predictor is needed, so only the predictor above a
worker's last module costs anything.
"""

import functools
import itertools

from dni_lesson.checks import check_bool, check_int
from dni_lesson.schedules.timetable import check_costs


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

    @functools.cache
    def best(start, workers):
        """Returns the slowest time among the modules above, and their cut."""
        whole = (time(start, modules), [modules - start])
        if workers == 1:
            return whole
        found = [] if exactly else [whole]
        end = modules - workers + 2 if exactly else modules
        for middle in range(start + 1, end):
            slowest, cut = best(middle, workers - 1)
            slowest = max(slowest, time(start, middle))
            found.append((slowest, [middle - start, *cut]))
        return min(found)

    return best(0, workers)[1]


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
