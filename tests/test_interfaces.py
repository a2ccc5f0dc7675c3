import dni_lesson as dni
from dni_lesson.costs import module_macs

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import double_precision
from keras import ops

__all__ = ["double_precision"]

H = np.array([[1.0, -2.0], [3.0, 0.5]], "float32")


def gradients(function, *inputs):
    inputs = [tf.constant(one) for one in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = function(*inputs)
    return [g.numpy() for g in tape.gradient(loss, inputs)]


def test_splice_returns_its_input_bit_for_bit():
    np.testing.assert_array_equal(dni.splice(H, H + 1.0), H)


@pytest.mark.parametrize(
    "g, g_hat",
    [(1.0, 0.0), (0.0, 1.0), (2.5, -0.5), (-3.0, -3.0)],
)
def test_splice_sends_g_hat_down_and_g_hat_minus_g_aside(g, g_hat):
    down, aside = gradients(
        lambda h, p: tf.reduce_sum(g * dni.splice(h, p)),
        H,
        np.full_like(H, g_hat),
    )
    np.testing.assert_array_equal(down, np.full_like(H, g_hat))
    np.testing.assert_array_equal(aside, np.full_like(H, g_hat - g))


def test_splice_refuses_a_prediction_of_another_shape():
    with pytest.raises(ValueError, match="`g_hat`.*Expected: .2, 2."):
        dni.splice(H, H[:, :1])


def test_splice_takes_shapes_that_are_known_in_part():
    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 2), "float32"),
            tf.TensorSpec((2, 2), "float32"),
        ]
    )
    def spliced(h, g_hat):
        return dni.splice(h, g_hat)

    np.testing.assert_array_equal(spliced(H, H + 1.0), H)


def test_gradient_below_does_not_depend_on_the_loss_above():
    layer = dni.SyntheticGradient(
        keras.layers.Dense(2, kernel_initializer="ones")
    )
    below = [
        gradients(lambda h: loss(layer(h, training=True)), H)[0]
        for loss in (tf.reduce_sum, lambda h: 1e3 * tf.reduce_mean(h**2))
    ]
    np.testing.assert_array_equal(below[0], below[1])
    np.testing.assert_allclose(below[0], H.sum(1, keepdims=True) / 2 + 0 * H)


def test_gradient_below_is_the_prediction_per_example_over_the_batch():
    layer = dni.SyntheticGradient(keras.layers.Dense(2, bias_initializer="one"))
    layer.build((None, 2))
    layer.predictor.kernel.assign(np.zeros((2, 2)))
    for batch in (1, 4, 100):
        h = np.zeros((batch, 2), "float32")
        (g,) = gradients(lambda h: tf.reduce_sum(layer(h, training=True)), h)
        np.testing.assert_allclose(g, np.full_like(h, 1 / batch))


def predictor_gradient(layer, h, loss, **call_arguments):
    with tf.GradientTape() as tape:
        value = loss(layer(h, training=True, **call_arguments))
    return tape.gradient(value, layer.predictor.trainable_variables)


@pytest.mark.parametrize("scale", [None, [0.1, 0.7], [0.0, 3.0]])
def test_predictor_gradient_equals_finite_differences_of_its_loss(scale):
    """Half the squared error to the target g / scale, weighted by scale."""
    layer = dni.SyntheticGradient(
        keras.layers.Dense(2, dtype="float64"), dtype="float64"
    )
    layer.build((None, 2))
    h = tf.constant(H, "float64")
    s = np.array([0.5, 0.5] if scale is None else scale)[:, None]
    target = np.array([[0.3, -1.0], [2.0, 0.1]])  # per example
    kernel = layer.predictor.kernel
    analytic, _ = predictor_gradient(
        layer,
        h,
        lambda out: tf.reduce_sum(out * (s * target)),
        gradient_scale=None if scale is None else tf.constant(scale),
    )

    def half_squared_error():
        error = layer.predictor(h).numpy() - target
        return 0.5 * np.sum(s * error**2)

    numeric = helpers.finite_differences(kernel, half_squared_error)
    np.testing.assert_allclose(analytic.numpy(), numeric, atol=1e-8)


def test_no_gradient_reaches_the_module_below_through_the_predictor():
    layer = dni.SyntheticGradient(keras.layers.Dense(2), num_classes=3)
    layer.build((None, 2))
    (g,) = gradients(
        lambda h: (
            tf.reduce_sum(layer.synthetic_gradient(h, [0, 1]) ** 2) + 0 * h
        ),
        H,
    )
    np.testing.assert_array_equal(g, 0 * H)


def test_default_predictor_is_zero_at_first():
    layer = dni.SyntheticGradient(num_classes=4)
    h = np.ones((3, 5), "float32")
    layer.build(h.shape)
    g_hat = layer.synthetic_gradient(h, np.array([0, 1, 3]))
    np.testing.assert_array_equal(g_hat, np.zeros((3, 5)))


