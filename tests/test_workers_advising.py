"""`advise` asks a model and leaves it as it was. No clock is judged here."""

import dni_lesson as dni
from dni_lesson.schedules.advice import ALONE
from dni_lesson.workers import advising, alone, measuring
from dni_lesson.workers.partition import partition
from dni_lesson.workers.schedule import make_schedule

import keras
import numpy as np
import pytest
from helpers import assert_same_weights, crossentropy, data_set, toy_data
from keras import layers

X, Y = toy_data(64)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A clock that nobody waits for; calls are made a few times at most."""
    short = dict(measure_costs=0.01, measure_sharing=0.1)
    for name, seconds in short.items():
        monkeypatch.setattr(
            advising,
            name,
            lambda team, batches, name=name, seconds=seconds: getattr(
                measuring, name
            )(team, batches, seconds),
        )
    monkeypatch.setattr(
        advising,
        "measure_crossing",
        lambda delay: measuring.measure_crossing(delay, seconds=0.01),
    )
    monkeypatch.setattr(alone, "_SPAN", 0.0)
    monkeypatch.setattr(advising, "best_seconds", lambda *_: (0.001, True))


def compiled(model):
    model.compile("adam", crossentropy(), jit_compile=False)
    return model


def net(rule="cdni", depth=2):
    return compiled(dni.mlp(depth, 8, rule, input_dim=6, num_classes=3))


def chain(*more):
    return compiled(
        keras.Sequential(
            [
                keras.Input((6,)),
                layers.Dense(8, activation="relu"),
                *more,
                layers.LayerNormalization(),
                layers.Dropout(0.5),
                layers.Dense(3),
            ]
        )
    )


def upside_down():
    ends = [layers.Dense(3), dni.SyntheticGradient()]
    return compiled(keras.Sequential([keras.Input((6,)), *ends]))


def copies(model):
    layers = [*model.layers, *getattr(model, "metrics", [])]
    return [np.array(v) for one in layers for v in one.variables]


@pytest.mark.parametrize(
    ("make", "schedules"),
    [
        (net, {"locked", "delayed", "gpipe", "decoupled"}),
        (lambda: net("backprop"), {"locked", "delayed", "gpipe"}),
        (chain, {"locked", "delayed", "gpipe"}),
        (
            lambda: chain(dni.SyntheticGradient(num_classes=3)),
            {"locked", "delayed", "gpipe", "decoupled"},
        ),
    ],
)
def test_a_model_is_asked_and_left_as_it_was(make, schedules):
    model = make()
    before = copies(model)
    found = dni.advise(model, X, Y, 2, link_delay=0.001, batch_size=16)
    for one, other in zip(before, copies(model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert {one.schedule for one in found.options} == {ALONE, *schedules}
    for one in found.options:
        assert one.seconds > 0 and one.memory > 0 and one.gain > 0
        assert sum(one.cut) == sum(found.options[0].cut)
    assert 0 < found.cores_worth <= 2


def test_after_an_error_the_weights_are_those_of_before(monkeypatch):
    def broken(*_):
        raise RuntimeError("a core fell off")

    monkeypatch.setattr(advising, "measure_sharing", broken)
    model, twin = net(), net()
    with pytest.raises(RuntimeError, match="fell off"):
        dni.advise(model, X, Y, batch_size=16)
    assert_same_weights(model, twin)


def test_what_was_asked_about_can_be_trained_and_is_as_new():
    asked, other = net(), net()
    dni.advise(asked, X, Y, batch_size=16)
    for model in (asked, other):
        dni.fit_async(model, X, Y, batch_size=16, modules=2, queue_size=1)
    for one, two in zip(asked.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_a_step_of_one_process_is_measured(monkeypatch):
    model = net()
    assert alone.best_seconds(model, X, Y, 16)[0] > 0
    # A process of its own finds the layers by their names.
    assert alone._elsewhere(model, X, Y, 16) > 0


def test_one_worker_gains_nothing():
    found = dni.advise(net(), X, Y, workers=1)
    assert [(o.schedule, o.gain) for o in found.options] == [(ALONE, 1.0)]


def test_the_best_cut_is_taken_unless_one_is_given():
    model = net(depth=4)
    given = dni.advise(model, X, Y, [3, 1])
    assert {one.cut for one in given.options} == {(3, 1), (4,)}
    cut = next(
        one.cut for one in dni.advise(model, X, Y, 2).options if one.cut[1:]
    )
    assert len(cut) == 2 and sum(cut) == 4


def test_a_data_set_brings_its_own_batches():
    found = dni.advise(net(), data_set(X, Y, batch_size=8))
    assert {"gpipe", "decoupled"} < {one.schedule for one in found.options}
    # Four micro-batches do not make a batch of 6.
    found = dni.advise(net(), data_set(X, Y, batch_size=6))
    assert "gpipe" not in {one.schedule for one in found.options}


def test_what_a_worker_keeps_is_counted_in_bytes():
    model = net("backprop", depth=2)
    schedule = make_schedule("locked")
    parts = partition(model, schedule)
    batches = advising.Batches(X, Y, 16, schedule)
    team = advising.Team(model, parts, schedule)
    team.compile(batches.examples())
    found = measuring.measure_costs(team, batches, 0.01)
    # Of the first module at least its input; a message is (h, y).
    assert found.kept[0] >= 16 * 6 * 4
    assert found.sent == [16 * 8 * 4 + 16 * Y.itemsize]
    whole = measuring.held_bytes(
        model, partition(model, schedule, [2])[0], *batches(0)
    )
    assert whole >= found.kept[0]


def test_messages_over_a_slow_link_take_its_delay():
    assert measuring.measure_crossing(0.01, seconds=0.01) >= 0.01


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ({"workers": 0}, "workers"),
        ({"workers": 9}, "workers"),
        ({"workers": [1, 1, 1]}, "workers"),
        ({"link_delay": -1}, "link_delay"),
        ({"bandwidth": 0}, "bandwidth"),
        ({"batch_size": 0}, "batch_size"),
        ({"queue_size": 0}, "queue_size"),
        ({"microbatches": 0}, "microbatches"),
        ({"devices": ["CPU:0"]}, "devices"),
        ({"model": keras.Sequential([layers.Dense(3)])}, "model"),
        ({"model": "mlp"}, "model"),
        ({"model": upside_down()}, "model"),
        ({"x": X[:, :5]}, "x"),
        ({"x": 5, "y": None}, "x"),
        ({"x": X, "y": None}, "x"),
        ({"x": [X[:8]], "y": None}, "x"),
        ({"y": Y[:5]}, "y"),
        ({"y": Y + 5}, "y"),
    ],
)
def test_errors_name_the_argument(argument, named):
    right = {"model": net(), "x": X, "y": Y}
    with pytest.raises(ValueError, match=f"`{named}`"):
        dni.advise(**{**right, **argument})
