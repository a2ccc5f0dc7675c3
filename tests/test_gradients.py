import dni_lesson as dni

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf


def model_with(rule, optimizer="sgd"):
    model = dni.mlp(depth=3, units=8, rule=rule, input_dim=6, num_classes=3)
    model.compile(optimizer, helpers.crossentropy(), run_eagerly=True)
    return model


def test_true_gradient_is_full_backprop_through_the_same_weights():
    x, y = helpers.toy_data()
    model = model_with("cdni")
    model.fit(x, y, epochs=2, verbose=0)
    (first, second) = dni.boundary_gradients(model, x, y)
    with tf.GradientTape(persistent=True) as tape:
        h1 = model.modules[0](x, training=True)
        tape.watch(h1)
        h2 = model.modules[1](h1, training=True)
        logits = model.modules[2](h2, training=True)
        loss = helpers.crossentropy()(y, logits)
    np.testing.assert_allclose(first.true, tape.gradient(loss, h1), atol=1e-6)
    np.testing.assert_allclose(second.true, tape.gradient(loss, h2), atol=1e-6)
    assert (first.boundary, second.boundary) == (1, 2)


def test_synthetic_gradient_is_what_training_sends_down():
    x, y = helpers.toy_data()
    model = model_with("cdni")
    model.fit(x, y, epochs=2, verbose=0)
    received = dni.boundary_gradients(model, x, y)[1].synthetic
    with tf.GradientTape() as tape:
        h = model.modules[1](model.modules[0](x, training=True), training=True)
        tape.watch(h)
        out = model.interfaces[1](h, labels=y, training=True)
        loss = tf.reduce_sum(out)
    np.testing.assert_allclose(received, tape.gradient(loss, h), atol=1e-7)


def test_measuring_changes_nothing_in_the_model():
    x, y = helpers.toy_data()
    model = dni.DecoupledModel(
        [
            keras.Sequential(
                [
                    keras.layers.Dense(8),
                    keras.layers.BatchNormalization(),
                    keras.layers.Dropout(0.5, seed=1),
                ]
            ),
            keras.layers.Dense(3),
        ],
        [dni.SyntheticGradient(num_classes=3)],
    )
    model.build((None, 6))
    model.compile("sgd", helpers.crossentropy(), jit_compile=False)
    before = [np.array(v) for v in model.variables]
    dni.boundary_gradients(model, x, y)
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_model_without_interfaces_has_no_boundary_gradients():
    assert (
        dni.boundary_gradients(model_with("backprop"), *helpers.toy_data())
        == []
    )


@pytest.mark.parametrize(
    "synthetic, cosine, sign, ratio, error",
    [
        ([3.0, 4.0], 1.0, 1.0, 1.0, 0.0),
        ([6.0, 8.0], 1.0, 1.0, 2.0, 1.0),
        ([-3.0, -4.0], -1.0, 0.0, 1.0, 2.0),
        ([4.0, -3.0], 0.0, 0.5, 1.0, np.sqrt(2)),
        ([0.0, 0.0], np.nan, 0.0, 0.0, 1.0),
    ],
)
def test_agreement_by_hand(synthetic, cosine, sign, ratio, error):
    received = dni.agreement([3.0, 4.0], synthetic)
    expected = {
        "cosine": cosine,
        "sign_agreement": sign,
        "norm_ratio": ratio,
        "relative_error": error,
    }
    assert received == pytest.approx(expected, nan_ok=True)


def test_agreement_with_a_true_gradient_of_zero_is_not_a_number():
    assert all(np.isnan(v) for v in dni.agreement([0.0], [1.0]).values())


def test_many_models_are_measured_without_a_warning(caplog):
    x, y = helpers.toy_data(8)
    for seed in range(6):
        model = dni.mlp(2, 4, input_dim=6, num_classes=3, seed=seed)
        model.compile("sgd", helpers.crossentropy(), jit_compile=False)
        assert len(dni.boundary_gradients(model, x, y)) == 1
    assert not caplog.records
