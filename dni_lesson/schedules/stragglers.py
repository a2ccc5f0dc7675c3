"""Workers that are slow now and then, the same ones for every schedule."""

import functools
import random

from dni_lesson.checks import (
    as_float,
    check_int,
    check_positive,
    check_that,
)


def stragglers(workers, factor, probability, seed=0):
    """Returns a `slowdown` for `timetable`: now and then one worker is slow.

    At each mini-batch, with this probability, one worker drawn at random takes
    `factor` times as long for all its tasks. Who is slow and when depends on
    the seed alone, so schedules can be compared over the same bad luck. On
    average a worker then has `1 + probability * (factor - 1) / workers` times
    the work.

    Args:
        workers: Integer >= 1.
        factor: Float > 0.
        probability: Float in [0, 1], of a slow worker at a mini-batch.
        seed: Integer >= 0. Default `0`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> slowdown = stragglers(workers=4, factor=2, probability=1)
    >>> sorted(slowdown(worker, minibatch=7) for worker in (1, 2, 3, 4))
    [1.0, 1.0, 1.0, 2.0]
    """
    workers = check_int("workers", workers, at_least=1)
    factor = check_positive("factor", factor)
    seed = check_int("seed", seed, at_least=0)
    is_right = 0 <= as_float(probability) <= 1
    check_that(is_right, "probability", probability, "a number in [0, 1]")

    @functools.cache
    def slow_worker(minibatch):
        rng = random.Random(f"{seed} {minibatch}")
        is_slow = rng.random() < probability
        return 1 + int(rng.random() * workers) if is_slow else None

    return lambda worker, minibatch: (
        factor if worker == slow_worker(minibatch) else 1.0
    )
