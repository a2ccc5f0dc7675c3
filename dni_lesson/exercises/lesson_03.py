"""The exercises of lesson 03."""

from dni_lesson.exercises.exercise import (
    Exercise,
    Wrong,
    as_array,
    call,
    choice,
    number,
    shown,
)

import numpy as np
import tensorflow as tf

_H = [[1.0, -2.0]]
_G = [[0.8, 0.4]]  # arrives from above
_G_HAT = [[0.2, 0.6]]


def _judge_share(make_splice):
    for share in (0.0, 0.25, 1.0):
        h, g_hat = tf.constant(_H), tf.constant(_G_HAT)
        splice = call("make_splice", make_splice, share)
        if not callable(splice):
            raise Wrong(
                f"make_splice({share:g}): expected a function, received "
                f"{shown(splice)}."
            )
        case = f"With share={share:g}, g={_G[0]} and g_hat={_G_HAT[0]}:"
        with tf.GradientTape() as tape:
            tape.watch([h, g_hat])
            out = splice(h, g_hat)
            _expect(f"{case} the output", _H, out)
            loss = tf.reduce_sum(out * tf.constant(_G))
        received = tape.gradient(loss, [h, g_hat])
        mixed = share * np.array(_G) + (1 - share) * np.array(_G_HAT)
        _expect(f"{case} the gradient that h receives", mixed, received[0])
        error = np.array(_G_HAT) - np.array(_G)
        _expect(f"{case} the gradient that g_hat receives", error, received[1])


def _judge_label(predictor_input):
    for values, labels, classes in (
        ([[0.5, 0.0], [1.5, 2.0], [0.0, 1.0]], [2, 0, 3], 4),
        ([[0.5, 0.0, 3.0]], [1], 2),
    ):
        h = tf.constant(values)
        with tf.GradientTape() as tape:
            tape.watch(h)
            label = tf.constant(labels)
            seen = call("predictor_input", predictor_input, h, label, classes)
            expected = np.hstack([values, np.eye(classes)[labels]])
            _expect(f"h={values}, labels={labels}: seen", expected, seen)
            total = tf.reduce_sum(seen)
        if tape.gradient(total, h) is not None:
            raise Wrong(
                "The numbers are right, but a gradient flows from the "
                "predictor into h. Expected none: module and predictor would "
                "no longer be decoupled."
            )


def _expect(what, expected, received):
    numbers = as_array(received)
    if numbers is None:
        raise Wrong(f"{what}: expected numbers, received {shown(received)}.")
    if numbers.shape != np.shape(expected):
        raise Wrong(
            f"{what}: expected the shape {np.shape(expected)}, "
            f"received {numbers.shape}."
        )
    if not np.allclose(numbers, expected, atol=1e-6):
        raise Wrong(
            f"{what}: expected {np.round(expected, 3).tolist()}, "
            f"received {np.round(numbers, 3).tolist()}."
        )


EXERCISES = (
    Exercise(
        "03-1",
        choice(
            "b",
            {
                "a": "So it is with backprop, where h hears of nothing but the "
                "loss. Here `grad` decides what h hears.",
                "c": "Zero would arrive if `grad` had nothing for h. But it "
                "returns something for each of its inputs.",
            },
        ),
        hints=(
            "Which variables occur in the first return value of `grad`?",
            "`upstream` holds everything that the loss above has to say. "
            "Where does it go?",
            "What h receives comes from elsewhere. Does that know the loss?",
        ),
        because="h receives g_hat whatever the loss is. Only the predictor "
        "feels the tenfold gradient.",
    ),
    Exercise(
        "03-2",
        _judge_share,
        hints=(
            "`grad` returns one gradient per input, in the order of the "
            "inputs: first what h receives, then what g_hat receives.",
            "h receives share times the true gradient and (1 - share) times "
            "the prediction. What the predictor learns does not change.",
            "`upstream` is the true gradient, `g_hat` the prediction. What "
            "g_hat receives stands in the lesson's `splice`.",
        ),
        because="Share 0 is the splice of this lesson and share 1 is "
        "backprop; the predictor learns from the same error in both.",
    ),
    Exercise(
        "03-3",
        number(
            0.25,
            0.001,
            wrong={
                1: "The digit is the same, that is true. But the loss is a "
                "mean over its batch.",
                4: "Which of the two batches is the larger one, and what does "
                "a mean divide by?",
                0.5: "That would be so if the second batch held 100 digits.",
                2: "Which of the two batches is the larger one, and what does "
                "a mean divide by?",
            },
        ),
        hints=(
            "The loss is a mean: each example's loss is divided by the batch "
            "size.",
            "One example's share of the loss is 1/50 in one batch and 1/200 "
            "in the other.",
            "Divide the second share by the first.",
        ),
        because="The gradient of a mean shrinks as 1 / batch size: from 1/50 "
        "to 1/200, a quarter.",
    ),
    Exercise(
        "03-4",
        _judge_label,
        hints=(
            "keras.ops has one_hot(labels, num_classes) and "
            "concatenate([a, b], axis=-1).",
            "Nothing may flow back from the predictor into the module below: "
            "wrap h in ops.stop_gradient.",
            "Put h behind its stop_gradient and the one-hot labels into one "
            "list, in this order, and concatenate along the last axis.",
        ),
        because="The predictor sees h and the label, and h does not feel that "
        "it was looked at.",
    ),
)
