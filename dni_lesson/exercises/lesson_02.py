"""The exercises of lesson 02."""

from dni_lesson.exercises.exercise import (
    Exercise,
    Wrong,
    as_array,
    as_number,
    call,
    choice,
    is_close,
    number,
    shown,
)

import numpy as np


def _judge_gradient(gradient_at_h):
    """Compares with finite differences of the loss, at three points."""
    for h, y, w2 in ((2.0, 1.0, 1.5), (-1.0, 2.0, 0.5), (0.3, -0.4, -2.0)):

        def loss(h, y=y, w2=w2):
            return 0.5 * (w2 * h - y) ** 2

        expected = (loss(h + 1e-5) - loss(h - 1e-5)) / 2e-5
        returned = call("gradient_at_h", gradient_at_h, h, y, w2)
        received = as_number(returned)
        if received is None:
            raise Wrong(f"Expected a number. Received: {shown(returned)}.")
        if abs(received - expected) <= 1e-4:
            continue
        where = f"At h={h:g}, y={y:g}, w2={w2:g}"
        for value, why in (
            (w2 * h - y, "That is dL/dy_hat, the gradient above module 2."),
            (h * (w2 * h - y), "That is dL/dw2, the gradient of the weight."),
            (-expected, "The size is right, the sign is not."),
            (2 * expected, "It is twice too large: mind the 0.5 in the loss."),
        ):
            if abs(received - value) <= 1e-4:
                raise Wrong(f"{where} you return {received:g}. {why}")
        raise Wrong(
            f"{where} you return {received:g}, but nudging h says "
            f"{expected:.4g}."
        )


def _judge_step(regression_step):
    """Compares with the step itself, for two sizes of batch."""
    rng = np.random.default_rng(3)
    rate = 0.2
    for rows, columns in ((4, 3), (7, 2)):
        seen = rng.normal(size=(rows, columns))
        weights, target = rng.normal(size=columns), rng.normal(size=rows)
        gradient = seen.T @ (seen @ weights - target) / rows
        returned = call(
            "regression_step", regression_step, weights, seen, target, rate
        )
        received = as_array(returned)
        if received is None:
            raise Wrong(f"Expected an array. Received: {shown(returned)}.")
        if received.shape != weights.shape:
            raise Wrong(
                f"For weights of shape {weights.shape} you return the shape "
                f"{received.shape}. The gradient must have the weights' shape."
            )
        if not is_close(received, weights - rate * gradient):
            moved = (weights - received) / rate
            raise Wrong(_what_is_wrong(moved, gradient, rows))


def _what_is_wrong(received, expected, rows):
    for factor, why in (
        (-1, "The sign is turned round: the error is g_hat - target"),
        (rows, "It is the sum over the batch; the loss is the mean"),
        (2, "It is twice too large: the loss has a factor 0.5"),
    ):
        if np.allclose(received, factor * expected, atol=1e-6):
            return f"{why}."
    return (
        f"The first value of your gradient is {received.flat[0]:.4g}, "
        f"expected {expected.flat[0]:.4g}."
    )


EXERCISES = (
    Exercise(
        name="02-1",
        judge=_judge_gradient,
        hints=(
            "Go down one step at a time: first dL/dy_hat, then dy_hat/dh.",
            "dL/dy_hat is the error, and y_hat = w2 * h.",
            "How fast does y_hat grow with h? Multiply the error by that.",
        ),
        because="The error comes down through module 2, which multiplies it "
        "by w2.",
    ),
    Exercise(
        name="02-2",
        judge=_judge_step,
        hints=(
            "For one example the gradient is (g_hat - target) times what the "
            "predictor sees.",
            "For a batch, `seen.T @ error` adds these products up; divide by "
            "the number of rows for the mean.",
            "The error is one number a row, `seen @ weights - target`. Put it "
            "into the product of the hint before.",
        ),
        because="Linear regression, one gradient step: error times input, "
        "averaged over the batch.",
    ),
    Exercise(
        name="02-3",
        judge=choice("c", "abcd"),
        hints=(
            "What is left over by a least-squares fit, on average?",
            "The residual is uncorrelated with all that the predictor sees, "
            "and it sees h.",
            "h is w1 * x. So what is the residual's mean product with x?",
        ),
        because="The residual of a least-squares fit on h averages to zero "
        "against h, and so against x.",
    ),
    Exercise(
        name="02-4",
        judge=number(3, 0),
        hints=(
            "A module moves in the step after its predictor has learned "
            "something that is not zero.",
            "In step 1 only predictor 2 has a target that is not zero. What "
            "does predictor 1 get in step 2?",
            "Go on from there: in which step does predictor 1 learn, and when "
            "does module 1 feel it?",
        ),
        because="The news walks down one boundary a step: predictor 2 learns "
        "in step 1, predictor 1 in step 2, and w1 moves in step 3.",
    ),
)
