"""Ray is started whole or not at all, and is sent what it can load."""

import os
import signal
import socket
import sys
import threading
from types import SimpleNamespace

import dni_lesson as dni
from dni_lesson.workers.remote import held_interrupts

import helpers
import keras
import lab_server
import pytest
import trouble

pytest.importorskip("ray")

from dni_lesson.workers.remote import supervisor  # noqa: E402  Needs Ray.
from dni_lesson.workers.remote.actor import check_loadable  # noqa: E402


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_waits_for_the_end():
    before, done = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt), held_interrupts():
        interrupt()
        done.append("the rest")
    assert done == ["the rest"]
    assert signal.getsignal(signal.SIGINT) is before


def test_without_an_interrupt_nothing_happens():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(OSError, match="disk"), held_interrupts():
        raise OSError("the disk is full")
    with held_interrupts():
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_are_left_alone():
    found = []

    def work():
        with held_interrupts():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]


def test_without_ray_the_remedy_is_told(monkeypatch):
    for name in ("supervisor", "actor", "outbox"):
        monkeypatch.delitem(sys.modules, f"dni_lesson.workers.remote.{name}")
    monkeypatch.setitem(sys.modules, "ray", None)
    model = dni.mlp(2, 8, "cdni", input_dim=6, num_classes=3)
    model.compile("sgd", helpers.crossentropy(), jit_compile=False)
    with pytest.raises(ImportError, match=r"`workers`.*lesson\[cluster\]"):
        dni.fit_async(model, *helpers.toy_data(), workers="ray")


@pytest.fixture
def calls(monkeypatch):
    """What was called of Ray: a module that only writes that down."""
    found = []
    made = SimpleNamespace(
        is_initialized=lambda: False,
        init=lambda address, **_: found.append(address),
        shutdown=lambda: found.append("shutdown"),
    )
    monkeypatch.setattr(supervisor, "ray", made)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return found


def test_ray_ends_with_the_context(calls):
    with supervisor.started():
        assert calls == ["local"]
    assert calls == ["local", "shutdown"]


def test_the_ray_of_the_caller_is_left_alone(calls):
    supervisor.ray.is_initialized = lambda: True
    with supervisor.started():
        pass
    assert calls == []


def test_an_interrupt_while_ray_starts_ends_it(calls):
    def init(*_, **__):
        os.kill(os.getpid(), signal.SIGINT)
        calls.append("whole")

    supervisor.ray.init = init
    with pytest.raises(KeyboardInterrupt), supervisor.started():
        raise AssertionError("it should not begin")
    assert calls == ["whole", "shutdown"]


def test_a_start_that_fails_is_cleaned_up(calls):
    def init(*_, **__):
        raise OSError("no port is free")

    supervisor.ray.init = init
    with pytest.raises(OSError, match="no port"), supervisor.started():
        pass
    assert calls == ["shutdown"]


@pytest.mark.parametrize("prefix", ["", "ray://"])
def test_a_cluster_that_does_not_answer_is_told_at_once(
    calls, monkeypatch, prefix
):
    address = f"{prefix}127.0.0.1:{lab_server.free_port()}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with (
        pytest.raises(ConnectionError, match=f"`RAY_ADDRESS`.*{address}"),
        supervisor.started(),
    ):
        pass
    assert calls == []


def test_a_cluster_that_answers_is_used(calls, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        with supervisor.started():
            pass
    assert calls == [address, "shutdown"]


class Mine(keras.layers.Layer):
    """It is not registered."""

    def call(self, x):
        return x

    def compute_output_shape(self, shape):
        return shape


def squared(y, prediction):
    return (y - prediction) ** 2


def network(layer=None, loss="mse"):
    lower = keras.Sequential([keras.Input((6,)), keras.layers.Dense(6)])
    if layer is not None:
        lower.add(layer)
    model = dni.DecoupledModel(
        [lower, keras.layers.Dense(3)], [dni.SyntheticGradient()]
    )
    model.build((None, 6))
    model.compile("sgd", loss, jit_compile=False)
    return model


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Mine", lambda: network(Mine())),
        ("squared", lambda: network(loss=squared)),
    ],
)
def test_what_other_processes_cannot_load_is_refused_before_they_start(
    calls, name, model
):
    x, _ = helpers.toy_data()
    with pytest.raises(ValueError, match=f"^`model`. .*registered.*{name}"):
        dni.fit_async(model(), x, x[:, :3], workers="ray")
    assert calls == []


def test_what_is_registered_can_be_sent():
    check_loadable(network())
    check_loadable(dni.mlp())
    check_loadable(network(trouble.Trouble("", "work")))
