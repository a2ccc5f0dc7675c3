import dni_lesson as dni
from dni_lesson.costs import step_macs

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import double_precision

__all__ = ["double_precision"]

X, Y = helpers.toy_data(48)
IMAGES = np.random.default_rng(0).normal(size=(48, 9, 9, 1)).astype("float32")


def mlp(rule="cdni", **kwargs):
    return dni.mlp(3, 8, rule, 6, 3, synthetic_inputs=True, **kwargs)


def compiled(model, optimizer="adam", **kwargs):
    kwargs = {"jit_compile": False} | kwargs
    model.compile(optimizer, helpers.crossentropy(), **kwargs)
    return model


def fitted(model, epochs=2, x=X, y=Y, **kwargs):
    model.fit(x, y, 8, epochs, verbose=0, shuffle=False, **kwargs)
    return model


def of_inputs(model):
    return [w for one in model.synthetic_inputs for w in helpers.weights(one)]


def layer(**kwargs):
    made = dni.SyntheticInput(
        keras.layers.Dense(2, kernel_initializer="ones", **kwargs), **kwargs
    )
    made.build((None, 2), (None, 3))
    return made


def test_it_is_the_identity_in_inference():
    h, x = np.ones((4, 2), "float32"), np.ones((4, 3), "float32")
    np.testing.assert_array_equal(layer()(h, x), h)
    np.testing.assert_array_equal(layer()(h, x, training=True), 3 * h)


@pytest.mark.parametrize("scale", [None, [0.1, 0.7, 0.0, 2.0]])
def test_the_gradient_passes_and_the_error_teaches_the_predictor(scale):
    made = layer(dtype="float64")
    rng = np.random.default_rng(1)
    h, x, g = (tf.constant(rng.normal(size=(4, n))) for n in (2, 3, 2))
    extra = {} if scale is None else {"gradient_scale": tf.constant(scale)}
    kernel = made.predictor.kernel
    with tf.GradientTape() as tape:
        tape.watch([h, x])
        value = tf.reduce_sum(g * made(h, x, training=True, **extra))
    down, source, analytic = tape.gradient(value, [h, x, kernel.value])
    np.testing.assert_array_equal(down, g)
    assert source is None  # Nothing flows to the network's input.
    weights = np.array([0.25] * 4 if scale is None else scale)[:, None]

    def half_squared_error():
        return 0.5 * np.sum(weights * (made.predictor(x).numpy() - h) ** 2)

    numeric = helpers.finite_differences(kernel, half_squared_error)
    np.testing.assert_allclose(analytic, numeric, atol=1e-8)


@pytest.mark.parametrize("rule", ["backprop", "dni", "cdni", "dfa"])
def test_labels_do_not_reach_it(rule):
    """From the same weights, a step with other labels teaches it the same."""
    model = fitted(compiled(mlp(rule)))
    start = model.get_weights()
    found = []
    for y in (Y, np.roll(Y, 1)):
        model.set_weights(start)
        compiled(model, keras.optimizers.SGD(0.1))
        before = of_inputs(model)
        fitted(model, 1, X[:8], y[:8])
        found.append(of_inputs(model))
        assert not any(map(np.array_equal, before, found[-1]))
    assert all(map(np.array_equal, *found))
    with pytest.raises(TypeError):
        model.synthetic_inputs[0](X, X, labels=Y)


def test_it_is_used_in_training_alone():
    model = compiled(mlp())
    found = [model.predict(X, verbose=0)]
    loss = model.evaluate(X, Y, verbose=0)
    for one in model.synthetic_inputs:
        one.set_weights([np.full_like(w, np.nan) for w in one.get_weights()])
    found.append(model.predict(X, verbose=0))
    np.testing.assert_array_equal(*found)
    assert model.evaluate(X, Y, verbose=0) == loss
    assert np.isnan(model.train_on_batch(X, Y))


class Truth(keras.layers.Layer):
    """Predicts the input of a module by the modules below it themselves."""

    def __init__(self, modules):
        super().__init__()
        self._ask = lambda x: self.through(modules, x)

    def through(self, modules, x):
        with keras.StatelessScope():  # Statistics move once.
            for module in modules:
                x = module(x, training=True)
        return x

    def call(self, x):
        return self._ask(x)

    def compute_output_shape(self, shape):
        return (*shape[:-1], 8)


