"""Right forms of answers to lesson 08 are accepted, slips get a hint."""

from fractions import Fraction

import judging
import numpy as np
import tensorflow as tf


def through_average(g, size):
    g = np.repeat(np.repeat(g, size, axis=0), size, axis=1)
    return g / size**2


def spread(factor):
    """Returns the answer that divides by something else."""
    return lambda g, size: factor(size) * np.kron(g, np.ones((size, size)))


def by_loops(g, size):
    height, width = np.shape(g)
    out = np.zeros((size * height, size * width))
    for row in range(size * height):
        for column in range(size * width):
            out[row, column] = g[row // size][column // size] / (size * size)
    return out


def by_lists(g, size):
    return [
        [value / size**2 for value in row for _ in range(size)]
        for row in g
        for _ in range(size)
    ]


def by_tape(g, size):
    h = tf.zeros((1, size * len(g), size * len(g[0]), 1))
    with tf.GradientTape() as tape:
        tape.watch(h)
        pooled = tf.nn.avg_pool2d(h, size, size, "VALID")[0, :, :, 0]
        total = tf.reduce_sum(pooled * tf.constant(g))
    return tape.gradient(total, h)[0, :, :, 0]


def sent_down(share, at_loss, factors, predicted):
    sent, arriving = [], at_loss
    for factor, guess in zip(factors, predicted):
        mixture = share * arriving + (1 - share) * guess
        sent.append(mixture)
        arriving = factor * mixture
    return sent


def chain(mix, passed_on=lambda arriving, mixture: mixture):
    """Returns the answer that mixes so, and passes that on."""

    def answer(share, at_loss, factors, predicted):
        sent, arriving = [], at_loss
        for factor, guess in zip(factors, predicted):
            mixture = mix(share, arriving, guess)
            sent.append(mixture)
            arriving = factor * passed_on(arriving, mixture)
        return sent

    return answer


def recursive(share, at_loss, factors, predicted):
    if not predicted:
        return []
    first = predicted[0] + share * (at_loss - predicted[0])
    below = recursive(share, factors[0] * first, factors[1:], predicted[1:])
    return [first, *below]


def in_an_array(share, at_loss, factors, predicted):
    sent = np.array(predicted) * (1 - share)
    arriving = at_loss
    for k, factor in enumerate(factors):
        sent[k] += share * arriving
        arriving = sent[k] * factor
    return sent


def mixed(share, arriving, guess):
    return share * arriving + (1 - share) * guess


RIGHT = {
    "08-1": (1296, 1304, "1296", 1296.0, np.int64(1304), Fraction(1296)),
    "08-2": (
        through_average,
        spread(lambda size: size**-2.0),
        by_loops,
        by_lists,
        by_tape,
        lambda g, size: through_average(np.array(g) / size, size) * size,
    ),
    "08-3": judging.choice_forms("b"),
    "08-4": judging.choice_forms("b"),
    "08-5": (
        sent_down,
        chain(mixed),
        chain(lambda s, g, guess: guess + s * (g - guess)),
        chain(lambda s, g, guess: g - (1 - s) * (g - guess)),
        recursive,
        in_an_array,
        lambda *args: tuple(sent_down(*args)),
    ),
}
WRONG = {
    "08-1": (
        (144, "144 is too small"),
        (72 * 8, "576 is too small"),
        (2_474_304, "2.4743e+06 is too large"),
        (3 * 3 * 18, "162 is too small"),
        (8 * 18, "144 is too small"),
        (1568, "1568 is too large"),
        ("many", "Expected a number"),
    ),
    "08-2": (
        (spread(lambda size: 1), "each of four gets a quarter"),
        (spread(lambda size: 1 / size), "each of four gets a quarter"),
        (
            lambda g, size: np.tile(g, (size, size)) / size**2,
            "neighbours share a window",
        ),
        (
            lambda g, size: np.repeat(g, size, axis=0) / size**2,
            "expected [[0.2, 0.2], [0.2, 0.2]]",
        ),
        (spread(lambda size: 0.25), "windows of one"),
        (lambda g, size: np.array(g) / size**2, "received [[0.2]]"),
        (lambda g, size: None, "received None"),
        (0.2, "Expected the function `through_average` itself"),
    ),
    "08-3": judging.choice_slips("b", "abc"),
    "08-4": judging.choice_slips("b", "abc"),
    "08-5": (
        (
            chain(mixed, lambda arriving, mixture: arriving),
            "the mixture is what goes on down",
        ),
        (chain(lambda s, g, guess: mixed(1 - s, g, guess)), "share 0 is DNI"),
        (chain(lambda s, g, guess: guess), "share 1 is backprop"),
        (chain(lambda s, g, guess: g), "share 0 is DNI"),
        (chain(lambda s, g, guess: s * g + guess), "share 1 is backprop"),
        (lambda *args: sent_down(*args)[::-1], "share 0 is DNI"),
        (lambda *args: sent_down(*args)[:1], "share 0 is DNI"),
        (lambda *args: None, "received None"),
        ([0.5, 2.0], "Expected the function `sent_down` itself"),
    ),
}


TestForms = judging.tests_of("08", RIGHT, WRONG)
