"""Actors that are killed, hang or raise: what becomes of the training."""

import threading

import dni_lesson as dni
from dni_lesson.workers import WorkerError

import helpers
import numpy as np
import pytest
import trouble

ray = pytest.importorskip("ray")

# All of these need Ray.
from dni_lesson.workers.remote import outbox, supervisor  # noqa: E402
from dni_lesson.workers.remote.supervisor import (  # noqa: E402
    Supervisor,
    nodes_for,
)

import ray_stand_in  # noqa: E402
from test_workers_cluster import (  # noqa: E402
    REORDERED,
    STEPS,
    assert_came_back,
    model_with,
    train,
    when_snapshots_are_known,
)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    before = set(threading.enumerate())
    yield ray_stand_in.put_in_place(monkeypatch)
    # A late message would find the real Ray, which starts when it is called.
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()
    assert not ray.is_initialized()


@pytest.fixture
def ends(stand_in, monkeypatch):
    """Numbers of the modules that a kill ends; all their snapshots are known.

    Instead of the process, of which the test itself is a part.
    """
    numbers = []

    def kill(folder):
        assert known.wait(60)
        for number in numbers:
            # The youngest actors are those of the last start.
            stand_in.kill(stand_in.actors[number - 1])
        raise SystemError("what a dead process does is not seen")

    known = threading.Event()
    when_snapshots_are_known(monkeypatch, known.set)
    monkeypatch.setitem(trouble.ACTS, "kill", kill)
    return numbers


def test_actors_do_what_threads_do():
    """With one mini-batch a message; with several see the real processes."""
    nets = []
    for workers in ("threads", "ray"):
        net = dni.mlp(3, 8, "cdni", input_dim=6, num_classes=3)
        net.compile("adam", helpers.crossentropy(), jit_compile=True)
        train(net, workers, epochs=2, in_turn=True, modules=2)
        nets.append(net)
    for one, other in zip(*map(helpers.weights, nets), strict=True):
        np.testing.assert_allclose(one, other, **REORDERED)


def test_callbacks_see_the_weights_and_set_the_learning_rate():
    net = dni.mlp(3, 8, "cdni", input_dim=6, num_classes=3)
    net.compile("sgd", helpers.crossentropy(), jit_compile=False)
    helpers.assert_learning_stops(net, train)


@pytest.mark.parametrize(
    ("schedule", "killed"), [("decoupled", 0), ("locked", 1)]
)
def test_a_killed_module_starts_again_and_training_goes_on(
    ends, tmp_path, schedule, killed
):
    ends.append(killed + 1)
    model = model_with(tmp_path, {killed: "kill"})
    before = [helpers.weights(module) for module in model.modules]
    history = train(model, schedule=schedule, snapshot_every=10)
    assert_came_back(model, before, history, schedule, killed)


def test_modules_that_are_killed_together_start_again(ends, tmp_path):
    ends += [1, 2]
    model = model_with(tmp_path, {0: "kill"})
    frame = train(model, snapshot_every=10).to_frame()
    done = STEPS - frame["lost"] + frame["repeated"]
    assert frame["updates"].equals(done)
    # They go back to snapshots, not to the start.
    assert frame["updates"].max() < STEPS + 15


def test_a_module_that_is_killed_too_often_ends_the_call_and_is_named(
    ends, stand_in, tmp_path, monkeypatch
):
    ends.append(1)
    monkeypatch.setattr(supervisor, "RESTARTS", 0)
    model = model_with(tmp_path, {0: "kill"})
    with pytest.raises(WorkerError, match="Module 1 was killed after 0 resta"):
        train(model, snapshot_every=10)


def test_a_module_that_raises_ends_the_call_and_is_named(tmp_path):
    model = model_with(tmp_path, {1: "raise"})
    before = helpers.weights(model)
    with pytest.raises(WorkerError, match="Module 2 raised") as caught:
        train(model)
    assert caught.value.module == 2
    assert "the disk is full" in str(caught.value)
    assert not np.array_equal(before[0], helpers.weights(model)[0])


def test_a_module_that_hangs_ends_the_call_and_is_named(tmp_path, monkeypatch):
    goes_on = threading.Event()
    monkeypatch.setitem(trouble.ACTS, "hang", lambda folder: goes_on.wait(60))
    model = model_with(tmp_path, {0: "hang"})
    try:
        with pytest.raises(WorkerError, match="Module 1 hangs"):
            train(model, step_timeout=2.0)
    finally:
        goes_on.set()


def test_a_module_that_is_killed_while_it_starts_again_starts_once_more(
    ends, stand_in, tmp_path, monkeypatch
):
    make = Supervisor._make

    def make_and_kill(self, number):
        make(self, number)
        if len(stand_in.actors) == 3:  # The first that starts again.
            stand_in.kill(stand_in.actors[-1])

    monkeypatch.setattr(Supervisor, "_make", make_and_kill)
    ends.append(1)
    model = model_with(tmp_path, {0: "kill"})
    before = [helpers.weights(module) for module in model.modules]
    history = train(model, snapshot_every=10)
    assert len(stand_in.actors) == 4
    assert_came_back(model, before, history, "decoupled", killed=0)


def test_workers_who_all_wait_end_the_call(monkeypatch):
    put = outbox.Outbox.put

    def lose(box, kind, message):
        if kind != "gradient":
            put(box, kind, message)

    monkeypatch.setattr(outbox.Outbox, "put", lose)
    model = dni.mlp(2, 8, "cdni", input_dim=6, num_classes=3)
    model.compile("sgd", helpers.crossentropy(), jit_compile=False)
    with pytest.raises(WorkerError, match="all others wait.*=2.0 s"):
        train(model, step_timeout=2.0)


def test_who_has_not_started_is_not_asked_for_weights(monkeypatch):
    def interrupted(self, number):
        raise KeyboardInterrupt

    asked, ask = [], Supervisor._ask
    monkeypatch.setattr(Supervisor, "_get_ready", interrupted)
    monkeypatch.setattr(
        Supervisor, "_ask", lambda *what: asked.append(what) or ask(*what)
    )
    model = dni.mlp(2, 8, "cdni", input_dim=6, num_classes=3)
    model.compile("sgd", helpers.crossentropy(), jit_compile=False)
    with pytest.raises(KeyboardInterrupt):
        train(model)
    assert not asked


def node(name, gpus=0, alive=True):
    resources = {"GPU": float(gpus)} if gpus else {}
    return {"NodeID": name, "Alive": alive, "Resources": resources}


def test_neighbours_share_a_machine_if_they_must_share():
    nodes = [node("b"), node("gone", alive=False), node("a")]
    assert nodes_for(2, nodes) == (["a", "b"], 0)
    assert nodes_for(4, nodes) == (["a", "a", "b", "b"], 0)
    assert nodes_for(1, nodes) == (["a"], 0)


def test_each_part_has_a_gpu_if_there_are_enough_wherever_they_are():
    nodes = [node("a"), node("b", gpus=1), node("c", gpus=2)]
    assert nodes_for(3, nodes) == (["b", "c", "c"], 1)
    assert nodes_for(4, nodes) == (["a", "a", "b", "c"], 0)
