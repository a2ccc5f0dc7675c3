"""What the tests of races and their threads share."""

import threading

import dni_lesson as dni
from dni_lesson.experiments.racing import Log, Settings, race
from dni_lesson.panels.background import Background

import numpy as np
import pytest
from test_interfaces import SignInterface

TINY = {"depth": 2, "units": 32, "batch_size": 400, "epochs": 2}
WAIT = 120  # seconds; only a broken thread needs as many


@pytest.fixture(autouse=True)
def no_thread_left():
    before = set(threading.enumerate())
    yield
    if Background._latest is not None:
        Background._latest.stop()
        assert Background._latest.join(WAIT)
    assert set(threading.enumerate()) <= before


def wait_for(condition):
    waiting = threading.Event()
    for _ in range(WAIT * 100):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError(f"it did not happen: {Background._latest.error}")


def tiny_race(**changes):
    settings = Settings(**{**TINY, "rules": ("cdni",), **changes})
    log = Log()
    turns = list(race(settings, log, threading.Event()))
    return log, turns


def without_seconds(log):
    """Returns all numbers of a log but the times, which are never the same."""
    return [
        {
            rule: {k: v for k, v in rows.items() if k != "seconds"}
            for rule, rows in table.items()
        }
        for table in (log.history, log.losses)
    ]


def is_same_race(one, other):
    """Whether two logs hold one race, up to the order of additions.

    TensorFlow shares sums out among threads as these happen to be free, so
    that the last digits of one race differ from time to time.
    """
    one, other = without_seconds(one), without_seconds(other)
    return all(map(_is_same, one, other))


def _is_same(one, other):
    assert one.keys() == other.keys()
    return all(
        one[rule].keys() == other[rule].keys()
        and all(
            len(values) == len(other[rule][name])
            and np.allclose(
                values, other[rule][name], atol=0.01, equal_nan=True
            )
            for name, values in rows.items()
            if name != "reading"  # A digit is this one or that one.
        )
        for rule, rows in one.items()
    )


@pytest.fixture
def log():
    made = Log()
    for rule, losses in (("backprop", [1.5, 0.5]), ("cdni", [2.0, 1.0])):
        for loss in losses:
            made.add_turn(rule, 20, 60, 0.25, loss)
    for rule, accuracy, cosine, reading in (
        ("backprop", 0.75, [], list(range(10))),
        ("cdni", 0.25, [0.1, 0.9], [5] * 10),
    ):
        row = {"val_accuracy": accuracy, "cosine": cosine, "reading": reading}
        made.add_epoch(rule, epoch=1, **row)
    return made


def sign(depth, units, seed):
    """A network by a rule of one's own, as a reader would make it."""
    network = dni.mlp(depth, units, "backprop", seed=seed)
    interfaces = [SignInterface(num_classes=10) for _ in network.interfaces]
    return dni.DecoupledModel(network.modules, interfaces)
