"""Modules in Ray processes: the same training, and what is left if one dies."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time

import dni_lesson as dni
from dni_lesson.workers.job import WorkerError

import helpers
import keras
import lab_server
import numpy as np
import psutil
import pytest
import trouble

ray = pytest.importorskip("ray")

TESTS = str(pathlib.Path(__file__).parent)
EXAMPLES, BATCH_SIZE, EPOCHS = 80, 8, 6
STEPS = EPOCHS * EXAMPLES // BATCH_SIZE


def model_with(folder, act, *places, **settings):
    """Two modules, of which some are in trouble."""
    modules = [
        keras.Sequential([keras.Input((6,)), keras.layers.Dense(6, "relu")])
        for _ in range(2)
    ]
    for place in places:
        mine = folder / str(place)
        mine.mkdir()
        modules[place].add(trouble.Trouble(str(mine), act, **settings))
    model = dni.DecoupledModel(modules, [dni.SyntheticGradient(None, 6)])
    model.build((None, 6))
    model.compile("sgd", helpers.crossentropy(), jit_compile=False)
    return model


def train(model, workers="ray", epochs=EPOCHS, **kwargs):
    x, y = helpers.toy_data(EXAMPLES)
    kwargs = {"queue_size": 2} | kwargs
    return dni.fit_async(
        model, x, y, epochs, BATCH_SIZE, workers=workers, **kwargs
    )


def ray_processes():
    """Returns the names of what Ray has started from this process."""
    children = psutil.Process().children(recursive=True)
    names = (one.name() for one in children)
    return [one for one in names if "ray" in one or "gcs" in one]


@pytest.fixture(scope="module")
def cluster():
    """Two nodes on this machine."""
    from ray.cluster_utils import Cluster

    nodes = Cluster()
    for _ in range(2):
        nodes.add_node(num_cpus=1)
    places = {"env_vars": {"PYTHONPATH": TESTS}}
    nodes.wait_for_nodes()
    ray.init(nodes.address, runtime_env=places, log_to_driver=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.mark.parametrize("steps", [1, 2])
def test_processes_do_what_threads_do_and_leave_nothing_behind(steps):
    nets, histories = [], []
    for workers in ("threads", "ray"):
        net = dni.mlp(3, 8, "cdni", input_dim=6, num_classes=3)
        # Averages of weights start at zero and must not be taken for them.
        adam = keras.optimizers.Adam(use_ema=True)
        net.compile(adam, helpers.crossentropy())
        kwargs = {"modules": 2, "steps_per_execution": steps}
        histories.append(train(net, workers, in_turn=True, **kwargs))
        nets.append(net)
    for one, other in zip(*map(helpers.weights, nets), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-6)
    one, other = (history.to_frame() for history in histories)
    counts = one.columns.drop(["busy", "waiting"])
    assert one[counts].equals(other[counts])
    one, other = (history.history["loss"] for history in histories)
    np.testing.assert_allclose(one, other, rtol=1e-4)
    assert not ray.is_initialized()
    assert ray_processes() == []


def test_modules_are_spread_over_the_nodes(cluster, tmp_path):
    train(model_with(tmp_path, "say", 0, 1))
    found = {(tmp_path / place / "node").read_text() for place in "01"}
    assert found == {node["NodeID"] for node in ray.nodes()}


def test_callbacks_see_the_weights_and_set_the_learning_rate(cluster):
    net = dni.mlp(3, 8, "cdni", input_dim=6, num_classes=3)
    stop = helpers.StopsLearning()
    net.compile("sgd", helpers.crossentropy())
    before = helpers.top_weight(net)
    train(net, epochs=100, callbacks=[stop])
    assert not np.array_equal(stop.seen[0], before)
    # Seconds before the end.
    assert np.array_equal(stop.seen[50], stop.seen[-1])
    assert np.array_equal(stop.seen[-1], helpers.top_weight(net))


@pytest.mark.parametrize(
    ("schedule", "killed"), [("decoupled", 0), ("locked", 1)]
)
def test_a_killed_module_starts_again_and_training_goes_on(
    cluster, tmp_path, schedule, killed
):
    late = {"at": 55, "seconds": 0.04}
    model = model_with(tmp_path, "kill", killed, **late)
    before = [helpers.weights(module) for module in model.modules]
    history = train(model, schedule=schedule, snapshot_every=10)
    frame, other = history.to_frame(), 1 - killed
    assert frame["updates"][other] == STEPS + frame["repeated"][other]
    assert frame["lost"][other] == 0
    # Updates after the last snapshot went with the process, no others.
    assert 0 < frame["lost"][killed] < 50
    assert len(history.history["loss"]) == EPOCHS
    for module, old in zip(model.modules, before, strict=True):
        assert moved(module, old) > 0
    # What it had learnt by then is not lost: some steps later it is not where
    # so few steps lead from the start.
    few = model_with(tmp_path / "few", "say")
    for module, old in zip(few.modules, before, strict=True):
        module.set_weights(old)
    train(few, "threads", schedule=schedule, epochs=1)
    far = moved(model.modules[killed], before[killed])
    assert far > 1.5 * moved(few.modules[killed], before[killed])


def test_modules_that_are_killed_together_start_again(cluster, tmp_path):
    model = model_with(tmp_path, "kill", 0, 1, at=55, seconds=0.04)
    frame = train(model, snapshot_every=10).to_frame()
    for place in "01":  # At call 55 its process ended.
        assert (tmp_path / place / "calls").stat().st_size > 55
    done = STEPS - frame["lost"] + frame["repeated"]
    assert frame["updates"].equals(done)
    # They go back to snapshots, not to the start.
    assert frame["updates"].max() < 2 * STEPS - 10


def moved(module, before):
    """Returns how far the weights of a module are from others."""
    pairs = zip(helpers.weights(module), before, strict=True)
    return np.sqrt(sum(np.sum((one - old) ** 2) for one, old in pairs))


def test_a_module_that_raises_ends_the_call_and_is_named(cluster, tmp_path):
    model = model_with(tmp_path, "raise", 1)
    before = helpers.weights(model)
    with pytest.raises(WorkerError, match="Module 2 raised") as caught:
        train(model)
    assert caught.value.module == 2
    assert "the disk is full" in str(caught.value)
    assert not np.array_equal(before[0], helpers.weights(model)[0])


def test_a_module_that_hangs_ends_the_call_and_is_named(cluster, tmp_path):
    model = model_with(tmp_path, "hang", 0)
    with pytest.raises(WorkerError, match="Module 1 hangs"):
        train(model, step_timeout=2.0)


def wait_for(port):
    """Returns when something on this machine listens to a port."""
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.1)


def test_two_started_nodes_are_one_cluster(tmp_path):
    """As the lesson says: `ray start` on each machine, then `ray.init`."""
    program = """
import time, ray, helpers, dni_lesson as dni
ray.init(address="auto", log_to_driver=False)
while len([node for node in ray.nodes() if node["Alive"]]) < 2:
    time.sleep(0.2)
model = dni.mlp(3, 8, "cdni", input_dim=6, num_classes=3)
model.compile("adam", helpers.crossentropy())
history = dni.fit_async(
    model, *helpers.toy_data(80), 1, 8, workers="ray", modules=2
)
print(history.to_frame()["updates"].tolist())
"""
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    port = lab_server.free_port()
    environment = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
    }
    places = (
        ["--head", f"--port={port}", "--include-dashboard=false"],
        ["--address", f"127.0.0.1:{port}"],
    )
    nodes = []
    for place in places:
        nodes.append(
            subprocess.Popen([*start, *place], env=environment, **quiet)
        )
        wait_for(port)
    try:
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env={**environment, "RAY_ADDRESS": f"127.0.0.1:{port}"},
            cwd=TESTS,
            capture_output=True,
            text=True,
            timeout=180,
        )
    finally:
        for node in reversed(nodes):
            node.terminate()
        for node in nodes:
            node.wait(60)
    assert ran.stdout.splitlines()[-1:] == ["[10, 10]"], ran.stderr
