"""The exercises of lesson 09."""

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


def _arriving(own, behind, rotation):
    g = behind
    for gradient in reversed(own):
        g = (g + gradient) @ rotation.T
    return g


def _only_behind(own, behind, rotation):
    return _arriving([0 * one for one in own], behind, rotation)


def _said_to_arriving(arguments, expected, returned):
    own, behind, rotation = arguments
    received = as_array(returned)
    if received is None:
        return f"Expected an array. Received: {shown(returned)}."
    if received.shape != behind.shape:
        return (
            f"For a gradient of the shape {behind.shape} you return the shape "
            f"{received.shape}."
        )
    late = behind
    for one in reversed(own):
        late = late @ rotation.T + one
    for value, why in (
        (
            _arriving(own, 0 * behind, rotation),
            "That forgets what arrives from behind the cut.",
        ),
        (
            _only_behind(own, behind, rotation),
            "That forgets the losses inside the window.",
        ),
        (
            _arriving(own, behind, rotation.T),
            "Going back, a step multiplies by the rotation transposed.",
        ),
        (
            _arriving(own[::-1], behind, rotation),
            "You go forward through the window: start at its end.",
        ),
        (
            late,
            "A state's own loss gradient is added before the step back, not "
            "after it: it has to go back through that step, too.",
        ),
    ):
        if np.allclose(received, value, atol=1e-6):
            return why
    return (
        f"The first value is {received.flat[0]:.4g}, nudging the state at the "
        f"start says {expected.flat[0]:.4g}."
    )


def _windows():
    rng = np.random.default_rng(9)
    for steps in (3, 1, 2):
        own = [rng.normal(size=(2, 3)) for _ in range(steps)]
        yield (own, rng.normal(size=(2, 3)), rng.normal(size=(3, 3))), _arriving


def _bits(p, bits, asked):
    cost = -np.log2(np.where(bits == 1, p, 1 - p))
    return np.sum(cost * asked) / np.sum(asked)


def _said_to_bits(arguments, expected, returned):
    p, bits, asked = arguments
    received = as_number(returned)
    if received is None:
        return f"Expected a number. Received: {shown(returned)}."
    right = np.where(bits == 1, p, 1 - p)
    cost = -np.log2(right)
    for value, why in (
        (
            np.sum(cost * asked) / cost.size,
            "You divide by all steps; only those that are asked for count.",
        ),
        (np.mean(cost), "That counts steps at which nothing is asked."),
        (np.sum(cost * asked), "That is the sum; give the cost of one bit."),
        (
            expected * np.log(2),
            "That is in nats: the logarithm of a bit has the base 2.",
        ),
        (-expected, "A cost is positive: mind the sign of the logarithm."),
        (
            np.sum(-np.log2(p) * asked) / np.sum(asked),
            "Where the bit is 0, its probability is 1 - p.",
        ),
    ):
        if abs(received - value) <= 1e-6:
            return why
    return f"Expected {expected:.4g} bits. Received: {received:.4g}."


def _answers():
    rng = np.random.default_rng(4)
    for steps in (5, 8):
        p = rng.uniform(0.1, 0.9, size=steps)
        bits = rng.integers(0, 2, size=steps)
        asked = (np.arange(steps) > steps // 2).astype(float)
        yield (p, bits, asked), _bits


EXERCISES = (
    Exercise(
        "09-1",
        cases("arriving", list(_windows()), _said_to_arriving),
        hints=(
            "Walk back from the window's end, one step at a time, and carry "
            "one gradient with you.",
            "At the end of the window you carry what comes from behind the "
            "cut. What does the loss at this very state add to it?",
            "A step forward is `s @ rotation`. So a step back takes all that "
            "you carry times the rotation transposed.",
        ),
        because="What arrives is the window's own losses and the news from "
        "behind it, both pulled back step by step: the target of a predictor.",
    ),
    Exercise(
        "09-2",
        number(
            3,
            0,
            wrong={
                1: "Then it would hear of the loss at once. Which predictor "
                "has the loss in its own window?",
                2: "What does the predictor at step 6 say in the episode "
                "before?",
                4: "Count the predictors between it and the loss.",
                9: "News moves by a window an episode, not by a step.",
            },
        ),
        hints=(
            "In an episode each predictor learns once, at the start of its "
            "window, from what is known at the window's end.",
            "In the first episode only the predictor at step 9 gets a target "
            "that is not zero: the loss is in its window.",
            "The predictor at step 6 can learn as soon as the one at step 9 "
            "says something. And the one at step 3?",
        ),
        because="The news walks back one window an episode: steps 9, 6 and 3 "
        "learn in episodes 1, 2 and 3.",
    ),
    Exercise(
        "09-3",
        choice(
            "b",
            {
                "a": "It has the same memory, that is true. But who tells the "
                "first step what it should have kept?",
                "c": "Truncation hears nothing of the loss. Does the first "
                "step of DNI hear nothing, too?",
                "d": "A prediction may be wrong; why should following it make "
                "things worse than they were?",
            },
        ),
        hints=(
            "What does the predictor see? What of the task is not in it?",
            "The best it can say is the mean of all true gradients that go "
            "with one and the same state.",
            "Whatever the state has lost looks like noise to the predictor, "
            "and noise averages out. So can it ever ask for what is lost?",
        ),
        because="A predictor sees the state alone. It can ask for a better use "
        "of what the state holds, never for what the state has lost.",
    ),
    Exercise(
        "09-4",
        cases("bits_of_answers", list(_answers()), _said_to_bits),
        hints=(
            "First the probability that the network gave to the bit that was "
            "right: p where it is 1, and else?",
            "The cost of one bit is minus the logarithm to base 2 of that "
            "probability.",
            "`asked` is 1 where an answer counts. Take the sum of the costs "
            "there, and divide by how many there are.",
        ),
        because="A coin costs 1 bit, a network that is sure and right costs "
        "none. Steps without a question would make any network look good.",
    ),
)
