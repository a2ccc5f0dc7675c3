"""A stage's calls, by themselves: what they change, and what they do not."""

import dni_lesson as dni
from dni_lesson.workers.job import Plan
from dni_lesson.workers.kinds import Decoupled, Top, TrueGradient
from dni_lesson.workers.lower import LowerStage
from dni_lesson.workers.partition import partition
from dni_lesson.workers.placement import set_weights_of, weights_of
from dni_lesson.workers.team import (
    make_stage,
    make_stages,
    make_team,
    worker_kind,
)

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import double_precision

__all__ = ["double_precision"]

# Another program for the same steps reorders sums, here in float64.
REORDERED = {"rtol": 1e-6, "atol": 1e-9}


def compiled(jit_compile=False):
    # XLA takes many times as long to compile as these few steps take.
    model = dni.mlp(3, 8, "cdni", input_dim=6, num_classes=3)
    adam = keras.optimizers.Adam(1e-2)
    model.compile(adam, helpers.crossentropy(), jit_compile=jit_compile)
    return model


def batch():
    x, y = helpers.toy_data(8)
    return tf.constant(x), tf.constant(y)


def lower_stage(model):
    stage = make_stage(partition(model, "decoupled")[0], model, "decoupled")
    stage.compile(*batch())
    return stage


def step(stage):
    x, y = batch()
    out, residuals = stage.forward(x, y)
    stage.update_synthetic(residuals, out, y)
    stage.train_predictor(out, y, tf.ones_like(out))


def same(one, other):
    return all(map(np.array_equal, one, other))


@pytest.mark.parametrize("schedule", ["decoupled", "locked"])
def test_compiling_changes_no_weight(schedule):
    model = compiled()
    before = helpers.weights(model)
    make_stages(model, partition(model, schedule), schedule, [batch()])
    assert same(before, helpers.weights(model))


def test_a_compilation_that_fails_changes_no_weight(monkeypatch):
    def fail(*_):
        raise OSError("no memory")

    model = compiled()
    before = helpers.weights(model)
    monkeypatch.setattr(LowerStage, "_teach", fail)
    with pytest.raises(OSError, match="no memory"):
        lower_stage(model)
    assert same(before, helpers.weights(model))


def test_averages_count_from_the_first_update_on():
    model = compiled()
    model.optimizer = keras.optimizers.SGD(0.1, use_ema=True)
    before = helpers.weights(model)
    stage = lower_stage(model)
    stage.finish()
    assert same(before, helpers.weights(model))
    step(stage)
    stage.finish()
    assert not same(before, helpers.weights(model))


def test_a_learning_rate_reaches_part_and_predictor():
    model = compiled()
    stage = lower_stage(model)
    step(stage)
    before = helpers.weights(model.modules[0].layers[0])
    stage.follow(0.0)
    step(stage)
    assert same(before, helpers.weights(model.modules[0].layers[0]))


def test_a_stage_goes_on_from_its_state_as_if_nothing_had_happened():
    # The same compiled calls on the same numbers: equal to the last digit.
    stage = lower_stage(compiled(jit_compile=True))
    step(stage)
    state = stage.state()
    step(stage)
    expected = stage.state()
    stage.set_state(state)
    step(stage)
    again = stage.state()
    assert same(expected[0], again[0]) and same(expected[1], again[1])
    assert not same(state[1], again[1])


def test_updating_a_part_leaves_its_predictor_alone_and_the_other_way_round():
    model = compiled()
    stage = lower_stage(model)
    step(stage)  # From now on the prediction is not zero.
    x, y = batch()
    module, interface = model.modules[0], model.interfaces[0]
    kept = [w.numpy() for w in interface.weights]
    out, residuals = stage.forward(x, y)
    stage.update_synthetic(residuals, out, y)
    assert same(kept, [w.numpy() for w in interface.weights])
    kept = [w.numpy() for w in module.weights]
    stage.train_predictor(out, y, tf.ones_like(out))
    assert same(kept, [w.numpy() for w in module.weights])
    assert not same([0 * w for w in kept], kept)


def test_without_xla_no_gradient_sees_its_own_update(double_precision):
    # However late a call reads: the weights come from the call before.
    model = compiled()
    part = partition(model, "locked")[1]
    stage = make_stage(part, model, "locked")
    rng = np.random.default_rng(0)
    h, g = (tf.constant(rng.normal(size=(8, 8))) for _ in range(2))
    stage.compile(h, batch()[1])
    with tf.GradientTape() as tape:
        tape.watch(h)
        out = part.modules[0](h, training=True)
    expected = tape.gradient(out, h, output_gradients=g)
    _, residuals = stage.forward(h, batch()[1])
    for one in stage.variables:
        one.assign(2 * one + 1)
    np.testing.assert_allclose(
        stage.update(residuals, g), expected, **REORDERED
    )


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_several_steps_in_a_call_are_the_same_steps(
    double_precision, number, jit_compile
):
    together, single = (
        make_stage(
            partition(model, "decoupled")[number],
            model,
            "decoupled",
            together=is_together,
        )
        for model, is_together in (
            (compiled(jit_compile), True),
            (compiled(jit_compile), False),
        )
    )
    rng = np.random.default_rng(0)
    size = 6 if number == 0 else 8
    h, g = (
        tf.constant(rng.normal(size=(2, 4, n)), "float64") for n in (size, 8)
    )
    y = tf.constant(rng.integers(3, size=(2, 4)))
    together.compile(h, y)
    single.compile(h[0], y[0])
    for _ in range(2):  # The first time predictions are zero.
        if number == 2:
            several = together.update(h, y)
            each = [single.update(h[k], y[k]) for k in range(2)]
        else:
            several = together.learn(h, y)
            together.train_predictor(several[0], y, g)
            each = [learn(single, h[k], y[k]) for k in range(2)]
            for k in range(2):
                single.train_predictor(each[k][0], y[k], g[k])
        for one, others in zip(several, zip(*each, strict=True), strict=True):
            if number == 0 and others[0] is None:
                assert one is None
            else:
                np.testing.assert_allclose(one, tf.stack(others), **REORDERED)
    for one, other in zip(together.state(), single.state(), strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, **REORDERED)


def learn(stage, h, y):
    out, residuals = stage.forward(h, y)
    return out, stage.update_synthetic(residuals, out, y)


def test_weights_of_a_part_fit_a_part_of_the_same_build():
    one, other = (partition(compiled(), "decoupled")[0] for _ in range(2))
    changed = [weight + 1 for weight in weights_of(one)]
    set_weights_of(other, changed)
    assert same(changed, weights_of(other))


def test_workers_of_a_team_are_a_chain():
    model = compiled()
    parts = partition(model, "decoupled")
    stages = [make_stage(part, model, "decoupled") for part in parts]
    team = make_team(stages, "decoupled", Plan(1), 0.0, batches="source")
    assert [type(worker) for worker in team] == [Decoupled, Decoupled, Top]
    assert [worker.number for worker in team] == [1, 2, 3]
    assert team[0].above is team[1] and team[1].above is team[2]
    assert team[2].below is team[1] and team[1].below is team[0]
    assert team[0].below is team[2].above is None


@pytest.mark.parametrize("schedule", ["locked", "gpipe", "delayed"])
def test_without_predictions_workers_below_the_top_await_true_gradients(
    schedule,
):
    assert worker_kind(schedule, is_last=False) is TrueGradient
    assert worker_kind(schedule, is_last=True) is Top
