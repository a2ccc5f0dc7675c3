"""Right forms of answers to lesson 10 are accepted, slips get a hint.

The races are small stand-ins with real histories: that real races get there is
what a browser test and the solution notebook show.
"""

from types import SimpleNamespace

from dni_lesson.costs import layer_macs, step_macs
from dni_lesson.exercises import check
from dni_lesson.networks import mlp
from dni_lesson.panels import RacePanel

import judging
import numpy as np


def panel(epochs=5, depth=3, seconds=0.1, state="finished", **accuracies):
    """Returns a stand-in for a panel whose race ends with these numbers."""
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
        predictor="linear",
    )
    return SimpleNamespace(
        settings=settings,
        history=history,
        state=state,
        run=lambda blocking, on_epoch: None,
    )


def race(**numbers):
    """Returns a function that makes a panel, as the stubs ask for."""
    return lambda: panel(**numbers)


def probability(factor, models=("cdni", "backprop"), layers=range(4)):
    calls, step = (mlp(rule=rule) for rule in models)
    macs = sum(layer_macs(calls, k) for k in layers)
    return step_macs(step) / (factor * macs)


BACKPROP, CALLS = 802_304, 2_279_424  # MACs, as the lesson counts them.

RIGHT = {
    "10-1": (
        race(backprop=[0.96], cdni=[0.9, 0.9, 0.96]),
        race(backprop=[0.94], cdni=[0.93, 0.94]),
        race(cdni=[0.94], backprop=[0.94]),
        race(backprop=[0.95, 0.93], cdni=[0.95, 0.93]),
        race(depth=6, backprop=[0.94], cdni=[0, 0, 0, 0.94]),
        # Others may race along, and need not get there.
        race(backprop=[0.96], cdni=[0.96], dni=[0.5], no_bprop=[0.8]),
        panel(backprop=[0.96], cdni=[0.96]),
    ),
    "10-2": (
        race(backprop=[0.9], cdni=[0.69]),
        race(backprop=[0.85], cdni=[0.64]),
        race(backprop=[0.1, 0.9], cdni=[0.9, 0.1]),
        race(epochs=20, backprop=[0.95], cdni=[0.1]),
        race(backprop=[0.9], cdni=[0.5], no_bprop=[0.9]),
        panel(backprop=[0.9], cdni=[0.5]),
    ),
    "10-3": (
        race(dni=[0.5, 0.91]),
        race(dni=[0.9]),
        race(depth=6, dni=[0.95]),
        race(epochs=1, dni=[0.95]),
        race(backprop=[0.1], dni=[0.95]),
        panel(dni=[0.95]),
    ),
    "10-4": (
        probability,
        lambda factor: BACKPROP / (factor * CALLS),
        lambda factor: BACKPROP / factor / CALLS,
        lambda factor: 1 / factor / (CALLS / BACKPROP),
        lambda factor: np.float32(BACKPROP / (factor * CALLS)),
        lambda factor: np.divide(BACKPROP, factor * CALLS),
        lambda factor: probability(factor, layers=(3, 2, 1, 0)),
    ),
    "10-5": (
        lambda: (10, 392, 4),
        lambda: [10, 384, 4],
        lambda: (9, 224, 4),
        lambda: np.array([10, 400, 4]),
        lambda: (10.0, 352.0, 4.0),
        lambda: map(int, ("10", "480", "4")),
        (10, 384, 4),
    ),
}
WRONG = {
    "10-1": (
        (race(backprop=[0.96], cdni=[0.9]), "cdni reaches 90.0%"),
        (race(backprop=[0.9], cdni=[0.96]), "backprop reaches 90.0%"),
        (race(cdni=[0.96]), "Expected a race of backprop and cdni"),
        (race(backprop=[0.96], dni=[0.96]), "Received: backprop, dni"),
        # Slow steps on a fast link: here waiting costs little.
        (
            race(seconds=400, backprop=[0.96], cdni=[0, 0, 0, 0.96]),
            "backprop needs",
        ),
        (lambda: None, "Expected a RacePanel. Received: None (is there a"),
        ("RacePanel()", "Expected a RacePanel. Received: 'RacePanel()'"),
        (
            race(state="stopped", backprop=[0.9], cdni=[0.9]),
            "The race was stopped before its end",
        ),
    ),
    "10-2": (
        (race(backprop=[0.6], cdni=[0.2]), "broke backprop too"),
        (race(backprop=[0.9], cdni=[0.8]), "fewer than 20"),
        (race(backprop=[0.9], cdni=[0.95]), "fewer than 20"),
        (race(backprop=[0.9, 0.8], cdni=[0.1, 0.1]), "broke backprop too"),
        (race(epochs=2, backprop=[0.9], cdni=[0.1]), "5 epochs"),
        (race(backprop=[0.9], dni=[0.1]), "Expected a race of backprop and c"),
        (lambda: {"epochs": 5}, "Expected a RacePanel. Received: {'epochs"),
    ),
    "10-3": (
        (race(dni=[0.91, 0.89]), "DNI ends at 89.0%"),
        (race(dni=[0.5]), "DNI ends at 50.0%"),
        (race(state="stopped", dni=[0.5]), "stopped before its end"),
        (race(depth=2, dni=[0.95]), "a depth of 3 or more"),
        (race(cdni=[0.95]), "Expected a race of dni. Received: cdni"),
        (race(), "Expected a race of dni"),
        (lambda: None, "Expected a RacePanel. Received: None"),
    ),
    "10-4": (
        (lambda factor: 1 / factor, "expected 0.1173"),
        (lambda factor: probability(3), "probability(2): expected"),
        (lambda factor: probability(factor, layers=[0]), "received 0.36"),
        (lambda factor: probability(factor, layers=range(3)), "received 0.13"),
        (lambda factor: factor * probability(1), "received 1.05"),
        (lambda factor: 100 * probability(factor), "received 11.7"),
        (lambda factor: 1 - probability(factor), "received 0.88"),
        (
            lambda factor: probability(factor, models=("cdni", "cdni")),
            "expected 0.1173",
        ),
        (lambda factor: None, "received None"),
        (0.117, "Expected the function `probability` itself"),
    ),
    "10-5": (
        (lambda: (10, 256, 4), "The bound over one worker is 2.73, not 3"),
        (lambda: (10, 512, 4), "The bound over one worker is 2.99, not 3"),
        (lambda: (4, 384, 4), "not 3"),
        (lambda: (10, 392, 5), "Expected 2 to 4 workers"),
        (lambda: (50, 392, 4), "at most 10 layers"),
        (lambda: (10, 4, 392), "Expected 2 to 4 workers"),
        (lambda: (10, 392), "Expected three integers"),
        (lambda: (10, 392.5, 4), "Expected three integers"),
        (lambda: ("10", "392", "4"), "Expected three integers"),
        (lambda: None, "Expected three integers"),
        (lambda: 3, "Expected three integers"),
    ),
}


TestForms = judging.tests_of("10", RIGHT, WRONG)


def test_a_race_gives_signs_of_life(capsys):
    def tiny():
        return RacePanel(depth=3, units=32, rules=("dni",), epochs=3)

    check("10-3", tiny)
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "Your race, 3 epochs: 1 2 3"
    assert second.startswith("Exercise 10-3: not yet. DNI ends at")