def test_predictor_sees_one_hot_labels_after_the_activations():
    layer = dni.SyntheticGradient(keras.layers.Dense(2), num_classes=3)
    layer.build((None, 2))
    kernel = np.zeros((5, 2))
    kernel[2 + 1] = [7.0, 8.0]  # what label 1 adds
    layer.predictor.kernel.assign(kernel)
    expected = np.array([[0, 0], [7, 8]]) / 2
    for labels in ([2, 1], [[2], [1]], [[0, 0, 1], [0, 1, 0]]):
        received = layer.synthetic_gradient(H, np.array(labels))
        np.testing.assert_allclose(received, expected)


def test_labels_are_spread_over_the_axes_of_an_image():
    layer = dni.SyntheticGradient(
        keras.layers.Conv2D(3, 1, kernel_initializer="ones"), num_classes=2
    )
    h = np.zeros((2, 4, 5, 3), "float32")
    layer.build(h.shape)
    g = layer.synthetic_gradient(h, np.array([0, 1]))
    np.testing.assert_allclose(g, np.full(h.shape, 0.5))


@pytest.mark.parametrize(
    "make, arguments",
    [
        (dni.SyntheticGradient, {}),
        (lambda: dni.SyntheticGradient(num_classes=3), {"labels": [0, 2]}),
        (lambda: dni.SyntheticGradient(keras.layers.Dense(2)), {}),
        (lambda: dni.SyntheticGradient(dni.ZeroPredictor()), {}),
        (lambda: dni.SyntheticGradient(dtype="mixed_float16"), {}),
    ],
)
def test_layer_contract(make, arguments):
    layer = make()
    x = H.astype(layer.compute_dtype)
    helpers.assert_layer_contract(layer, x, **arguments)


def test_layer_works_in_a_functional_model_with_a_model_as_predictor():
    predictor = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(4, "relu"),
            keras.layers.Dense(8),
        ]
    )
    inputs = keras.Input((2,))
    h = keras.layers.Dense(8, activation="relu")(inputs)
    h = dni.SyntheticGradient(predictor)(h)
    model = keras.Model(inputs, keras.layers.Dense(1)(h))
    model.compile("sgd", "mse")
    before = predictor.get_weights()
    model.fit(H, H[:, :1], verbose=0)
    moved = [
        np.any(a != b)
        for a, b in zip(before, predictor.get_weights(), strict=True)
    ]
    assert all(moved)


def test_frozen_layer_keeps_predicting_but_does_not_learn():
    layer = dni.SyntheticGradient(keras.layers.Dense(2))
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2), layer, keras.layers.Dense(1)]
    )
    layer.trainable = False
    model.compile("sgd", "mse")
    before, below = layer.get_weights(), model.layers[0].get_weights()
    model.fit(H, H[:, :1], verbose=0)
    np.testing.assert_array_equal(before[0], layer.get_weights()[0])
    assert np.any(below[0] != model.layers[0].get_weights()[0])


@pytest.mark.parametrize("num_classes", [1, 0, -3, 2.5, "ten", True])
def test_num_classes_out_of_range_is_refused(num_classes):
    with pytest.raises(ValueError, match="`num_classes`. Expected an integer"):
        dni.SyntheticGradient(num_classes=num_classes)


def test_a_predictor_that_is_no_layer_is_refused():
    with pytest.raises(ValueError, match="`predictor`. Expected a Keras"):
        dni.SyntheticGradient(predictor="linear")


def test_a_predictor_of_the_wrong_width_is_refused():
    with pytest.raises(ValueError, match="`predictor` must return one"):
        dni.SyntheticGradient(keras.layers.Dense(3)).build((None, 2))


def test_missing_labels_are_named():
    layer = dni.SyntheticGradient(num_classes=3)
    with pytest.raises(ValueError, match="`labels` is missing"):
        layer(H, training=True)


def test_inputs_of_unknown_width_are_refused():
    with pytest.raises(ValueError, match="`inputs`. Expected a known size"):
        dni.SyntheticGradient().build((None, None))


def in_a_model(layer):
    """Returns a model in float16 that is nothing but the interface."""
    identity = keras.layers.Activation("linear", dtype="mixed_float16")
    return dni.DecoupledModel(
        [identity, identity], [layer], dtype="mixed_float16"
    )


