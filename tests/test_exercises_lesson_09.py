"""Right forms of answers to lesson 09 are accepted, slips get a hint."""

import functools
import math

import judging
import numpy as np
import tensorflow as tf


def arriving(own, behind, rotation):
    g = behind
    for gradient in reversed(own):
        g = (g + gradient) @ rotation.T
    return g


def arriving_in_place(own, behind, rotation):
    while own:
        behind += own.pop()
        behind = behind @ rotation.T
    return behind


def arriving_by_sums(own, behind, rotation):
    power, total = np.eye(len(rotation)), np.zeros_like(behind)
    for gradient in own:
        power = power @ rotation
        total = total + gradient @ power.T
    return total + behind @ power.T


def arriving_by_reduce(own, behind, rotation):
    return functools.reduce(
        lambda g, one: np.dot(g + one, rotation.T), own[::-1], behind
    )


def arriving_by_recursion(own, behind, rotation):
    if not own:
        return behind
    last = (behind + own[-1]) @ np.transpose(rotation)
    return arriving_by_recursion(own[:-1], last, rotation)


def arriving_by_tape(own, behind, rotation):
    s = tf.zeros_like(behind)
    with tf.GradientTape() as tape:
        tape.watch(s)
        state, loss = s, 0.0
        for gradient in own:
            state = state @ rotation
            loss += tf.reduce_sum(state * gradient)
        loss += tf.reduce_sum(state * behind)
    return tape.gradient(loss, s)


def own_after_the_step(own, behind, rotation):
    for gradient in own[::-1]:
        behind = behind @ rotation.T + gradient
    return behind


def bits(p, bits, asked):
    cost = -np.log2(np.where(bits == 1, p, 1 - p))
    return np.sum(cost * asked) / np.sum(asked)


def bits_in_a_loop(p, bits, asked):
    costs = [
        -math.log2(p[k] if bits[k] else 1 - p[k])
        for k in range(len(p))
        if asked[k]
    ]
    return sum(costs) / len(costs)


def bits_by_crossentropy(p, bits, asked):
    nats = -bits * np.log(p) - (1 - bits) * np.log(1 - p)
    return np.average(nats, weights=asked) / np.log(2)


def bits_chosen_first(p, bits, asked):
    p, bits = p[asked == 1], bits[asked == 1]
    return -np.mean(bits * np.log2(p) + (1 - bits) * np.log2(1 - p))


def cost(p, bits):
    return -np.log2(np.where(bits == 1, p, 1 - p))


RIGHT = {
    "09-1": (
        arriving,
        arriving_in_place,
        arriving_by_sums,
        arriving_by_reduce,
        arriving_by_recursion,
        arriving_by_tape,
        lambda o, b, r: arriving(o, b, r).tolist(),
    ),
    "09-2": (3, 3.0, "3", np.int64(3), [3], np.array(3.0)),
    "09-3": judging.choice_forms("b"),
    "09-4": (
        bits,
        bits_in_a_loop,
        bits_by_crossentropy,
        bits_chosen_first,
        lambda p, b, a: [bits(p, b, a)],
        lambda p, b, a: np.mean(cost(p, b)[a > 0]),
        lambda p, b, a: np.mean(-np.log2(np.abs(1 - b - p))[a.astype(bool)]),
    ),
}
WRONG = {
    "09-1": (
        (lambda o, b, r: arriving(o, 0 * b, r), "forgets what arrives"),
        (
            lambda o, b, r: arriving([0 * g for g in o], b, r),
            "forgets the losses",
        ),
        (lambda o, b, r: arriving(o, b, r.T), "transposed"),
        (lambda o, b, r: arriving(o[::-1], b, r), "start at its end"),
        (own_after_the_step, "before the step back"),
        (lambda o, b, r: -arriving(o, b, r), "nudging"),
        (lambda o, b, r: arriving(o, b, r)[0], "the shape"),
        (lambda o, b, r: None, "Expected an array"),
        (lambda o, b: b, "is called with 3 arguments"),
    ),
    "09-2": (
        (1, "too small"),
        (2, "too small"),
        (4, "too large"),
        (12, "too large"),
        ("three", "Expected a number"),
        ("soon", "Expected a number"),
    ),
    "09-3": judging.choice_slips("b", "abcd"),
    "09-4": (
        (lambda p, b, a: np.mean(cost(p, b) * a), "divide by all steps"),
        (lambda p, b, a: np.mean(cost(p, b)), "nothing is asked"),
        (lambda p, b, a: np.sum(cost(p, b) * a), "That is the sum"),
        (lambda p, b, a: bits(p, b, a) * np.log(2), "base 2"),
        (lambda p, b, a: -bits(p, b, a), "mind the sign"),
        (
            lambda p, b, a: np.sum(-np.log2(p) * a) / np.sum(a),
            "its probability is 1 - p",
        ),
        (lambda p, b, a: 1.0, "Received: 1"),
        (lambda p, b, a: cost(p, b), "Expected a number"),
        (lambda p, b: 0.0, "is called with 3 arguments"),
    ),
}
TestLesson09 = judging.tests_of("09", RIGHT, WRONG)
