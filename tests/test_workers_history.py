"""What callbacks hear and see at the ends of epochs, and what a run leaves."""

import math
import time
from types import SimpleNamespace

import dni_lesson as dni
from dni_lesson.schedules import step_time, timetable
from dni_lesson.workers.batches import Batches
from dni_lesson.workers.history import (
    AsyncHistory,
    EpochEnds,
    EpochLog,
    EpochParts,
    Record,
    joined,
)
from dni_lesson.workers.partition import Part
from dni_lesson.workers.schedule import Plan, make_schedule

import helpers
import keras
import numpy as np
import pytest
from helpers import double_precision
from test_workers_fit import assert_close, made

__all__ = ["double_precision"]

SHARES = np.array([0.4, 0.4, 0.2])  # Three mini-batches, the last one smaller.
PER_EPOCH = 4
LOCKED = make_schedule("locked")


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


def log_of(ear=None, epochs=2, schedule=LOCKED):
    plan = Plan(schedule, 3 * epochs, per_epoch=3)
    return EpochLog(keras.Sequential(), plan, SHARES, [ear] if ear else None)


def test_a_loss_is_the_mean_over_examples():
    log = log_of()
    log.epoch_ended(3, {0: 1.0, 1: 2.0, 2: 5.0})
    assert log.losses == [pytest.approx(0.4 + 0.8 + 1.0)]


def test_microbatches_add_up_to_their_minibatch():
    log = log_of(schedule=make_schedule("gpipe", microbatches=2))
    losses = dict(enumerate([0.5, 0.5, 1.5, 0.5, 2.0, 3.0]))
    log.epoch_ended(3, losses)
    assert log.losses == [pytest.approx(0.4 + 0.8 + 1.0)]


def test_callbacks_hear_of_every_epoch_once():
    ear = Ear()
    log = log_of(ear)
    losses = dict.fromkeys(range(3), 1.0)
    for minibatches in (3, 3, 6):  # The first one again, after a restart.
        assert log.epoch_ended(minibatches, losses) is False
    log.training_ended()
    assert ear.heard == ["begin 0", "end 0", "begin 1", "end 1", "end"]


def test_an_epoch_whose_losses_are_lost_has_none():
    ear = Ear()
    log = log_of(ear, epochs=3)
    log.epoch_ended(9, dict.fromkeys(range(6, 9), 2.0))
    assert math.isnan(log.losses[0]) and math.isnan(log.losses[1])
    assert log.losses[2] == 2.0
    assert ear.heard[-1] == "end 2"


def test_a_callback_can_stop_the_training():
    log = log_of(Ear(stop_after=0))
    assert log.epoch_ended(3, dict.fromkeys(range(3), 1.0)) is True


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
        later = helpers.weights(self.model)
        assert all(map(np.array_equal, self.seen[-1], later))
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
    for expected, received in zip(*ends, strict=True):
        assert_close(expected, received)


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
    assert_close(*map(helpers.weights, models))


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
    plan = Plan(LOCKED, 6, per_epoch=2, first=1, watched=True)
    ends = EpochEnds(stage, plan)
    for updates, answers in ((0, 0), (1, 0), (2, 0), (3, 1), (3, 2), (3, 3)):
        module.value, interface.value = 1 + updates, 1 + answers
        told += ends.reached(updates, answers)
    if learns:
        assert told == [(2, [2, 2]), (4, [4, 4])]
    else:
        assert told == [(2, [2, 1]), (4, [4, 2])]


def test_an_epoch_is_whole_when_all_workers_have_told_their_end():
    epochs = EpochParts(Plan(LOCKED, 4, 2, watched=True), 2)
    epochs.add(2, 2, "two", "losses")
    assert list(epochs.whole()) == []
    epochs.add(1, 2, "one", None)
    assert list(epochs.whole()) == [(2, "losses", ["one", "two"])]
    assert list(epochs.whole()) == []


def test_where_nobody_looks_losses_are_enough():
    epochs = EpochParts(Plan(LOCKED, 4, 2), 2)
    epochs.add(1, 2, [], None)
    assert list(epochs.whole()) == []
    epochs.add(2, 2, [], "losses")
    assert list(epochs.whole()) == [(2, "losses", [[]])]


EVENTS = timetable("decoupled", [1, 1], [2, 2], [1, 0], minibatches=8)


def records(shift=0.0):
    """Returns the records of two workers whose clock is off by `shift`."""
    return [
        Record(
            module,
            [
                event._replace(start=event.start + shift, end=event.end + shift)
                for event in EVENTS
                if event.worker == module
            ],
            [0, 1, 5],
            updates=8,
            predictor_updates=8,
        )
        for module in (1, 2)
    ]


def test_time_begins_with_the_first_event():
    history = AsyncHistory(records(shift=1e6), [0.5])
    assert history.events[0].start == 0
    assert history.steps_per_second == pytest.approx(1 / step_time(EVENTS))


def test_workers_are_busy_or_waiting():
    frame = AsyncHistory(records(), []).to_frame()
    assert frame["busy"].tolist() == [8 * 4, 8 * 3]
    end = max(event.end for event in EVENTS)
    assert (frame["busy"] + frame["waiting"]).tolist() == [end, end]
    assert frame["steps"].tolist() == [8, 8]
    assert frame["staleness"].tolist() == [2, 2]
    assert frame["max_staleness"].tolist() == [5, 5]


def test_what_the_last_module_did_not_finish_has_no_pace():
    lower, top = records()
    ahead = [
        lower.events[-1]._replace(start=end - 1, end=end, minibatch=8 + k)
        for k, end in enumerate((12.0, 13.0, 14.0), 1)
    ]
    history = AsyncHistory(
        [lower._replace(events=lower.events + ahead), top], []
    )
    assert history.steps_per_second == pytest.approx(1 / step_time(EVENTS))


def test_a_run_without_events_has_no_speed():
    history = AsyncHistory([Record(1, [], [], 0, 0)], [])
    assert history.steps_per_second != history.steps_per_second
    assert history.to_frame()["waiting"].tolist() == [0]


def test_records_of_several_starts_are_one():
    one, other = records()[0], records()[0]._replace(updates=3)
    both = joined([one, other])
    assert both.events == one.events + other.events
    assert both.staleness == [0, 1, 5, 0, 1, 5]
    assert (both.updates, both.predictor_updates) == (11, 16)
