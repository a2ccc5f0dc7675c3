"""The challenges of lesson 10: what an answer returns is run and judged."""

import functools

from dni_lesson.costs import layer_macs, step_macs
from dni_lesson.exercises.exercise import (
    Exercise,
    Misread,
    Wrong,
    as_number,
    cases,
    shown,
)
from dni_lesson.networks import mlp
from dni_lesson.schedules import max_speedup, split

import numpy as np

_LINK_MS = 10
_MOST_WORKERS = 4


def _raced(answer, rules, epochs=1):
    """Runs the race that an answer makes, or is, and returns its panel.

    A race takes a while, so it prints the epochs as they end.
    """
    panel = answer() if callable(answer) else answer
    if not hasattr(panel, "settings"):
        raise Misread(f"Expected a RacePanel. Received: {shown(panel)}.")
    settings = panel.settings
    if not set(rules) <= set(settings.rules):
        raise Wrong(
            f"Expected a race of {' and '.join(rules)}. "
            f"Received: {', '.join(settings.rules)}."
        )
    if settings.epochs < epochs:
        raise Wrong(
            f"Expected {epochs} epochs or more. Received: {settings.epochs}."
        )
    print(f"Your race, {settings.epochs} epochs:", end="", flush=True)
    panel.run(
        blocking=True,
        on_epoch=lambda epoch: print(f" {epoch}", end="", flush=True),
    )
    print()
    if panel.state != "finished":
        raise Misread("The race was stopped before its end.")
    return panel


def _judge_link(answer):
    panel = _raced(answer, ("backprop", "cdni"))
    settings, rows = panel.settings, panel.history["backprop"]
    step_ms = 1000 * rows["seconds"][-1] / rows["step"][-1]
    workers = settings.depth
    costs = split(workers, settings.units, settings.predictor, step_ms, workers)
    locked = step_ms + 2 * (workers - 1) * _LINK_MS
    decoupled = max(map(sum, zip(*costs, strict=True)))
    backprop = _steps_to(panel, "backprop", 0.94) * locked / 1000
    cdni = _steps_to(panel, "cdni", 0.94) * decoupled / 1000
    if cdni >= backprop:
        raise Wrong(f"backprop needs {backprop:.1f} s, cDNI {cdni:.1f} s.")


def _steps_to(panel, rule, accuracy):
    rows = panel.history[rule]
    for step, reached in zip(rows["step"], rows["val_accuracy"], strict=True):
        if reached >= accuracy:
            return step
    best = max(rows["val_accuracy"])
    raise Wrong(f"{rule} reaches {best:.1%} at best, not {accuracy:.0%}.")


def _judge_broken(make_race):
    panel = _raced(make_race, ("backprop", "cdni"), epochs=5)
    backprop, cdni = (
        panel.history[rule]["val_accuracy"][-1] for rule in ("backprop", "cdni")
    )
    if backprop < 0.85:
        raise Wrong(f"That broke backprop too: {backprop:.1%}, not 85 %.")
    if cdni > backprop - 0.2:
        raise Wrong(
            f"cDNI reads {cdni:.1%}, backprop {backprop:.1%}: fewer than 20 "
            "points apart."
        )


def _judge_rescued(make_race):
    panel = _raced(make_race, ("dni",))
    if panel.settings.depth < 3:
        raise Wrong("Expected a depth of 3 or more.")
    reached = panel.history["dni"]["val_accuracy"][-1]
    if reached < 0.9:
        raise Wrong(f"DNI ends at {reached:.1%}, not 90 %.")


@functools.cache
def _probability(factor):
    """Returns the p at which all calls cost a step of backprop / `factor`."""
    model = mlp(rule="cdni")
    calls = sum(layer_macs(model, k) for k in range(len(model.modules)))
    return step_macs(mlp(rule="backprop")) / (factor * calls)


def _judge_shape(answer):
    layers, units, workers = _three_integers(
        answer() if callable(answer) else answer
    )
    if not 2 <= workers <= min(layers, _MOST_WORKERS):
        raise Wrong(
            f"Expected 2 to {_MOST_WORKERS} workers, one layer each at least. "
            f"Received: {workers} workers, {layers} layers."
        )
    if not (layers <= 10 and 1 <= units <= 1024):
        raise Wrong(
            "Expected at most 10 layers and 1024 units. "
            f"Received: {layers} layers, {units} units."
        )
    bound = max_speedup(*split(layers, units, (), 1.0, workers))
    if bound < 3:
        raise Wrong(f"The bound over one worker is {bound:.2f}, not 3.")


def _three_integers(shape):
    numbers = list(map(as_number, shape)) if np.iterable(shape) else []
    if len(numbers) != 3 or any(n is None or n % 1 for n in numbers):
        raise Misread(
            "Expected three integers: layers, units, workers. "
            f"Received: {shown(shape)}."
        )
    return map(int, numbers)


EXERCISES = (
    Exercise(
        "10-1",
        _judge_link,
        hints=(
            "Over such a link a locked step is ten times as long as its work. "
            "So cDNI may take more iterations; it must only get there.",
            "On 4,000 digits both rules gain from wide layers and a learning "
            "rate above 0.001, and shallow networks have few boundaries.",
            "Few boundaries, the widest layers of the panel, a learning rate "
            "one step higher; then give both rules epochs enough.",
        ),
        because="Locked workers wait for two messages at each boundary in "
        "every iteration; decoupled ones do not wait.",
    ),
    Exercise(
        "10-2",
        _judge_broken,
        hints=(
            "What makes predictions of predictions worse, and what leaves "
            "predictors too little to learn from?",
            "Many boundaries, few updates of each predictor.",
            "Make the network as deep as the panel lets you, and updates "
            "rare. Few epochs leave no time to recover.",
        ),
        because="Backprop learns from the first update on; cDNI has to learn "
        "to predict first, boundary after boundary.",
    ),
    Exercise(
        "10-3",
        _judge_rescued,
        hints=(
            "DNI fails a little at each boundary. How many must there be?",
            "More updates help too: smaller batches make more of them.",
            "As few boundaries as are allowed, wide layers, and the smallest "
            "batches.",
        ),
        because="With two boundaries and many updates even predictions without "
        "the label carry enough.",
    ),
    Exercise(
        "10-4",
        cases("probability", [((f,), _probability) for f in (3, 2)]),
        hints=(
            "An iteration with stochastic updates makes a share p of the calls "
            "of all layers.",
            "p times the MACs of all layer calls must be the MACs of one "
            "backprop step, divided by the factor.",
            "`dni.layer_macs(cdni, k)` is one call. Add it up over all k from "
            "0 to the number of modules less one.",
        ),
        because="At p = 0.117 an iteration does a third of the work: a 3-fold "
        "headline without any worker beside the first.",
    ),
    Exercise(
        "10-5",
        _judge_shape,
        hints=(
            "A worker is as slow as its layers and its predictor. A worker "
            "with three layers pays for one predictor only.",
            "With narrow hidden layers the first layer is too large to share; "
            "with wide ones it is too small. So it is a width in between.",
            "Take as many layers and workers as are allowed. Which of the "
            "panel's widths comes nearest?",
        ),
        because="Three workers can never get there: a predictor costs more "
        "than nothing. With four, all of them have to be equally loaded.",
    ),
)
