"""The exercises of lesson 02."""

from dni_lesson.exercises.exercise import (
    Exercise,
    as_array,
    as_number,
    cases,
    choice,
    number,
    shown,
)

import numpy as np

_TOLERANCE = 1e-4  # Who nudges h gets no closer.


def _gradient(h, y, w2):
    return w2 * (w2 * h - y)


def _said_to_gradient(arguments, expected, returned):
    h, y, w2 = arguments
    received = as_number(returned)
    if received is None:
        return f"Expected a number. Received: {shown(returned)}."
    where = f"At h={h:g}, y={y:g}, w2={w2:g} you return {received:g}"
    for value, why in (
        (w2 * h - y, "That is dL/dy_hat, the gradient above module 2."),
        (h * (w2 * h - y), "That is dL/dw2, the gradient of the weight."),
        (-expected, "The size is right, the sign is not."),
        (2 * expected, "It is twice too large: mind the 0.5 in the loss."),
    ):
        if abs(received - value) <= _TOLERANCE:
            return f"{where}. {why}"
    return f"{where}, but nudging h says {expected:.4g}."


def _step(weights, seen, target, rate):
    return weights - rate * seen.T @ (seen @ weights - target) / len(seen)


def _said_to_step(arguments, expected, returned):
    weights, seen, _, rate = arguments
    received = as_array(returned)
    if received is None:
        return f"Expected an array. Received: {shown(returned)}."
    if received.shape != weights.shape:
        return (
            f"For weights of shape {weights.shape} you return the shape "
            f"{received.shape}. The gradient must have the weights' shape."
        )
    gradient, correct = (weights - received) / rate, (weights - expected) / rate
    for factor, why in (
        (-1, "The sign is turned round: the error is g_hat - target."),
        (len(seen), "It is the sum over the batch; the loss is the mean."),
        (2, "It is twice too large: the loss has a factor 0.5."),
    ):
        if np.allclose(gradient, factor * correct, atol=1e-6):
            return why
    return (
        f"The first value of your gradient is {gradient[0]:.4g}, "
        f"expected {correct[0]:.4g}."
    )


def _steps():
    rng = np.random.default_rng(3)
    for rows, columns in ((4, 3), (7, 2)):
        seen = rng.normal(size=(rows, columns))
        weights, target = rng.normal(size=columns), rng.normal(size=rows)
        yield (weights, seen, target, 0.2), _step


EXERCISES = (
    Exercise(
        "02-1",
        cases(
            "gradient_at_h",
            [
                ((2.0, 1.0, 1.5), _gradient),
                ((-1.0, 2.0, 0.5), _gradient),
                ((0.3, -0.4, -2.0), _gradient),
            ],
            _said_to_gradient,
            _TOLERANCE,
        ),
        hints=(
            "Go down one step at a time: first dL/dy_hat, then dy_hat/dh.",
            "dL/dy_hat is the error, and y_hat = w2 * h.",
            "How fast does y_hat grow with h? Multiply the error by that.",
        ),
        because="The error comes down through module 2, which multiplies it "
        "by w2.",
    ),
    Exercise(
        "02-2",
        cases("regression_step", list(_steps()), _said_to_step),
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
        "02-3",
        choice(
            "c",
            {
                "a": "Half of the gradient is missing, that is true of the "
                "single examples. But the update is a mean over many.",
                "b": "The sign is wrong for some examples, that is true. But "
                "500 of them are averaged before anything moves.",
                "d": "Then h would tell nothing of the gradient. But it "
                "explains about half of it.",
            },
        ),
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
        "02-4",
        number(
            3,
            0,
            wrong={
                1: "In step 1 both predictors still say zero.",
                2: "In step 2 a weight moves that stood still in step 1. Is it "
                "the lowest one?",
                4: "How many boundaries must the news pass on its way down?",
            },
        ),
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