@pytest.mark.parametrize("rule", ["dni", "cdni"])
def test_without_an_error_it_is_ordinary_dni(double_precision, rule):
    plain, parts = (dni.mlp(3, 8, rule, 6, 3) for _ in range(2))
    modules = parts.modules
    inputs = [
        dni.SyntheticInput(Truth(modules[:k])) for k in range(1, len(modules))
    ]
    unlocked = dni.DecoupledModel(
        modules, parts.interfaces, synthetic_inputs=inputs
    )
    for model in (plain, unlocked):
        fitted(compiled(model))
    for a, b in zip(*map(helpers.weights, (plain, parts)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", ["dni", "cdni"])
def test_a_module_is_updated_whatever_the_one_below_returns(rule):
    """Neither its input nor its gradient is another module's."""
    model = fitted(compiled(mlp(rule)))
    start, seen = model.get_weights(), [helpers.weights(model.modules[1])]
    for factor in (1.0, -3.0):
        model.set_weights(start)
        compiled(model, keras.optimizers.SGD(0.1))
        first = model.modules[0].layers[0].kernel
        first.assign(factor * first)
        fitted(model, 1, X[:8], Y[:8])
        seen.append(model.modules[1].get_weights())
    assert all(map(np.array_equal, *seen[1:]))
    assert not any(map(np.array_equal, *seen[:2]))


@pytest.mark.parametrize("rule", ["backprop", "dni", "cdni", "no_bprop"])
def test_it_learns_what_the_module_below_returns(rule):
    def error(model):
        h, total = X, 0.0
        for module, one in zip(
            model.modules, model.synthetic_inputs, strict=False
        ):
            h = module(h, training=True)
            total += float(np.mean((one.predictor(X, training=True) - h) ** 2))
        return total

    model = compiled(mlp(rule), keras.optimizers.Adam(0.01))
    before = error(model)
    assert error(fitted(model, 20)) < 0.5 * before


def test_all_rules_start_from_the_same_weights_as_without():
    for rule in ("backprop", "cdni"):
        with_them, without = mlp(rule), dni.mlp(3, 8, rule, 6, 3)
        for one, other in zip(
            [*with_them.modules, *filter(None, with_them.interfaces)],
            [*without.modules, *filter(None, without.interfaces)],
            strict=True,
        ):
            helpers.assert_same_weights(one, other)


@pytest.mark.parametrize("how", [{}, {"jit_compile": True}])
def test_it_is_saved_and_trains_on(how, tmp_path):
    model = fitted(compiled(mlp(), **how))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for one in (model, loaded):
        fitted(one)
    helpers.assert_same_weights(model, loaded)
    assert not any(map(np.array_equal, of_inputs(mlp()), of_inputs(loaded)))


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_feature_maps_are_predicted_from_the_picture(blocks):
    model = dni.cnn(blocks, 4, "cdni", (9, 9, 1), 3, synthetic_inputs=True)
    before = of_inputs(model)
    fitted(compiled(model), x=IMAGES)
    assert len(model.synthetic_inputs) == blocks
    assert not any(map(np.array_equal, before, of_inputs(model)))


def test_in_half_precision_it_learns_what_it_learns_in_float32():
    """The loss scale must cancel in every update."""
    found = []
    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        try:
            optimizer = keras.optimizers.SGD(0.1)
            if policy == "mixed_float16":
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer, 64.0)
            found.append(of_inputs(fitted(compiled(mlp(), optimizer), 1)))
        finally:
            keras.config.set_dtype_policy("float32")
    assert not any(map(np.array_equal, found[0], of_inputs(mlp())))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.03, atol=5e-3)


def test_it_is_updated_with_the_module_above():
    model = compiled(mlp(update_probability=[1, 1e-9, 1]))
    before = [one.get_weights()[0] for one in model.synthetic_inputs]
    fitted(model)
    moved = [
        np.any(old != one.get_weights()[0])
        for old, one in zip(before, model.synthetic_inputs, strict=True)
    ]
    assert moved == [False, True]


def test_a_monitor_watches_the_network_as_it_is():
    monitor = dni.GradientMonitor(X[:8], Y[:8])
    one = fitted(compiled(mlp()), callbacks=[monitor])
    helpers.assert_same_weights(one, fitted(compiled(mlp())))
    assert monitor.history["boundary"] == [1, 2, 1, 2]


@pytest.mark.parametrize("value", [[None], "all", [1, 2], 3])
def test_other_lists_of_inputs_are_refused(value):
    modules = dni.mlp(3, 8, "cdni", 6, 3).modules
    with pytest.raises(ValueError, match="`synthetic_inputs`. Expected"):
        dni.DecoupledModel(modules, [None, None], synthetic_inputs=value)


def test_bad_predictors_are_refused():
    with pytest.raises(ValueError, match="`predictor`. Expected a Keras"):
        dni.SyntheticInput("linear")
    inputs = [dni.SyntheticInput(keras.layers.Dense(7)), None]
    modules = dni.mlp(3, 8, "cdni", 6, 3).modules
    model = dni.DecoupledModel(modules, [None] * 2, synthetic_inputs=inputs)
    with pytest.raises(ValueError, match="`predictor` must return"):
        model.build((None, 6))
    with pytest.raises(ValueError, match="`modules`. Expected modules without"):
        dni.DecoupledModel([mlp(), keras.layers.Dense(3)], [None])
    with pytest.raises(ValueError, match="`synthetic_inputs`. Expected True"):
        dni.mlp(synthetic_inputs=1)


def test_workers_and_counts_refuse_it():
    with pytest.raises(ValueError, match="`model`. Expected no synthetic"):
        dni.fit_async(compiled(mlp()), X, Y)
    with pytest.raises(ValueError, match="`model`. Expected no synthetic"):
        step_macs(mlp())
