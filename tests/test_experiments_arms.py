import tempfile

from dni_lesson.experiments.experiment import ARMS, Experiment, Group
from dni_lesson.experiments.lineup import make_arm

import keras
import numpy as np
import pytest
import tensorflow as tf

GROUP = Group(depth=3, units=8, p=1.0, seed=0)
LOGS = ("", "-logged")


def batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random((16, 784), dtype="float32")
    return tf.constant(x), tf.constant(rng.integers(10, size=16))


def weights(arm):
    return [v.numpy().copy() for v in arm.model.trainable_variables]


def moved(arm, before):
    """Names of the modules and interfaces that are not as before."""
    parts = [*arm.model.modules, *filter(None, arm.model.interfaces)]
    owner = {id(v): one.name for one in parts for v in one.trainable_variables}
    return {
        owner[id(v)]
        for v, old in zip(arm.model.trainable_variables, before, strict=True)
        if np.any(v.numpy() != old)
    }


# One arm of each kind, with predictors if such a kind can have them.
KINDS = ("cdni", "stale", "stochastic", "cdni-placed")


@pytest.mark.parametrize("name", KINDS)
def test_compiling_leaves_an_arm_as_if_it_had_taken_no_step(name):
    fresh, compiled = (make_arm(name, Experiment(), GROUP) for _ in "12")
    compiled.compile_steps(*batch(1))
    variables = [arm.model.variables for arm in (fresh, compiled)]
    for a, b in zip(*variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert all(
        np.all(value.numpy() == 0)
        for optimizer in compiled._optimizers
        for value in optimizer.variables[2:]  # After step and learning rate.
    )


def test_no_arm_compiles_in_another_way():
    arms = [make_arm(name, Experiment(), GROUP) for name in (*ARMS, *KINDS)]
    ways = [type(arm).compile_steps for arm in arms]
    assert set(ways) == set(ways[-len(KINDS) :])


@pytest.mark.parametrize("name", ARMS)
def test_all_arms_of_a_seed_start_from_the_same_modules(name):
    base, arm = (make_arm(n, Experiment(), GROUP) for n in ("backprop", name))
    for a, b in zip(base.model.modules, arm.model.modules, strict=True):
        for one, other in zip(a.get_weights(), b.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_whole_step_updates_every_layer_and_the_local_one_the_top():
    assert make_arm("backprop", Experiment(), GROUP).step(*batch()) == 3
    control = make_arm("no_bprop", Experiment(), GROUP)
    before = weights(control)
    assert control.step(*batch()) == 1
    assert moved(control, before) == {"module_3"}


def test_a_skipped_iteration_changes_and_counts_nothing():
    arm = make_arm("skipping", Experiment(), GROUP._replace(p=0.3))
    updates = []
    for _ in range(40):
        before = weights(arm)
        updates.append(arm.step(*batch()))
        assert bool(moved(arm, before)) == (updates[-1] > 0)
    assert set(updates) == {0, 3}
    assert 5 <= updates.count(3) <= 19  # 12 expected.


def test_between_refreshes_a_stale_arm_does_not_look_at_its_batch():
    arms = [make_arm("stale", Experiment(refresh=3), GROUP) for _ in "12"]
    for seeds in ((0, 0), (1, 2), (3, 4)):
        for arm, seed in zip(arms, seeds, strict=True):
            arm.step(*batch(seed))
    for a, b in zip(*map(weights, arms), strict=True):
        np.testing.assert_array_equal(a, b)
    for arm, seed in zip(arms, (1, 2), strict=True):
        arm.step(*batch(seed))  # The fourth step refreshes.
    assert any(np.any(a != b) for a, b in zip(*map(weights, arms), strict=True))


def test_a_layer_call_updates_its_module_and_predictor_alone():
    arm = make_arm("stochastic", Experiment(), GROUP)
    arm.step(*batch())  # Predictors start at zero; from here all move.
    arm.step(*batch())
    for k, expected in enumerate(
        [{"module_1", "interface_1"}, {"module_2", "interface_2"}, {"module_3"}]
    ):
        before = weights(arm)
        arm._calls[k](*batch())
        assert moved(arm, before) == expected


def test_stochastic_updates_count_the_layers_they_update():
    arm = make_arm("stochastic", Experiment(), GROUP._replace(p=0.5))
    counts = [arm.step(*batch()) for _ in range(40)]
    assert set(counts) <= {0, 1, 2, 3} and 40 <= sum(counts) <= 80


@pytest.mark.parametrize("kind", ["backprop", "stochastic"])
def test_bookkeeping_writes_once_a_step_and_changes_no_weight(
    kind, monkeypatch
):
    written = []
    monkeypatch.setattr(
        tf.summary, "write", lambda name, value: written.append(name)
    )
    bare, logged = (make_arm(kind + end, Experiment(), GROUP) for end in LOGS)
    bare.step(*batch())
    assert written == []
    logged.step(*batch())
    assert sorted(written) == ["accuracy", "loss"]
    for a, b in zip(weights(bare), weights(logged), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_written_are_the_loss_and_accuracy_of_the_batch(monkeypatch):
    written = {}
    monkeypatch.setattr(tf.summary, "write", written.__setitem__)
    arm = make_arm("backprop-logged", Experiment(), GROUP)
    x, y = batch()
    logits = arm.model(x, training=True)
    arm.step(x, y)
    right = np.mean(np.argmax(logits, axis=1) == y.numpy())
    losses = keras.losses.sparse_categorical_crossentropy(y, logits, True)
    assert float(written["accuracy"]) == pytest.approx(right)
    # XLA may add up in another order.
    assert float(written["loss"]) == pytest.approx(np.mean(losses), rel=1e-4)


def test_summaries_go_into_a_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    arm = make_arm("backprop-logged", Experiment(), GROUP)
    arm.step(*batch())
    (folder,) = tmp_path.glob("dni_lesson*")
    assert any("tfevents" in file.name for file in folder.iterdir())
