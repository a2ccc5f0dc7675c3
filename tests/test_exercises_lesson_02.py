"""Right forms of answers to lesson 02 are accepted, slips get a hint."""

import judging
import numpy as np
import tensorflow as tf


def gradient_by_tape(h, y, w2):
    h = tf.Variable(h)
    with tf.GradientTape() as tape:
        loss = 0.5 * (w2 * h - y) ** 2
    return tape.gradient(loss, h)


def gradient_by_nudging(h, y, w2, nudge=1e-6):
    up, down = (0.5 * (w2 * (h + d) - y) ** 2 for d in (nudge, -nudge))
    return (up - down) / (2 * nudge)


def step(weights, seen, target, rate):
    error = seen @ weights - target
    return weights - rate * seen.T @ error / len(seen)


def step_in_place(weights, seen, target, rate):
    weights -= rate * seen.T @ (seen @ weights - target) / len(seen)
    return weights


def step_of_vectors(weights, seen, target, rate):
    error = seen @ weights - target
    return weights - rate * np.mean(error[:, None] * seen, axis=0)


def step_in_loops(weights, seen, target, rate):
    gradient = [0.0] * len(weights)
    for row, value in zip(seen, target, strict=True):
        error = sum(a * b for a, b in zip(row, weights, strict=True)) - value
        for k, one in enumerate(row):
            gradient[k] += error * one / len(seen)
    return [w - rate * g for w, g in zip(weights, gradient, strict=True)]


def step_by_tape(weights, seen, target, rate):
    weights = tf.Variable(weights)
    with tf.GradientTape() as tape:
        error = tf.linalg.matvec(seen, weights) - target
        loss = tf.reduce_mean(0.5 * error**2)
    return weights - rate * tape.gradient(loss, weights)


def scaled(factor):
    def wrong(weights, seen, target, rate):
        return weights + factor * (step(weights, seen, target, rate) - weights)

    return wrong


RIGHT = {
    "02-1": (
        lambda h, y, w2: w2 * (w2 * h - y),
        lambda h, y, w2: w2**2 * h - w2 * y,
        lambda h, y, w2: -w2 * (y - w2 * h),
        lambda h, y, w2: np.float32(w2 * (w2 * h - y)),
        lambda h, y, w2: np.dot([w2], [w2 * h - y]),
        gradient_by_nudging,
        gradient_by_tape,
    ),
    "02-2": (
        step,
        step_in_place,
        step_of_vectors,
        step_in_loops,
        step_by_tape,
        lambda w, s, t, r: w + r * (t - s @ w) @ s / len(t),
        lambda w, s, t, r: (
            w - r * np.einsum("ij,i->j", s, s @ w - t) / s.shape[0]
        ),
    ),
    "02-3": judging.choice_forms("c"),
    "02-4": (3, 3.0, "3", " 3 ", np.int64(3), np.array([3])),
}
WRONG = {
    "02-1": (
        (lambda h, y, w2: w2 * h - y, "the gradient above module 2"),
        (lambda h, y, w2: h * (w2 * h - y), "dL/dw2"),
        (lambda h, y, w2: -w2 * (w2 * h - y), "the sign is not"),
        (lambda h, y, w2: 2 * w2 * (w2 * h - y), "twice too large"),
        (lambda h, y, w2: 0, "nudging h says 3"),
        (lambda h, y, w2: w2, "At h=2, y=1, w2=1.5 you return 1.5"),
        (lambda h, y, w2: None, "Expected a number. Received: None"),
        (lambda h, y, w2: float("nan"), "Expected a number. Received: nan"),
        (lambda h: h, "gradient_at_h is called with 3 arguments"),
        (3.0, "Expected the function `gradient_at_h` itself"),
    ),
    "02-2": (
        (scaled(-1), "sign is turned round"),
        (scaled(4), "the sum over the batch"),
        (scaled(2), "twice too large"),
        (scaled(0.7), "The first value of your gradient"),
        (lambda w, s, t, r: scaled(len(s) / 4)(w, s, t, r), "The first value"),
        (lambda w, s, t, r: scaled(4 / 3)(w, s, t, r), "The first value"),
        (lambda w, s, t, r: (w - step(w, s, t, r)) / r, "The first value"),
        (lambda w, s, t, r: np.zeros(4), "you return the shape (4,)"),
        (lambda w, s, t, r: 0.0, "you return the shape ()"),
        (lambda w, s, t, r: None, "Expected an array. Received: None"),
        (np.zeros(3), "Expected the function `regression_step` itself"),
    ),
    "02-3": judging.choice_slips("c", "abcd"),
    "02-4": (
        (1, "1 is too small"),
        (2, "2 is too small"),
        (4, "4 is too large"),
        ("2", "2 is too small"),
        ("three", "Expected a number"),
        ("step 3", "Expected a number"),
        ([1, 2, 3], "Expected a number. Received: [1, 2, 3]"),
    ),
}


TestForms = judging.tests_of("02", RIGHT, WRONG)
