"""Callbacks hear of every epoch once, with the loss that `fit` would tell."""

import math
from types import SimpleNamespace

from dni_lesson.workers.job import Plan
from dni_lesson.workers.told import Told

import keras
import numpy as np
import pytest

SHARES = np.array([0.4, 0.4, 0.2])  # Three mini-batches, the last one smaller.


class Ear(keras.callbacks.Callback):
    def __init__(self, stop_after=None):
        super().__init__()
        self.heard, self._stop_after = [], stop_after

    def on_epoch_begin(self, epoch, logs=None):
        self.heard.append(f"begin {epoch}")

    def on_epoch_end(self, epoch, logs=None):
        self.heard.append(f"end {epoch}")
        self.model.stop_training = epoch == self._stop_after

    def on_train_end(self, logs=None):
        self.heard.append("end")


def told(ear=None, epochs=2, microbatches=1):
    job = SimpleNamespace(
        model=keras.Sequential(),
        plan=Plan(3 * epochs, microbatches, report_every=3),
        batches=SimpleNamespace(shares=SHARES),
    )
    return Told(job, [ear] if ear else None, epochs)


def test_a_loss_is_the_mean_over_examples():
    one = told()
    one.epoch_ended(3, {0: 1.0, 1: 2.0, 2: 5.0})
    assert one.losses == [pytest.approx(0.4 + 0.8 + 1.0)]


def test_microbatches_add_up_to_their_minibatch():
    one = told(microbatches=2)
    losses = dict(enumerate([0.5, 0.5, 1.5, 0.5, 2.0, 3.0]))
    one.epoch_ended(3, losses)
    assert one.losses == [pytest.approx(0.4 + 0.8 + 1.0)]


def test_callbacks_hear_of_every_epoch_once():
    ear = Ear()
    one = told(ear)
    losses = dict.fromkeys(range(3), 1.0)
    for minibatches in (3, 3, 6):  # The first one again, after a restart.
        assert one.epoch_ended(minibatches, losses) is False
    one.ended()
    assert ear.heard == ["begin 0", "end 0", "begin 1", "end 1", "end"]


def test_an_epoch_whose_losses_are_lost_has_none():
    ear = Ear()
    one = told(ear, epochs=3)
    one.epoch_ended(9, dict.fromkeys(range(6, 9), 2.0))
    assert math.isnan(one.losses[0]) and math.isnan(one.losses[1])
    assert one.losses[2] == 2.0
    assert ear.heard[-1] == "end 2"


def test_a_callback_can_stop_the_training():
    one = told(Ear(stop_after=0))
    assert one.epoch_ended(3, dict.fromkeys(range(3), 1.0)) is True
