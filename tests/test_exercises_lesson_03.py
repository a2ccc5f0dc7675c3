"""Right forms of answers to lesson 03 are accepted, slips get a hint."""

from fractions import Fraction

from dni_lesson.exercises import EXERCISES

import judging
import numpy as np
import tensorflow as tf
from judging import report
from keras import ops


def make_splice(gradients, output=ops.copy, decorate=ops.custom_gradient):
    """Returns the answer whose backward pass is `gradients`."""

    def answer(share):
        @decorate
        def splice(h, g_hat):
            def grad(upstream):
                return gradients(share, upstream, g_hat)

            return output(h), grad

        return splice

    return answer


def mixed(share, upstream, g_hat):
    return share * upstream + (1 - share) * g_hat, g_hat - upstream


def swapped(share, upstream, g_hat):
    return mixed(share, upstream, g_hat)[::-1]


def shares_swapped(share, upstream, g_hat):
    return mixed(1 - share, upstream, g_hat)


def wrong_sign(share, upstream, g_hat):
    return mixed(share, upstream, g_hat)[0], upstream - g_hat


def added(share, upstream, g_hat):
    return share * upstream + g_hat, g_hat - upstream


def error_shared(share, upstream, g_hat):
    to_h, error = mixed(share, upstream, g_hat)
    return to_h, (1 - share) * error


def predictor_input(h, labels, num_classes):
    one_hot = ops.one_hot(labels, num_classes)
    return ops.concatenate([ops.stop_gradient(h), one_hot], axis=-1)


def stopped_after_joining(h, labels, num_classes):
    one_hot = ops.one_hot(labels, num_classes)
    return ops.stop_gradient(ops.concatenate([h, one_hot], axis=1))


def by_rows_of_the_identity(h, labels, num_classes):
    one_hot = tf.gather(tf.eye(num_classes), labels)
    return tf.concat([tf.stop_gradient(h), one_hot], 1)


def by_numpy(h, labels, num_classes):
    return np.hstack([h.numpy(), np.eye(num_classes)[labels.numpy()]])


def cast(h, labels, num_classes):
    hot = ops.equal(ops.expand_dims(labels, 1), ops.arange(num_classes))
    return ops.hstack([ops.stop_gradient(h), ops.cast(hot, h.dtype)])


def without_stop(h, labels, num_classes):
    return ops.concatenate([h, ops.one_hot(labels, num_classes)], axis=-1)


def labels_first(h, labels, num_classes):
    one_hot = ops.one_hot(labels, num_classes)
    return ops.concatenate([one_hot, ops.stop_gradient(h)], axis=-1)


def label_as_a_number(h, labels, num_classes):
    column = ops.cast(ops.expand_dims(labels, 1), h.dtype)
    return ops.concatenate([ops.stop_gradient(h), column], axis=-1)


def four_classes(h, labels, num_classes):
    return predictor_input(h, labels, 4)


RIGHT = {
    "03-1": judging.choice_forms("b"),
    "03-2": (
        make_splice(mixed),
        make_splice(mixed, decorate=tf.custom_gradient),
        make_splice(mixed, output=lambda h: h + 0.0),
        make_splice(mixed, output=tf.identity),
        make_splice(lambda a, u, g: (g + a * (u - g), -(u - g))),
        make_splice(lambda a, u, g: [g - a * (g - u), ops.subtract(g, u)]),
        make_splice(lambda a, u, g: (u - (1 - a) * (u - g), g - u)),
    ),
    "03-3": (
        1 / 4,
        "1/4",
        "0.25",
        "25 %",
        "50/200",
        Fraction(50, 200),
        np.float32(0.25),
    ),
    "03-4": (
        predictor_input,
        stopped_after_joining,
        by_rows_of_the_identity,
        by_numpy,
        cast,
        lambda h, *rest: predictor_input(ops.stop_gradient(h), *rest),
    ),
}
WRONG = {
    "03-1": judging.choice_slips("b", "abc"),
    "03-2": (
        (make_splice(swapped), "h receives: expected [[0.2, 0.6]]"),
        (make_splice(shares_swapped), "received [[0.8, 0.4]]"),
        (make_splice(wrong_sign), "g_hat receives: expected [[-0.6"),
        (make_splice(added), "share=0.25"),
        (make_splice(error_shared), "share=0.25"),
        (make_splice(lambda a, u, g: (u, g - u)), "received [[0.8, 0.4]]"),
        (make_splice(lambda a, u, g: (g, g - u)), "received [[0.2, 0.6]]"),
        (
            make_splice(lambda a, u, g: (a * u + (1 - a) * g, None)),
            "g_hat receives: expected numbers, received None",
        ),
        (lambda share: lambda h, g_hat: 2 * h, "the output: expected"),
        (lambda share: None, "make_splice(0): expected a function"),
        (lambda share: lambda h, g_hat: None, "expected numbers, received N"),
        (0.25, "Expected the function `make_splice` itself"),
    ),
    "03-3": (
        (4, "4 is too large"),
        (1, "1 is too large"),
        (0.5, "0.5 is too large"),
        ("4", "4 is too large"),
        (1 / 200, "0.005 is too small"),
        (-0.25, "-0.25 is too small"),
        ("a quarter", "Expected a number"),
    ),
    "03-4": (
        (without_stop, "a gradient flows from the predictor into h"),
        (labels_first, "seen: expected [[0.5, 0.0, 0.0, 0.0, 1.0, 0.0]"),
        (label_as_a_number, "expected the shape (3, 6), received (3, 3)"),
        (four_classes, "expected the shape (1, 5), received (1, 7)"),
        (
            lambda h, labels, n: ops.one_hot(labels, n),
            "expected the shape (3, 6), received (3, 4)",
        ),
        (lambda h, labels, n: ops.stop_gradient(h), "received (3, 2)"),
        (lambda h, labels, n: None, "expected numbers, received None"),
    ),
}


TestForms = judging.tests_of("03", RIGHT, WRONG)


def test_a_stub_is_not_solved_yet():
    def stub(share, upstream, g_hat):
        raise NotImplementedError("compute the two gradients")

    told = report(EXERCISES["03-2"], make_splice(stub))
    assert told.startswith("Exercise 03-2: not solved yet. compute the two")
