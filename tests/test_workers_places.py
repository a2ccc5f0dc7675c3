"""Where parts of a network go on a cluster."""

import pytest

pytest.importorskip("ray")

from dni_lesson.workers.places import places  # noqa: E402  Needs Ray.


def node(name, gpus=0, alive=True):
    resources = {"GPU": float(gpus)} if gpus else {}
    return {"NodeID": name, "Alive": alive, "Resources": resources}


def test_neighbours_share_a_machine_if_they_must_share():
    nodes = [node("b"), node("gone", alive=False), node("a")]
    assert places(nodes, 2) == (["a", "b"], 0)
    assert places(nodes, 4) == (["a", "a", "b", "b"], 0)
    assert places(nodes, 1) == (["a"], 0)


def test_each_part_has_a_gpu_if_there_are_enough_wherever_they_are():
    nodes = [node("a"), node("b", gpus=1), node("c", gpus=2)]
    assert places(nodes, 3) == (["b", "c", "c"], 1)
    assert places(nodes, 4) == (["a", "a", "b", "c"], 0)
