"""The exercises of lesson 03."""

from dni_lesson.exercises.exercise import Exercise, Wrong, choice, number

import numpy as np
import tensorflow as tf

_H = [[1.0, -2.0]]
_G = [[0.8, 0.4]]  # arrives from above
_G_HAT = [[0.2, 0.6]]


def _judge_share(make_splice):
    for share in (0.0, 0.25, 1.0):
        h, g_hat = tf.constant(_H), tf.constant(_G_HAT)
        with tf.GradientTape() as tape:
            tape.watch([h, g_hat])
            out = make_splice(share)(h, g_hat)
            loss = tf.reduce_sum(out * tf.constant(_G))
        received = tape.gradient(loss, [h, g_hat])
        case = f"With share={share:g}, g={_G[0]} and g_hat={_G_HAT[0]}:"
        _expect(f"{case} the output", _H, out)
        mixed = share * np.array(_G) + (1 - share) * np.array(_G_HAT)
        _expect(f"{case} the gradient that h receives", mixed, received[0])
        error = np.array(_G_HAT) - np.array(_G)
        _expect(f"{case} the gradient that g_hat receives", error, received[1])


def _judge_label(predictor_input):
    h = tf.constant([[0.5, 0.0], [1.5, 2.0], [0.0, 1.0]])
    labels = tf.constant([2, 0, 3])
    with tf.GradientTape() as tape:
        tape.watch(h)
        seen = predictor_input(h, labels, 4)
        total = tf.reduce_sum(seen)
    expected = np.concatenate([h.numpy(), np.eye(4)[labels.numpy()]], axis=1)
    _expect(f"h={h.numpy().tolist()}, labels=[2, 0, 3]: seen", expected, seen)
    if tape.gradient(total, h) is not None:
        raise Wrong(
            "The numbers are right, but a gradient flows from the predictor "
            "into h. Expected none: module and predictor would no longer be "
            "decoupled."
        )


def _expect(what, expected, received):
    received = np.asarray(received, "float64")
    if received.shape != np.shape(expected):
        raise Wrong(
            f"{what}: expected the shape {np.shape(expected)}, "
            f"received {received.shape}."
        )
    if not np.allclose(received, expected, atol=1e-6):
        raise Wrong(
            f"{what}: expected {np.round(expected, 3).tolist()}, "
            f"received {np.round(received, 3).tolist()}."
        )


EXERCISES = (
    Exercise(
        "03-1",
        choice("b"),
        hints=(
            "Which variables occur in the first return value of `grad`?",
            "`upstream` holds everything that the loss above has to say. "
            "Where does it go?",
            "h receives g_hat, and g_hat does not know the loss.",
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
            "to_h = share * upstream + (1 - share) * g_hat; "
            "to_g_hat = g_hat - upstream",
        ),
        because="Share 0 is the splice of this lesson and share 1 is "
        "backprop; the predictor learns from the same error in both.",
    ),
    Exercise(
        "03-3",
        number(0.25, 0.001),
        hints=(
            "The loss is a mean: each example's loss is divided by the batch "
            "size.",
            "One example's share of the loss is 1/50 in one batch and 1/200 "
            "in the other.",
            "(1/200) / (1/50)",
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
            "seen = ops.concatenate([ops.stop_gradient(h), "
            "ops.one_hot(labels, num_classes)], axis=-1)",
        ),
        because="The predictor sees h and the label, and h does not feel that "
        "it was looked at.",
    ),
)