@pytest.mark.parametrize("wrapped", [lambda layer: layer, in_a_model])
def test_float16_keeps_labels_whole_and_large_scales_finite(wrapped):
    """Float16 has no 2049 and nothing above 65504."""
    predictor = keras.layers.Dense(2, dtype="mixed_float16")
    layer = dni.SyntheticGradient(
        predictor, num_classes=2050, dtype="mixed_float16"
    )
    layer.build((None, 2))
    kernel = np.zeros((2 + 2050, 2))
    kernel[2 + 2049] = 1e-2  # what class 2049 adds
    predictor.kernel.assign(kernel)
    called = wrapped(layer)
    labels, scale = tf.constant([2049.0, 0.0]), tf.constant([1e6, 1e6])
    (g,) = gradients(
        lambda h: tf.reduce_sum(
            called(h, labels=labels, gradient_scale=scale, training=True)
        ),
        H.astype("float16"),
    )
    np.testing.assert_allclose(g, [[1e4, 1e4], [0, 0]], rtol=1e-2)


@keras.saving.register_keras_serializable(package="tests")
class SignInterface(dni.Interface):
    """A rule of a reader's own: its predictor regresses to the sign of `g`.

    In per-example units the prediction lies between -1 and 1.
    """

    def build(self, input_shape):
        *before, units = input_shape
        self.predictor = keras.layers.Dense(units, kernel_initializer="zeros")
        self.predictor.build((*before, units + (self.num_classes or 0)))

    @property
    def layers(self):
        return [self.predictor]

    def synthetic_gradient(
        self, inputs, labels=None, gradient_scale=None, training=False
    ):
        prediction = self.predictor(self.predictor_inputs(inputs, labels))
        return self.scaled(prediction, inputs, gradient_scale)

    def error(self, g_hat, g, gradient_scale):
        return g_hat - gradient_scale * ops.sign(g)


def sign_model(**kwargs):
    modules = dni.mlp(3, 8, "backprop", input_dim=6, num_classes=3).modules
    model = dni.DecoupledModel(
        modules, [SignInterface(num_classes=3), SignInterface()]
    )
    model.build((None, 6))
    model.compile("adam", helpers.crossentropy(), **kwargs)
    return model


@pytest.mark.parametrize("scale", [None, [0.1, 0.7]])
def test_a_rule_of_ones_own_learns_what_its_error_says(scale):
    layer = SignInterface()
    layer.build((None, 2))
    layer.predictor.kernel.assign(np.array([[0.5, 0.0], [0.0, -0.5]]))
    g = np.array([[3.0, -4.0], [0.0, 0.1]])
    kernel, bias = predictor_gradient(
        layer,
        tf.constant(H),
        lambda out: tf.reduce_sum(out * g),
        gradient_scale=scale,
    )
    error = H * [0.5, -0.5] - np.sign(g)
    error *= np.array([0.5, 0.5] if scale is None else scale)[:, None]
    np.testing.assert_allclose(kernel, H.T @ error, rtol=1e-6)
    np.testing.assert_allclose(bias, error.sum(0), rtol=1e-6)


@pytest.mark.parametrize("num_classes", [None, 3])
def test_a_rule_of_ones_own_keeps_the_layer_contract(num_classes):
    labels = {} if num_classes is None else {"labels": [0, 2]}
    helpers.assert_layer_contract(SignInterface(num_classes), H, **labels)


def test_a_rule_of_ones_own_trains_alike_by_fit_and_by_workers(
    double_precision,
):
    x, y = helpers.toy_data(26)
    models = [sign_model(jit_compile=False), sign_model()]
    start = helpers.weights(models[0])
    how = {"epochs": 3, "batch_size": 8, "shuffle": False}
    models[0].fit(x, y, verbose=0, **how)
    dni.fit_async(models[1], x, y, queue_size=1, **how)
    for before, fitted, asynchronous in zip(
        start, *map(helpers.weights, models), strict=True
    ):
        assert np.any(before != fitted)
        np.testing.assert_allclose(fitted, asynchronous, rtol=1e-6, atol=1e-9)


def test_a_rule_of_ones_own_is_saved_watched_and_counted(tmp_path):
    x, y = helpers.toy_data()
    model, monitor = sign_model(jit_compile=False), dni.GradientMonitor(x, y)
    model.fit(x, y, verbose=0, epochs=2, callbacks=[monitor])
    assert monitor.history["boundary"] == [1, 2, 1, 2]
    assert np.isfinite(monitor.history["cosine"][2:]).all()
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    helpers.assert_same_weights(model, loaded)
    for one in (model, loaded):
        one.fit(x, y, shuffle=False, verbose=0)
    helpers.assert_same_weights(model, loaded)
    assert module_macs(model).predictor == [2 * (8 + 3) * 8, 2 * 8 * 8, 0]


def test_an_interface_that_cannot_learn_lets_nothing_cross():
    assert not dni.SyntheticGradient(dni.ZeroPredictor()).crosses
    layer = SignInterface()
    layer.build((None, 2))
    assert layer.crosses and layer.layers == [layer.predictor]
