"""A worker that fails never keeps the others, and no thread is left."""

import threading
import time

import dni_lesson as dni
from dni_lesson.workers import threads
from dni_lesson.workers.job import WorkerError
from dni_lesson.workers.mailbox import Mailbox

import helpers
import keras
import numpy as np
import pytest
import trouble


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


def train(model, **kwargs):
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
        train(model, schedule=schedule, microbatches=2)
    assert f"Module {place + 1} raised" in str(caught.value)
    assert caught.value.module == place + 1
    assert not workers_alive()
    # Finished updates are kept.
    after_it = helpers.weights(model)
    assert not all(map(np.array_equal, before, after_it))


def test_the_model_trains_on_after_a_failure():
    model = model_with(after(12, fail))
    with pytest.raises(WorkerError):
        train(model)
    assert train(model).to_frame()["updates"].tolist() == [50, 50, 50]


def test_a_worker_that_hangs_ends_the_call_and_is_named():
    gate = threading.Event()
    model = model_with(after(12, lambda: gate.wait(60)))
    # On one core a neighbour waits behind it in TensorFlow and hangs as well.
    with pytest.raises(WorkerError, match="Module [12] hangs: .*=2.0 s"):
        train(model, step_timeout=2.0)
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

    monkeypatch.setattr(threads, "_attend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(model)
    assert not workers_alive()
    assert not np.array_equal(before[0], helpers.weights(model)[0])


def test_an_error_of_a_callback_ends_all_workers():
    def raise_it(epoch, logs):
        raise OSError("no space for the checkpoint")

    callback = keras.callbacks.LambdaCallback(on_epoch_end=raise_it)
    with pytest.raises(OSError, match="no space"):
        train(model_with(lambda: None), callbacks=[callback])
    assert not workers_alive()


def test_workers_who_all_wait_end_the_call(monkeypatch):
    put = Mailbox.put

    def lose(box, kind, message):
        if kind != "gradient":
            put(box, kind, message)

    monkeypatch.setattr(Mailbox, "put", lose)
    with pytest.raises(WorkerError, match="all others wait.*=2.0 s") as caught:
        train(model_with(lambda: None), step_timeout=2.0)
    assert caught.value.module == 1
    assert not workers_alive()
