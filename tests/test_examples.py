import dni_lesson as dni

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

X, Y = helpers.toy_data()


def model(loss=None):
    model = dni.mlp(depth=2, units=4, input_dim=6, num_classes=3)
    model.compile("sgd", loss or helpers.crossentropy(), run_eagerly=True)
    return model


def with_value(array, value):
    array = np.array(array, "float32")
    array.flat[7] = value
    return array


@pytest.mark.parametrize(
    "x, y, message",
    [
        (X[:, :5], Y, r"`x`. Expected the shape \(examples, 6\).*24, 5"),
        (X[0], Y, r"`x`. Expected the shape \(examples, 6\)"),
        (X[:0], Y[:0], "`x`. Expected at least one example"),
        (with_value(X, np.nan), Y, r"`x`. Expected finite.*index \(1, 1\)"),
        (with_value(X, np.inf), Y, "`x`. Expected finite numbers"),
        (X.astype(str), Y, "`x`. Expected numbers. Received: dtype <U"),
        (X, Y[:-1], "`y`. Expected one label per example: 24. Received: 23"),
        (X, Y + 1, r"`y`. Expected integer labels in \[0, 3\). Received: 3"),
        (X, Y - 1, r"`y`. Expected integer labels in \[0, 3\). Received: -1"),
        (X, Y + 0.5, r"`y`. Expected integer labels in \[0, 3\)"),
        (X, with_value(Y, np.nan), "`y`. Expected finite numbers"),
        (X, np.eye(5)[Y], r"`y`. Expected integer labels of shape \(24,\)"),
        (X, np.ones((24, 3)), r"`y`. Expected one-hot rows.*\[1.0, 1.0, 1.0"),
    ],
)
def test_fit_and_evaluate_refuse_bad_arrays_by_name(x, y, message):
    for method in (model().fit, model().evaluate):
        with pytest.raises(ValueError, match=message):
            method(x, y, verbose=0)


def test_refused_data_leave_the_model_as_it_was():
    one = model()
    before = helpers.weights(one)
    with pytest.raises(ValueError, match="finite"):
        one.fit(with_value(X, np.nan), Y, verbose=0)
    for a, b in zip(before, helpers.weights(one), strict=True):
        np.testing.assert_array_equal(a, b)


def test_integers_under_a_one_hot_loss_are_refused_with_the_remedy():
    dense = keras.losses.CategoricalCrossentropy(from_logits=True)
    with pytest.raises(ValueError, match="one-hot.*to_categorical"):
        model(dense).fit(X, Y, verbose=0)


def test_validation_data_are_checked_too():
    with pytest.raises(ValueError, match="`validation_data`. Expected"):
        model().fit(X, Y, validation_data=(X[:, :2], Y), verbose=0)


def test_predict_checks_its_array():
    with pytest.raises(ValueError, match="`x`. Expected the shape"):
        model().predict(X[:, :2], verbose=0)


def test_good_arrays_in_other_forms_pass():
    one = model()
    one.fit(X.astype("float64"), Y.astype("uint8"), verbose=0)
    one.fit(X, Y[:, None], verbose=0)
    one.fit(X.tolist(), Y.tolist(), verbose=0)


def test_a_data_set_trains():
    data = helpers.data_set(X, Y)
    one = model()
    one.fit(data, shuffle=False, verbose=0)
    assert one.evaluate(data, verbose=0) > 0


RNG = np.random.default_rng(0)


class Own(keras.losses.Loss):
    """The outputs of the model are the losses of the examples."""

    def call(self, y_true, y_pred):
        return y_pred


def derivative(model, y, weight):
    """The derivative of the compiled loss by the loss of each example."""
    own = tf.Variable(np.ones(y.shape, model.variable_dtype))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(
            model.compute_loss(y=y, y_pred=own, sample_weight=weight)
        )
    return np.array(tape.gradient(loss, own)).sum(axis=tuple(range(1, y.ndim)))


def compiled_with(loss, loss_weights=None):
    model = dni.DecoupledModel([keras.layers.Dense(1)], [])
    model.compile("sgd", loss, loss_weights)
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
@pytest.mark.parametrize(
    ("form", "loss_weights"),
    [
        (lambda loss: loss, None),
        (lambda loss: loss, 3.0),
        (lambda loss: [loss], [100.0]),
        (lambda loss: [loss], None),
        (lambda loss: loss.call, None),
    ],
)
@pytest.mark.parametrize(
    "weight", [None, RNG.random(5), np.zeros(5), RNG.random((5, 1))]
)
@pytest.mark.parametrize(
    "reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", None]
)
def test_the_scale_is_the_derivative_by_the_loss_of_each_example(
    reduction, weight, form, loss_weights, dtype
):
    keras.config.set_dtype_policy(dtype)
    try:
        model = compiled_with(form(Own(reduction=reduction)), loss_weights)
    finally:
        keras.config.set_dtype_policy("float32")
    if weight is not None:
        weight = weight.astype("float32")
    y = np.zeros(5, "float32")
    scale = np.array(model.gradient_scale(y, weight, y))
    expected = derivative(model, y, weight)
    np.testing.assert_allclose(scale, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean"])
def test_positions_count_together_as_their_example(reduction):
    y = np.zeros((5, 4), "float32")
    weight = RNG.random((5, 4)).astype("float32")
    model = compiled_with(Own(reduction=reduction))
    np.testing.assert_allclose(
        model.gradient_scale(y, weight, y),
        derivative(model, y, weight),
        rtol=1e-6,
    )


@pytest.mark.parametrize("shape", [(6,), (6, 4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_examples_of_an_ignored_class_do_not_count(shape, weighted):
    """An example's gradient is its scale times that of a batch of it alone."""
    y = RNG.integers(-1, 3, size=shape)
    y[0], y[1] = -1, 2
    weight = RNG.random(6).astype("float32") if weighted else None
    logits = RNG.normal(size=(*shape, 3)).astype("float32")
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=-1
    )

    def gradient(y, logits, weight=None):
        if weight is not None:
            weight = np.broadcast_to(
                weight.reshape(-1, *[1] * (y.ndim - 1)), y.shape
            )
        logits = tf.Variable(logits)
        with tf.GradientTape() as tape:
            value = loss(y, logits, weight)
        return np.array(tape.gradient(value, logits))

    scale = np.array(compiled_with(loss).gradient_scale(logits, weight, y))
    assert scale[0] == 0
    whole = gradient(y, logits, weight)
    for k in range(1, 6):
        alone = gradient(y[k : k + 1], logits[k : k + 1])[0]
        np.testing.assert_allclose(whole[k], scale[k] * alone, atol=1e-6)


def test_several_losses_are_refused():
    with pytest.raises(ValueError, match="`loss`. Expected one loss"):
        compiled_with(["mse", "mae"])


def test_a_loss_that_keras_does_not_know_is_refused():
    with pytest.raises(ValueError, match="`loss`. Expected the name"):
        compiled_with("crossentropy")


@pytest.mark.parametrize("loss", [None, "mse"])
def test_losses_of_any_form_are_found(loss):
    model = compiled_with(loss or [helpers.crossentropy()])
    assert callable(model.only_loss)
