"""Later runs use what the first has compiled, and no failure keeps others."""

import threading
import time

import dni_lesson as dni
from dni_lesson.workers import Team, make_plan, make_schedule, partition, team
from dni_lesson.workers.batches import Batches
from dni_lesson.workers.compiling import CompiledCall
from dni_lesson.workers.mailbox import Mailbox
from dni_lesson.workers.worker import (
    Decoupled,
    DecoupledTogether,
    Top,
    TrueGradient,
    WorkerError,
)

import helpers
import keras
import numpy as np
import pytest
import trouble
from helpers import double_precision
from test_workers_fit import assert_close, made, plain

__all__ = ["double_precision"]


def train(model, batch_size=8, fit=dni.fit_async, **kwargs):
    x, y = helpers.toy_data(32)
    return fit(model, x, y, batch_size=batch_size, shuffle=False, **kwargs)


@pytest.fixture
def compilations(monkeypatch):
    """A list that grows with each call that is compiled."""
    compilations, add = [], CompiledCall.add

    def count(call, function, *examples):
        compilations.append(function)
        return add(call, function, *examples)

    monkeypatch.setattr(CompiledCall, "add", count)
    return compilations


@pytest.mark.parametrize("devices", [None, ["cpu:0"] * 2])
@pytest.mark.parametrize("ema", [False, True])
def test_a_later_run_is_as_if_it_were_the_first(
    double_precision, compilations, devices, ema
):
    optimizer = keras.optimizers.Adam(1e-2, use_ema=ema)
    models = [made(depth=2), made(depth=2)]
    for model in models:
        model.compile(optimizer, helpers.crossentropy(), jit_compile=False)
    start = models[0].get_weights()
    train(models[0], queue_size=1, devices=devices)
    assert compilations
    models[0].set_weights([1.5 * one for one in start])
    models[1].set_weights([1.5 * one for one in start])
    compilations.clear()
    train(models[0], queue_size=1, devices=devices)
    assert not compilations
    train(models[1], queue_size=1, devices=devices)
    assert_close(*map(helpers.weights, models))


def test_a_rate_that_was_set_holds_for_a_later_run():
    model = made(depth=2)
    train(model)
    model.optimizer.learning_rate = 0.0
    before = helpers.learnt(model)
    train(model)
    assert all(map(np.array_equal, before, helpers.learnt(model)))


def freeze(model):
    model.modules[0].trainable = False


def decay(model):
    model.optimizer.weight_decay = 0.1


def compile_again(model):
    model.compile(model.optimizer, model.loss, jit_compile=False)


def lose(model):
    model.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


