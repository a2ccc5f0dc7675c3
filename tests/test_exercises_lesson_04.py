"""Right forms of answers to lesson 04 are accepted, slips get a hint."""

from dni_lesson.monitors import agreement

import judging
import numpy as np
import tensorflow as tf


def cosine(true, synthetic):
    true, synthetic = np.ravel(true), np.ravel(synthetic)
    lengths = np.linalg.norm(true) * np.linalg.norm(synthetic)
    return true @ synthetic / lengths


def cosine_of_directions(true, synthetic):
    true /= np.linalg.norm(true)
    synthetic /= np.linalg.norm(synthetic)
    return np.sum(true * synthetic)


def cosine_by_tensors(true, synthetic):
    true, synthetic = (
        tf.linalg.l2_normalize(tf.reshape(one, [-1]), axis=0)
        for one in (true, synthetic)
    )
    return tf.reduce_sum(true * synthetic)


def signs(true, synthetic):
    true, synthetic = np.ravel(true), np.ravel(synthetic)
    return np.mean((np.sign(true) == np.sign(synthetic))[true != 0])


def signs_in_a_loop(true, synthetic):
    right = [a * b > 0 for a, b in zip(true, synthetic, strict=True) if a]
    return sum(right) / len(right)


RIGHT = {
    "04-1": (
        cosine,
        cosine_of_directions,
        cosine_by_tensors,
        lambda true, synthetic: agreement(true, synthetic)["cosine"],
        lambda a, b: np.vdot(a, b) / np.sqrt(np.vdot(a, a) * np.vdot(b, b)),
        lambda a, b: (a * b).sum() / ((a**2).sum() * (b**2).sum()) ** 0.5,
        lambda a, b: np.float32(cosine(a, b)),
    ),
    "04-2": (
        signs,
        signs_in_a_loop,
        lambda a, b: agreement(a, b)["sign_agreement"],
        lambda a, b: np.mean((a * b)[a != 0] > 0),
        lambda a, b: np.sum(a * b > 0) / np.count_nonzero(a),
        lambda a, b: 1 - np.mean(np.sign(a)[a != 0] != np.sign(b)[a != 0]),
        lambda a, b: np.average(np.sign(a) == np.sign(b), weights=a != 0),
    ),
    "04-3": judging.choice_forms("b"),
    "04-4": judging.choice_forms("b"),
}
WRONG = {
    "04-1": (
        (lambda a, b: np.vdot(a, b), "expected 1 (the s"),
        (
            lambda a, b: np.vdot(a, b) / np.linalg.norm(a) ** 2,
            "length does not matter",
        ),
        (
            lambda a, b: np.vdot(a, b) / np.linalg.norm(b) ** 2,
            "length does not matter",
        ),
        (
            lambda a, b: np.vdot(a, b) / (np.linalg.norm(a) + 5),
            "expected 1 (the same direction), received 2.5",
        ),
        (lambda a, b: abs(cosine(a, b)), "opposite, any shape"),
        (lambda a, b: 1 - cosine(a, b), "received 0"),
        (lambda a, b: cosine(a, b) ** 2, "opposite, any shape"),
        (lambda a, b: np.ravel(a / b), "received [1.0, 1.0]"),
        (lambda a, b: None, "received None"),
        (1.0, "Expected the function `cosine` itself"),
    ),
    "04-2": (
        (
            lambda a, b: np.mean(np.sign(a) == np.sign(b)),
            "a true zero is left out",
        ),
        (
            lambda a, b: np.mean((a * b)[a != 0] >= 0),
            "a predicted zero has no right sign",
        ),
        (lambda a, b: 1 - signs(a, b), "all signs"),
        (lambda a, b: np.mean((a == b)[a != 0]), "all signs"),
        (lambda a, b: np.sum(np.sign(a) == np.sign(b)), "received 4"),
        (lambda a, b: 100 * signs(a, b), "received 100"),
        (lambda a, b: np.sign(a) == np.sign(b), "received [True, True"),
        (lambda a, b: None, "received None"),
    ),
    "04-3": judging.choice_slips("b", "abc"),
    "04-4": (
        *judging.choice_slips("b", "abc"),
        ("no_bprop", "Expected one letter"),
    ),
}


TestForms = judging.tests_of("04", RIGHT, WRONG)
