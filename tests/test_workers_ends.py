"""What callbacks see at the end of an epoch, and who waits for them."""

import time
from types import SimpleNamespace

import dni_lesson as dni
from dni_lesson.workers.batches import Batches
from dni_lesson.workers.ends import EpochEnds, Gathering
from dni_lesson.workers.job import Plan
from dni_lesson.workers.partition import Part

import helpers
import keras
import numpy as np
import pytest
from helpers import double_precision

__all__ = ["double_precision"]

# Of other executions in float64.
REORDERED = {"rtol": 1e-6, "atol": 1e-9}
PER_EPOCH = 4


def made(rule="cdni", optimizer=None):
    model = dni.mlp(3, 8, rule, input_dim=6, num_classes=3)
    optimizer = optimizer or keras.optimizers.Adam(1e-2)
    model.compile(optimizer, helpers.crossentropy(), jit_compile=False)
    return model


def train(model, epochs=3, fit=None, **kwargs):
    x, y = helpers.toy_data(8 * PER_EPOCH)
    how = {"epochs": epochs, "batch_size": 8, "shuffle": False}
    how |= {"verbose": 0} if fit else {}
    return (fit or dni.fit_async)(model, x, y, **how, **kwargs)


class Looks(keras.callbacks.Callback):
    """Notes the weights, and stops after an epoch.

    Attributes:
        seen: List of lists of arrays, at each epoch's end.
    """

    def __init__(self, stop_after=None):
        super().__init__()
        self.seen, self._stop_after = [], stop_after

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(helpers.weights(self.model))
        time.sleep(0.05)  # Nobody goes on while a callback looks.
        for one, other in zip(
            self.seen[-1], helpers.weights(self.model), strict=True
        ):
            np.testing.assert_array_equal(one, other)
        self.model.stop_training = epoch == self._stop_after


SYNCHRONOUS = [
    ("backprop", {"schedule": "locked"}),
    ("cdni", {"queue_size": 1}),
    ("cdni", {"queue_size": 1, "modules": 1}),
    ("cdni", {"queue_size": 1, "devices": ["cpu:0"] * 3}),
    ("cdni", {"queue_size": 1, "workers": "ray"}),
]


@pytest.mark.parametrize(("rule", "kwargs"), SYNCHRONOUS)
def test_callbacks_see_what_fit_shows_them(
    double_precision, monkeypatch, rule, kwargs
):
    if "workers" in kwargs:
        pytest.importorskip("ray")
        __import__("ray_stand_in").put_in_place(monkeypatch)
    models, looks = [made(rule), made(rule)], [Looks(1), Looks(1)]
    train(models[0], 9, dni.DecoupledModel.fit, callbacks=[looks[0]])
    train(models[1], 9, callbacks=[looks[1]], **kwargs)
    # At the end the model has the weights at which a callback stopped it.
    ends = [
        [*look.seen, helpers.weights(model)]
        for look, model in zip(looks, models, strict=True)
    ]
    assert len(ends[0]) == len(ends[1]) == 3
    for one, other in zip(*ends, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, **REORDERED)


@pytest.mark.parametrize(("queue_size", "modules"), [(1, 3), (3, 3), (8, 1)])
@pytest.mark.parametrize("schedule", ["decoupled", "delayed"])
def test_a_queue_less_one_is_what_passes_an_end_before_callbacks_answer(
    monkeypatch, schedule, queue_size, modules
):
    begun, give, found = [], Batches.__call__, []

    def note(batches, job):
        begun.append(job)
        return give(batches, job)

    monkeypatch.setattr(Batches, "__call__", note)
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: found.append(max(begun) + 1)
    )
    how = {"queue_size": queue_size, "modules": modules}
    train(made(), 4, callbacks=[look], schedule=schedule, **how)
    # All of the epoch has begun, and no more than that.
    ahead = queue_size - 1 if modules > 1 else 0
    for epoch, most in enumerate(found, 1):
        assert 0 <= most - epoch * PER_EPOCH <= ahead


@pytest.mark.parametrize("steps", [1, 2])
def test_callbacks_change_nothing(double_precision, steps):
    models = [made(), made()]
    for model, callbacks in zip(models, ([Looks()], None), strict=True):
        how = {"queue_size": 3, "steps_per_execution": steps}
        train(model, in_turn=True, callbacks=callbacks, **how)
    for one, other in zip(*map(helpers.weights, models), strict=True):
        np.testing.assert_allclose(one, other, **REORDERED)


def test_training_ends_where_early_stopping_says_so():
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=100)
    history = train(made(), 50, callbacks=[stop])
    assert len(history.history["loss"]) == 2
    assert history.to_frame()["updates"].max() < 2 * PER_EPOCH + 8


def test_training_ends_after_an_epoch_with_nan():
    sgd = keras.optimizers.SGD(1e38)
    stop = keras.callbacks.TerminateOnNaN()
    history = train(made(optimizer=sgd), 50, callbacks=[stop])
    assert len(history.history["loss"]) < 50


class Layer:
    """Its one weight is how often it was updated."""

    def __init__(self):
        self.variables = [self]
        self.value = 0

    def numpy(self):
        return self.value


@pytest.mark.parametrize("learns", [True, False])
def test_an_end_is_told_when_a_part_and_its_predictor_were_there(learns):
    module, interface, told = Layer(), Layer(), []
    stage = SimpleNamespace(
        part=Part([module], [], interface, True, False),
        learns_to_predict=learns,
    )
    plan = Plan(6, report_every=2, first=1)
    ends = EpochEnds(stage, plan, lambda *what: told.append(what))
    ends.look(0, 0)
    for updates, answers in ((1, 0), (2, 0), (3, 1), (3, 2), (3, 3)):
        module.value, interface.value = 1 + updates, 1 + answers
        ends.look(updates, answers)
    if learns:
        assert told == [(2, [2, 2]), (4, [4, 4])]
    else:
        assert told == [(2, [2, 1]), (4, [4, 2])]


def test_an_epoch_is_whole_when_all_workers_have_told_their_end():
    ends = Gathering(Plan(4, report_every=2, holds=True), 2)
    ends.add_losses(2, "losses")
    ends.add_weights(2, 2, "two")
    assert list(ends.whole()) == []
    ends.add_weights(2, 1, "one")
    assert list(ends.whole()) == [(2, "losses", ["one", "two"])]
    assert list(ends.whole()) == []


def test_where_nobody_looks_losses_are_enough():
    ends = Gathering(Plan(4, report_every=2), 2)
    ends.add_losses(2, "losses")
    assert list(ends.whole()) == [(2, "losses", [])]
