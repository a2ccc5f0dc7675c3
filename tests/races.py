"""What the tests of races and their threads share."""

import threading

from dni_lesson.panels import racing
from dni_lesson.panels.race_settings import Settings
from dni_lesson.panels.training import Background

import pytest

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
    log = racing.Log()
    turns = list(racing.race(settings, log, threading.Event()))
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


@pytest.fixture
def log():
    made = racing.Log()
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
