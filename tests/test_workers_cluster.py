"""Modules in Ray processes: the same training, and what is left if one dies."""

import contextlib
import os
import pathlib
import subprocess
import sys
import threading
import time

import dni_lesson as dni

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
KILLED_AT = 55
# With other threads TensorFlow adds up in another order.
REORDERED = {"rtol": 2e-4, "atol": 2e-6}


def model_with(folder, acts):
    """Two modules, of which those with a place among the acts do so."""
    modules = []
    for place in range(2):
        mine = folder / str(place)
        mine.mkdir(parents=True)
        act = acts.get(place, "work")
        at = KILLED_AT if act == "kill" else 10
        modules.append(
            keras.Sequential(
                [
                    keras.Input((6,)),
                    keras.layers.Dense(6, "relu"),
                    trouble.Trouble(str(mine), act, at),
                ]
            )
        )
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


def when_snapshots_are_known(monkeypatch, act):
    """Acts once the last snapshot of each module before a kill is known.

    A kill that waits for it ends the same updates on every machine.
    """
    from dni_lesson.workers.remote.supervisor import Supervisor

    look = Supervisor._take_news

    def look_and_tell(self, number):
        reports = look(self, number)
        positions = [one.position for one in self._snapshots.values()]
        if min(positions) >= KILLED_AT // 10 * 10:
            act()
        return reports

    monkeypatch.setattr(Supervisor, "_take_news", look_and_tell)


def assert_came_back(model, before, history, schedule, killed):
    """One of two modules went back to its snapshot, the other lost nothing."""
    frame, other = history.to_frame(), 1 - killed
    assert frame["updates"][other] == STEPS + frame["repeated"][other]
    assert frame["lost"][other] == 0
    # Updates after the last snapshot went with the process, no others.
    assert 0 < frame["lost"][killed] < 10
    assert len(history.history["loss"]) == EPOCHS
    # What it had learnt by then is not lost: some steps later it is not where
    # so few steps lead from the start.
    for module, old in zip(model.modules, before, strict=True):
        assert moved(module, old) > 0
    far = moved(model.modules[killed], before[killed])
    for module, old in zip(model.modules, before, strict=True):
        module.set_weights(old)
    train(model, "threads", schedule=schedule, epochs=1)
    assert far > 1.5 * moved(model.modules[killed], before[killed])


def moved(module, before):
    """Returns how far the weights of a module are from others."""
    pairs = zip(helpers.weights(module), before, strict=True)
    return np.sqrt(sum(np.sum((one - old) ** 2) for one, old in pairs))


def ray_processes():
    """Returns the names of what Ray has started from this process."""
    children = psutil.Process().children(recursive=True)
    names = (one.name() for one in children)
    return [one for one in names if "ray" in one or "gcs" in one]


def test_processes_do_what_threads_do_and_leave_nothing_behind():
    nets, histories = [], []
    for workers in ("threads", "ray"):
        net = dni.mlp(3, 8, "cdni", input_dim=6, num_classes=3)
        # Averages of weights start at zero and must not be taken for them.
        adam = keras.optimizers.Adam(use_ema=True)
        net.compile(adam, helpers.crossentropy())
        kwargs = {"modules": 2, "steps_per_execution": 2}
        histories.append(train(net, workers, in_turn=True, **kwargs))
        nets.append(net)
    for one, other in zip(*map(helpers.weights, nets), strict=True):
        np.testing.assert_allclose(one, other, **REORDERED)
    one, other = (history.to_frame() for history in histories)
    counts = one.columns.drop(["busy", "waiting"])
    assert one[counts].equals(other[counts])
    one, other = (history.history["loss"] for history in histories)
    np.testing.assert_allclose(one, other, rtol=1e-4)
    assert not ray.is_initialized()
    assert ray_processes() == []


def keep_running(command, environment, over):
    """Starts a node, and again where Ray gave up, as on a busy machine."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    while not over.is_set():
        node = subprocess.Popen(command, env=environment, **quiet)
        while node.poll() is None and not over.wait(0.2):
            pass
        node.terminate()
        node.wait(60)


@contextlib.contextmanager
def two_nodes(port, environment):
    """Runs `ray start` twice, as the lesson says, each for a machine."""
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
    over = threading.Event()
    nodes = [
        threading.Thread(
            target=keep_running, args=([*start, *place], environment, over)
        )
        for place in (
            ["--head", f"--port={port}", "--include-dashboard=false"],
            ["--address", f"127.0.0.1:{port}"],
        )
    ]
    for node in nodes:
        node.start()
    try:
        yield
    finally:
        over.set()
        for node in nodes:
            node.join()


def nodes_alive():
    """Returns the names of the nodes, once there are two."""
    while True:
        with contextlib.suppress(ConnectionError):  # None is up yet.
            ray.init("auto", log_to_driver=False, ignore_reinit_error=True)
            found = {n["NodeID"] for n in ray.nodes() if n["Alive"]}
            if len(found) == 2:
                return found
        time.sleep(0.5)


def train_and_be_killed(folder):
    """What the program below does: one of two modules is killed."""
    alive = nodes_alive()
    model = model_with(folder, {0: "kill"})
    seen = (folder / "0" / "seen").touch
    when_snapshots_are_known(pytest.MonkeyPatch(), seen)
    before = [helpers.weights(module) for module in model.modules]
    history = train(model, snapshot_every=10)
    found = {(folder / place / "node").read_text() for place in "01"}
    assert found == alive
    assert_came_back(model, before, history, "decoupled", killed=0)


PROGRAM = """
import pathlib, sys, test_workers_cluster
test_workers_cluster.train_and_be_killed(pathlib.Path(sys.argv[1]))
"""


def test_a_module_on_one_of_two_nodes_is_killed_and_starts_again(tmp_path):
    port = lab_server.free_port()
    environment = {
        **os.environ,
        "RAY_ADDRESS": f"127.0.0.1:{port}",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray reads these when it is imported, so the driver is a process too.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
        "PYTHONPATH": os.pathsep.join([TESTS, *sys.path]),
    }
    nodes = {k: v for k, v in environment.items() if k != "RAY_ADDRESS"}
    with two_nodes(port, nodes):
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert ran.returncode == 0, ran.stderr
