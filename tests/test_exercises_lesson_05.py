"""Right forms of answers to lesson 05 are accepted, slips get a hint."""

from fractions import Fraction

from dni_lesson.schedules.speed import needed_delay

import judging
import numpy as np


def per_update(seconds, updates, backprop_seconds, backprop_updates):
    return (updates / seconds) / (backprop_updates / backprop_seconds)


def slowest_in_a_loop(speedup, forward, backward, predictor):
    slowest = 0
    for k in range(len(forward)):
        slowest = max(slowest, forward[k] + backward[k] + predictor[k])
    work = sum(forward) + sum(backward)
    crossings = 2 * (len(forward) - 1)
    return max(speedup * slowest - work, 0) / crossings


def with_numpy(speedup, *costs):
    slowest = np.sum(costs, axis=0).max()
    gap = speedup * slowest - np.sum(costs[:2])
    return np.maximum(gap, 0) / (2 * len(costs[0]) - 2)


def in_place(speedup, forward, backward, predictor):
    work = sum(forward + backward)
    for k, one in enumerate(backward):
        forward[k] += one + predictor[k]
    forward.sort()
    locked = speedup * forward.pop()
    return max(locked - work, 0) / (2 * len(forward))


def with_slowest(choose):
    """Returns the answer that takes `choose` for the slowest worker."""

    def delay_for(speedup, forward, backward, predictor):
        locked = speedup * choose(forward, backward, predictor)
        gap = max(locked - sum(forward + backward), 0)
        return gap / (2 * (len(forward) - 1))

    return delay_for


def rows(*costs):
    return list(map(sum, zip(*costs, strict=True)))


RIGHT = {
    "05-1": (
        0.41,
        0.4096,
        0.8**4,
        "0.41",
        "41 %",
        "41%",
        "0,41",
        Fraction(41, 100),
        np.float32(0.41),
    ),
    "05-2": (
        per_update,
        lambda s, u, bs, bu: (u * bs) / (s * bu),
        lambda s, u, bs, bu: (u / bu) * (bs / s),
        lambda s, u, bs, bu: np.divide(u, s) / np.divide(bu, bs),
        lambda s, u, bs, bu: float(Fraction(u) * Fraction(bs) / bu) / s,
        lambda s, u, bs, bu: np.float32(per_update(s, u, bs, bu)),
        lambda *row: 1 / per_update(row[2], row[3], row[0], row[1]),
    ),
    "05-3": judging.choice_forms("c"),
    "05-4": (
        needed_delay,
        slowest_in_a_loop,
        with_numpy,
        in_place,
        with_slowest(lambda *costs: max(rows(*costs))),
        with_slowest(lambda *costs: sorted(rows(*costs))[-1]),
    ),
}
WRONG = {
    "05-1": (
        (0.2, "0.2 is too small"),
        (0.8, "0.8 is too large"),
        (1 - 0.8**4, "0.5904 is too large"),
        (0.2**4, "0.0016 is too small"),
        (41, "41 is too large"),
        ("59 %", "0.59 is too large"),
        ("2 of 5", "Expected a number"),
    ),
    "05-2": (
        (lambda s, u, bs, bu: bs / s, "a fifth of the updates in the"),
        (lambda s, u, bs, bu: u / bu, "in twice the time"),
        (lambda s, u, bs, bu: u / s, "received 20"),
        (lambda s, u, bs, bu: s / u, "received 0.05"),
        (lambda s, u, bs, bu: (s / u) / (bs / bu), "received 2."),
        (lambda s, u, bs, bu: (u / s) / (bs / bu), "received 800"),
        (lambda s, u, bs, bu: u / s - bu / bs, "received -20"),
        (lambda s, u, bs, bu: None, "received None"),
        (lambda s, u: u / s, "per_update is called with 4 arguments"),
    ),
    "05-3": judging.choice_slips("c", "abcd"),
    "05-4": (
        (lambda v, f, b, s: 0.0, "two equal modules"),
        (
            lambda v, f, b, s: needed_delay(v, f, b),
            "a predictor of 1 on the first",
        ),
        (
            with_slowest(lambda f, b, s: max(f) + max(b) + max(s)),
            "long forward below, long above",
        ),
        (
            with_slowest(lambda f, b, s: max(rows(f, b)) + max(s)),
            "a costly predictor on the lesser one",
        ),
        (with_slowest(lambda f, b, s: sum(f + b)), "two equal modules"),
        (with_slowest(lambda f, b, s: min(rows(f, b, s))), "a predictor of 1"),
        (lambda *row: 2 * needed_delay(*row), "two equal modules"),
        (with_slowest(lambda f, b, s: max(rows(f, b, s)) / 3), "two equal"),
        (
            lambda v, f, b, s: (v * max(rows(f, b, s)) - sum(f + b)) / 2,
            "three modules",
        ),
        (lambda *row: needed_delay(*row) or -1, "no delay is needed"),
        (3.0, "Expected the function `delay_for` itself"),
    ),
}


TestForms = judging.tests_of("05", RIGHT, WRONG)