CHANGES = {
    "compiled again": (compile_again, {}),
    "another loss": (lose, {}),
    "another optimizer": (decay, {}),
    "frozen": (freeze, {}),
    "another schedule": (lambda model: None, {"schedule": "locked"}),
    "another batch size": (lambda model: None, {"batch_size": 16}),
    "another cut": (lambda model: None, {"modules": 1}),
    "other devices": (lambda model: None, {"devices": ["cpu:0"] * 2}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_counts_for_compiled_calls_compiles_them_anew(compilations, name):
    change, kwargs = CHANGES[name]
    model = made(depth=2)
    train(model)
    change(model)
    compilations.clear()
    train(model, **kwargs)
    assert compilations


def test_after_an_error_nothing_is_kept(compilations):
    def fail(epoch, logs):
        raise OSError("no space")

    model = made(depth=2)
    stop = keras.callbacks.LambdaCallback(on_epoch_end=fail)
    with pytest.raises(OSError, match="no space"):
        train(model, callbacks=[stop])
    compilations.clear()
    train(model)
    assert compilations


def test_of_many_kinds_of_runs_the_last_are_kept(monkeypatch):
    monkeypatch.setattr(team, "MOST_KEPT", 1)
    model = made(depth=2)
    for modules in (1, 2):
        train(model, modules=modules)
    assert len(vars(model)[team._NAME]) == 1


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(
    ("rule", "schedule"),
    [
        ("backprop", "locked"),
        ("backprop", "delayed"),
        ("cdni", "decoupled"),
        (None, "gpipe"),
    ],
)
def test_ten_runs_do_what_fit_does(
    double_precision, rule, schedule, jit_compile
):
    if rule is None:  # A model without BatchNorm.
        models = [plain("backprop"), plain("backprop")]
        for model, jit in zip(models, (False, jit_compile), strict=True):
            model.compile("adam", helpers.crossentropy(), jit_compile=jit)
    else:
        models = [made(rule), made(rule, jit_compile=jit_compile)]
    start = models[0].get_weights()
    train(models[0], fit=dni.DecoupledModel.fit, epochs=2, verbose=0)
    for _ in range(10):
        models[1].set_weights(start)
        train(models[1], epochs=2, schedule=schedule, queue_size=1)
        assert_close(*map(helpers.weights, models))


@pytest.mark.parametrize(
    ("name", "steps", "kind"),
    [
        ("decoupled", 1, Decoupled),
        ("decoupled", 2, DecoupledTogether),
        ("locked", 1, TrueGradient),
        ("gpipe", 1, TrueGradient),
        ("delayed", 1, TrueGradient),
    ],
)
def test_workers_of_a_team_are_a_chain(name, steps, kind):
    model = made()
    schedule = make_schedule(name, steps_per_execution=steps)
    whole = Team(model, partition(model, schedule), schedule)
    plan = make_plan(schedule, epochs=1, per_epoch=1)
    first, second, top = workers = whole.workers(plan, batches="source")
    assert [type(worker) for worker in workers] == [kind, kind, Top]
    assert [worker.number for worker in workers] == [1, 2, 3]
    assert first.above is second and second.above is top
    assert top.below is second and second.below is first
    assert first.below is top.above is None


def test_a_team_runs_often_and_goes_on_where_it_was(double_precision):
    model, other = made(depth=2), made(depth=2)
    schedule = make_schedule("decoupled", queue_size=1)
    whole = Team(model, partition(model, schedule), schedule)
    batches = Batches(*helpers.toy_data(32), 8, schedule, shuffle=False)
    for epochs in (1, 2):
        records = whole.run(make_plan(schedule, epochs, 4), batches)
        assert [record.updates for record in records] == [4 * epochs] * 2
    train(other, fit=dni.DecoupledModel.fit, epochs=3, verbose=0)
    assert_close(*map(helpers.weights, (model, other)))


class Trouble(trouble.Watched):
    """Calls a function."""

    def __init__(self, happens, **kwargs):
        super().__init__(**kwargs)
        self.happens = happens


def model_with(happens, place=1):
    """Three modules, of which one is in trouble."""
    modules = [
        keras.Sequential([keras.Input((6,)), keras.layers.Dense(6, "relu")])
        for _ in range(3)
    ]
    modules[place].add(Trouble(happens))
    interfaces = [dni.SyntheticGradient(None, 6) for _ in range(2)]
    model = dni.DecoupledModel(modules, interfaces)
    model.build((None, 6))
    model.compile("sgd", helpers.crossentropy(), jit_compile=False)
    return model


def after(calls, act):
    """Returns a function that does `act` at one call, not before."""
    left = [calls]

    def happens():
        left[0] -= 1
        if left[0] == 0:
            act()

    return happens


def fail():
    raise OSError("the disk is full")


def train_long(model, **kwargs):
    x, y = helpers.toy_data(examples=80)
    return dni.fit_async(model, x, y, 5, batch_size=8, queue_size=2, **kwargs)


def workers_alive():
    return [one for one in threading.enumerate() if one.name.startswith("dni-")]


@pytest.mark.parametrize("schedule", ["decoupled", "locked", "gpipe"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_worker_that_raises_ends_the_call_and_is_named(schedule, place):
    model = model_with(after(12, fail), place)
    before = helpers.weights(model)
    with pytest.raises(WorkerError, match="the disk is full") as caught:
        train_long(model, schedule=schedule, microbatches=2)
    assert f"Module {place + 1} raised" in str(caught.value)
    assert caught.value.module == place + 1
    assert not workers_alive()
    # Finished updates are kept.
    after_it = helpers.weights(model)
    assert not all(map(np.array_equal, before, after_it))


def test_the_model_trains_on_after_a_failure():
    model = model_with(after(12, fail))
    with pytest.raises(WorkerError):
        train_long(model)
    assert train_long(model).to_frame()["updates"].tolist() == [50, 50, 50]


def test_a_worker_that_hangs_ends_the_call_and_is_named():
    gate = threading.Event()
    model = model_with(after(12, lambda: gate.wait(60)))
    # On one core a neighbour waits behind it in TensorFlow and hangs as well.
    with pytest.raises(WorkerError, match="Module [12] hangs: .*=2.0 s"):
        train_long(model, step_timeout=2.0)
    # The call that hangs cannot be ended.
    assert "dni-module-2" in [one.name for one in workers_alive()]
    gate.set()
    deadline = time.monotonic() + 20
    while workers_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not workers_alive()


def test_ctrl_c_ends_all_workers_and_keeps_the_weights(monkeypatch):
    model = model_with(lambda: time.sleep(0.01))
    before = helpers.weights(model)

    def interrupted(workers, *_):
        while workers[0].updates < 5:
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(team, "_attend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_long(model)
    assert not workers_alive()
    assert not np.array_equal(before[0], helpers.weights(model)[0])


def test_an_error_of_a_callback_ends_all_workers():
    def raise_it(epoch, logs):
        raise OSError("no space for the checkpoint")

    callback = keras.callbacks.LambdaCallback(on_epoch_end=raise_it)
    with pytest.raises(OSError, match="no space"):
        train_long(model_with(lambda: None), callbacks=[callback])
    assert not workers_alive()


def test_workers_who_all_wait_end_the_call(monkeypatch):
    put = Mailbox.put

    def lose(box, kind, message):
        if kind != "gradient":
            put(box, kind, message)

    monkeypatch.setattr(Mailbox, "put", lose)
    with pytest.raises(WorkerError, match="all others wait.*=2.0 s") as caught:
        train_long(model_with(lambda: None), step_timeout=2.0)
    assert caught.value.module == 1
    assert not workers_alive()
