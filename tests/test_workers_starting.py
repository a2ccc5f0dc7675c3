"""Ray is started whole or not at all, and ends with the call."""

import os
import signal
import socket
from types import SimpleNamespace

import dni_lesson as dni

import helpers
import keras
import lab_server
import pytest
import trouble

pytest.importorskip("ray")

from dni_lesson.workers import brief, starting  # noqa: E402  Needs Ray.


@pytest.fixture
def calls(monkeypatch):
    """What was called of Ray: a module that only writes that down."""
    found = []
    made = SimpleNamespace(
        is_initialized=lambda: False,
        init=lambda address, **_: found.append(address),
        shutdown=lambda: found.append("shutdown"),
    )
    monkeypatch.setattr(starting, "ray", made)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return found


def test_ray_ends_with_the_context(calls):
    with starting.started():
        assert calls == ["local"]
    assert calls == ["local", "shutdown"]


def test_the_ray_of_the_caller_is_left_alone(calls):
    starting.ray.is_initialized = lambda: True
    with starting.started():
        pass
    assert calls == []


def test_an_interrupt_while_ray_starts_ends_it(calls):
    def init(*_, **__):
        os.kill(os.getpid(), signal.SIGINT)
        calls.append("whole")

    starting.ray.init = init
    with pytest.raises(KeyboardInterrupt), starting.started():
        raise AssertionError("it should not begin")
    assert calls == ["whole", "shutdown"]


def test_a_start_that_fails_is_cleaned_up(calls):
    def init(*_, **__):
        raise OSError("no port is free")

    starting.ray.init = init
    with pytest.raises(OSError, match="no port"), starting.started():
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
        starting.started(),
    ):
        pass
    assert calls == []


def test_a_cluster_that_answers_is_used(calls, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        with starting.started():
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
    brief.check_loadable(network())
    brief.check_loadable(dni.mlp())
    brief.check_loadable(network(trouble.Trouble("", "work")))
