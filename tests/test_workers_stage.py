"""A stage's calls, by themselves: what they change, and what they do not."""

from dni_lesson.workers.partition import partition
from dni_lesson.workers.schedule import make_schedule
from dni_lesson.workers.stage import LowerStage, make_stage

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import double_precision
from test_workers_fit import REORDERED, assert_close, made

__all__ = ["double_precision"]


def batch():
    x, y = helpers.toy_data(8)
    return tf.constant(x), tf.constant(y)


def stage_of(model, number, name="decoupled", steps=1):
    schedule = make_schedule(name, steps_per_execution=steps)
    return make_stage(partition(model, schedule)[number], model, schedule)


def lower_stage(model):
    stage = stage_of(model, 0)
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
    model = made()
    before, h = helpers.weights(model), batch()[0]
    for number in range(3):
        h = stage_of(model, number, schedule).compile(h, batch()[1])
    assert same(before, helpers.weights(model))


def test_a_compilation_that_fails_changes_no_weight(monkeypatch):
    def fail(*_):
        raise OSError("no memory")

    model = made()
    before = helpers.weights(model)
    monkeypatch.setattr(LowerStage, "_teach", fail)
    with pytest.raises(OSError, match="no memory"):
        lower_stage(model)
    assert same(before, helpers.weights(model))


def test_averages_count_from_the_first_update_on():
    model = made()
    model.optimizer = keras.optimizers.SGD(0.1, use_ema=True)
    before = helpers.weights(model)
    stage = lower_stage(model)
    stage.finish()
    assert same(before, helpers.weights(model))
    step(stage)
    stage.finish()
    assert not same(before, helpers.weights(model))


def test_a_learning_rate_reaches_part_and_predictor():
    model = made()
    stage = lower_stage(model)
    step(stage)
    before = helpers.weights(model.modules[0].layers[0])
    stage.follow(0.0)
    step(stage)
    assert same(before, helpers.weights(model.modules[0].layers[0]))


def test_a_stage_goes_on_from_its_state_as_if_nothing_had_happened():
    # The same compiled calls on the same numbers: equal to the last digit.
    stage = lower_stage(made(jit_compile=True))
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
    model = made()
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
    stage = stage_of(made(), 1, "locked")
    rng = np.random.default_rng(0)
    h, g = (tf.constant(rng.normal(size=(8, 8))) for _ in range(2))
    stage.compile(h, batch()[1])
    with tf.GradientTape() as tape:
        tape.watch(h)
        out = stage.part.modules[0](h, training=True)
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
        stage_of(made(jit_compile=jit_compile), number, steps=steps)
        for steps in (2, 1)
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
    for several, each in zip(together.state(), single.state(), strict=True):
        assert_close(several, each)


def learn(stage, h, y):
    out, residuals = stage.forward(h, y)
    return out, stage.update_synthetic(residuals, out, y)
