"""Right answers to lesson 09 are accepted, wrong ones get a telling hint.

The races are small stand-ins with real histories: that real races get there is
what the solution notebook shows, which is run as a test as well.
"""

from types import SimpleNamespace

from dni_lesson.costs import layer_macs, step_macs
from dni_lesson.networks import mlp
from dni_lesson.panels import RacePanel

import helpers
import pytest


def race(epochs=5, depth=3, seconds=0.1, **accuracies):
    """Returns a function that makes a panel which ends with these numbers."""
    history = {
        rule: {
            "step": [40 * (k + 1) for k in range(len(values))],
            "seconds": [seconds * (k + 1) for k in range(len(values))],
            "val_accuracy": values,
        }
        for rule, values in accuracies.items()
    }
    settings = SimpleNamespace(
        rules=tuple(accuracies),
        epochs=epochs,
        depth=depth,
        units=256,
        predictor_units=(),
    )
    return lambda: SimpleNamespace(
        settings=settings, history=history, run=lambda blocking: None
    )


def probability(factor):
    model = mlp(rule="cdni")
    calls = sum(layer_macs(model, k) for k in range(4))
    return step_macs(mlp(rule="backprop")) / (factor * calls)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("09-1", race(backprop=[0.96], cdni=[0.9, 0.9, 0.96])),
        ("09-1", race(backprop=[0.94], cdni=[0.93, 0.94])),
        ("09-2", race(backprop=[0.9], cdni=[0.69])),
        ("09-3", race(dni=[0.5, 0.91])),
        ("09-4", probability),
        ("09-5", lambda: (10, 392, 4)),
    ],
)
def test_right_answer_is_accepted(name, answer):
    helpers.assert_accepted(name, answer)


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("09-1", race(backprop=[0.96], cdni=[0.9]), "cdni reaches 90.0%"),
        ("09-1", race(cdni=[0.96]), "Expected a race of backprop and cdni"),
        # Slow steps on a fast link: here waiting costs little.
        (
            "09-1",
            race(seconds=400, backprop=[0.96], cdni=[0, 0, 0, 0.96]),
            "backprop needs",
        ),
        ("09-2", race(backprop=[0.6], cdni=[0.2]), "broke backprop too"),
        ("09-2", race(backprop=[0.9], cdni=[0.8]), "fewer than 20"),
        ("09-2", race(epochs=2, backprop=[0.9], cdni=[0.1]), "5 epochs"),
        ("09-3", race(dni=[0.91, 0.89]), "DNI ends at 89.0%"),
        ("09-3", race(depth=2, dni=[0.95]), "a depth of 3 or more"),
        ("09-3", lambda: None, "Expected a RacePanel. Received: None"),
        ("09-4", lambda factor: 1 / factor, "expected 0.1173"),
        ("09-4", lambda factor: probability(3), "probability(2): expected"),
        ("09-5", lambda: (10, 256, 4), "not 3"),
        ("09-5", lambda: (10, 392, 5), "Expected 2 to 4 workers"),
        ("09-5", lambda: (50, 392, 4), "at most 10 layers"),
    ],
)
def test_wrong_answer_is_told_apart(name, answer, message):
    helpers.assert_refused(name, answer, message)


def test_a_real_panel_is_raced():
    def tiny():
        return RacePanel(depth=3, units=32, rules=("dni",), epochs=1)

    helpers.assert_refused("09-3", tiny, "DNI ends at")
