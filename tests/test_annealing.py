import dni_lesson as dni

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import double_precision

__all__ = ["double_precision"]

X, Y = helpers.toy_data(48)


def mlp(rule="cdni", **kwargs):
    return dni.mlp(3, 8, rule, 6, 3, **kwargs)


def compiled(model, **kwargs):
    kwargs = {"jit_compile": False} | kwargs
    model.compile("adam", helpers.crossentropy(), **kwargs)
    return model


def fitted(model, epochs=2, **kwargs):
    model.fit(X, Y, 8, epochs, verbose=0, shuffle=False, **kwargs)
    return model


def modules_of(model):
    return [w for module in model.modules for w in helpers.weights(module)]


def test_a_share_of_one_is_backprop(double_precision):
    shared, plain = (
        fitted(compiled(model)) for model in (mlp(share=1.0), mlp("backprop"))
    )
    for one, other in zip(*map(modules_of, (shared, plain)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_a_share_of_zero_is_dni(double_precision):
    zero, plain = fitted(compiled(mlp(share=0.0))), fitted(compiled(mlp()))
    helpers.assert_same_weights(zero, plain)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_compiled_step_takes_the_share_of_the_moment(jit_compile):
    layer = dni.SyntheticGradient(keras.layers.Dense(2, bias_initializer="one"))
    layer.build((None, 2))
    traces = []

    @tf.function(jit_compile=jit_compile)
    def gradients(h, g):
        traces.append(h)
        with tf.GradientTape() as tape:
            tape.watch(h)
            value = tf.reduce_sum(g * layer(h, training=True))
        return tape.gradient(value, [h, layer.predictor.bias.value])

    h, g = tf.zeros((4, 2)), tf.fill((4, 2), 3.0)
    for share in (0.0, 0.25, 1.0, 0.5):
        layer.share = share
        down, aside = gradients(h, g)
        expected = share * 3.0 + (1 - share) / 4  # The batch has 4 examples.
        np.testing.assert_allclose(down, np.full((4, 2), expected), rtol=1e-6)
        np.testing.assert_allclose(aside, [1 - 12.0] * 2)
    assert len(traces) == 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_at_its_ends_a_share_lets_nothing_of_the_other_through(share):
    bad = keras.initializers.Constant(np.nan)
    predictor = keras.layers.Dense(2, bias_initializer=bad if share else "one")
    layer = dni.SyntheticGradient(predictor, share=share)
    h, g = tf.ones((4, 2)), np.full((4, 2), 3.0 if share else np.nan)
    with tf.GradientTape() as tape:
        tape.watch(h)
        value = tf.reduce_sum(g * layer(h, training=True))
    assert np.isfinite(tape.gradient(value, h)).all()


@pytest.mark.parametrize("share", [-0.1, 1.5, "half", None, True, np.nan])
def test_a_share_out_of_its_range_is_refused(share):
    for make in (dni.SyntheticGradient, mlp):
        with pytest.raises(ValueError, match="`share`. Expected"):
            make(share=share)
    with pytest.raises(ValueError, match="`share`. Expected"):
        dni.SyntheticGradient().share = share


def test_a_schedule_sets_the_share_of_each_epoch():
    seen = []

    class Looks(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append([one.share for one in self.model.interfaces])

    model = compiled(mlp())
    schedule = dni.ShareSchedule([1, 0.25, 0].__getitem__)
    history = model.fit(
        X, Y, 48, 3, verbose=0, callbacks=[schedule, Looks()]
    ).history
    assert seen == [[1.0, 1.0], [0.25, 0.25], [0.0, 0.0]]
    assert history["share"] == [1.0, 0.25, 0.0]


def test_annealed_in_one_fit_is_as_two_models_one_after_the_other(
    double_precision,
):
    one, other = compiled(mlp()), compiled(mlp())
    fitted(one, 2, callbacks=[dni.ShareSchedule(lambda epoch: 1 - epoch)])
    for share in (1.0, 0.0):
        for interface in other.interfaces:
            interface.share = share
        fitted(other, 1)
    helpers.assert_same_weights(one, other)


def test_it_finds_interfaces_in_any_keras_model():
    layer = dni.SyntheticGradient()
    inner = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4), layer])
    model = keras.Sequential([keras.Input((6,)), inner, keras.layers.Dense(3)])
    model.compile("sgd", helpers.crossentropy())
    schedule = dni.ShareSchedule(lambda epoch: 0.5)
    model.fit(X, Y, verbose=0, callbacks=[schedule])
    assert layer.share == 0.5


def test_the_share_is_saved_with_the_model(tmp_path):
    model = compiled(mlp(share=0.25))
    model.interfaces[1].share = 0.5
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert [one.share for one in loaded.interfaces] == [0.25, 0.5]


@pytest.mark.parametrize("schedule", [lambda e: 1.5, lambda e: "all", 0.5])
def test_a_schedule_of_something_else_is_refused(schedule):
    with pytest.raises(ValueError, match="`schedule"):
        callback = dni.ShareSchedule(schedule)
        compiled(mlp()).fit(X, Y, verbose=0, callbacks=[callback])


def test_a_model_without_synthetic_gradients_is_refused():
    schedule = dni.ShareSchedule(lambda epoch: 0.0)
    with pytest.raises(ValueError, match="`model`. Expected a model with"):
        fitted(compiled(mlp("backprop")), callbacks=[schedule])


@pytest.mark.parametrize("rule", ["backprop", "greedy", "dfa", "no_bprop"])
def test_a_rule_that_predicts_nothing_has_no_share(rule):
    with pytest.raises(ValueError, match="`share`. Expected 0"):
        mlp(rule, share=0.5)


def test_workers_refuse_a_share_before_training():
    model = compiled(mlp(share=0.1))
    with pytest.raises(ValueError, match="do not wait for a gradient"):
        dni.fit_async(model, X, Y)
    schedule = dni.ShareSchedule(lambda epoch: 0.0)
    with pytest.raises(ValueError, match="`callbacks`. Expected none"):
        dni.fit_async(compiled(mlp()), X, Y, callbacks=[schedule])


def test_a_cut_in_time_has_no_share():
    cell, readout = keras.layers.GRUCell(4), keras.layers.Dense(2)
    interface = dni.SyntheticGradient(share=0.5)
    with pytest.raises(ValueError, match="`interface`. Expected one with"):
        dni.TruncatedRNN(cell, readout, 3, interface)


def test_workers_that_wait_anyway_train_with_any_share():
    model = compiled(mlp(share=0.1))
    dni.fit_async(model, X, Y, schedule="locked", batch_size=8)


def test_an_interface_inside_a_worker_has_its_share(double_precision):
    models = [dni.mlp(4, 8, "cdni", 6, 3) for _ in range(2)]
    for model in models:
        model.interfaces[0].share = 0.5
        compiled(model)
    fitted(models[0])
    dni.fit_async(
        models[1],
        X,
        Y,
        epochs=2,
        batch_size=8,
        shuffle=False,
        queue_size=1,
        modules=[2, 1, 1],
    )
    for a, b in zip(*map(helpers.weights, models), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)
