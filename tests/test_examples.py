import dni_lesson as dni

import helpers
import keras
import numpy as np
import pytest

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
