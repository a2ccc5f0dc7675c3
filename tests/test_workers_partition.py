"""Where a model may be cut, and what each worker gets."""

import dni_lesson as dni
from dni_lesson.workers.partition import (
    partition,
    set_weights_of,
    weights_of,
)
from dni_lesson.workers.schedule import SCHEDULES

import keras
import numpy as np
import pytest

DECOUPLED, LOCKED = SCHEDULES["decoupled"], SCHEDULES["locked"]


def model(rule="cdni", depth=5):
    return dni.mlp(depth, 8, rule, input_dim=20, num_classes=3)


def sizes(parts):
    return [len(part.modules) for part in parts]


def test_every_interface_is_a_cut_by_default():
    net = model()
    parts = partition(net, DECOUPLED)
    assert [part.modules for part in parts] == [[one] for one in net.modules]
    assert [part.interface for part in parts] == [*net.interfaces, None]
    assert [part.is_first for part in parts] == [True] + 4 * [False]
    assert [part.is_last for part in parts] == 4 * [False] + [True]


def test_a_model_is_cut_at_its_interfaces_only_under_every_schedule():
    net = model()
    net.interfaces[0] = net.interfaces[2] = None
    for schedule in SCHEDULES.values():
        assert sizes(partition(net, schedule)) == [2, 2, 1]


def test_a_model_without_interfaces_is_cut_anywhere():
    assert sizes(partition(model("backprop"), LOCKED)) == [1] * 5


@pytest.mark.parametrize("workers", range(1, 6))
def test_workers_get_about_equally_many_weights(workers):
    net = model()
    parts = partition(net, DECOUPLED, workers)
    assert len(parts) == workers
    assert sum((part.modules for part in parts), []) == net.modules
    assert sum(sizes(parts)) == 5
    if workers == 2:  # 208 + 19 * 8 + ... weights lie in the first module
        assert sizes(parts) == [2, 3]


def test_sizes_can_be_given():
    net = model()
    parts = partition(net, DECOUPLED, [1, 3, 1])
    assert sizes(parts) == [1, 3, 1]
    assert parts[1].inner == net.interfaces[1:3]
    assert parts[1].interface is net.interfaces[3]


@pytest.mark.parametrize(
    "modules",
    [
        0,
        6,
        1.5,
        True,
        [2, 2],
        [5, 0],
        [],
        "2",
        ["2", "3"],
        [2.0, 3.0],
        [5, None],
    ],
)
def test_impossible_modules_are_refused(modules):
    with pytest.raises(ValueError, match="`modules`. Expected"):
        partition(model(), DECOUPLED, modules)


def test_sizes_must_end_at_interfaces():
    net = model()
    net.interfaces[0] = None
    with pytest.raises(ValueError, match=r"end after modules \[2, 3, 4\]"):
        partition(net, LOCKED, [1, 4])


def test_workers_share_no_weights():
    layer = keras.layers.Dense(4)
    modules = [layer, keras.layers.Dense(4), keras.Sequential([layer])]
    net = dni.DecoupledModel(modules, [None, None])
    net.build((None, 4))
    with pytest.raises(ValueError, match="kernel in workers 1 and 3"):
        partition(net, LOCKED)
    assert len(partition(net, LOCKED, 1)) == 1


def test_decoupling_needs_interfaces():
    with pytest.raises(ValueError, match="`model`. Expected a model with inte"):
        partition(model("backprop"), DECOUPLED)


def test_modules_without_weights_are_shared_out_too():
    layers = [keras.layers.ReLU() for _ in range(3)]
    net = dni.DecoupledModel([*layers, keras.layers.Dense(2)], [None] * 3)
    net.build((None, 4))
    assert len(partition(net, LOCKED, 3)) == 3


def test_weights_of_a_part_fit_a_part_of_the_same_build():
    part, other = (partition(model(), DECOUPLED)[0] for _ in range(2))
    changed = [weight + 1 for weight in weights_of(part)]
    set_weights_of(other, changed)
    assert all(map(np.array_equal, changed, weights_of(other)))
