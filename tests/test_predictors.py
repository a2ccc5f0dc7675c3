import dni_lesson as dni
from dni_lesson.costs import module_macs
from dni_lesson.predictors import convolutional_predictor

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import double_precision

__all__ = ["double_precision"]

CLASSES = 3
H = np.array([[1.0, -2.0], [3.0, 0.5], [0.2, 0.1], [-1.0, 1.0]])
Y = np.array([0, 2, 1, 1])
SCALES = [None, [0.1, 0.7, 0.0, 3.0]]


def interface(tied=False, shape=(None, 2), **kwargs):
    """A boundary with a softmax predictor whose weights are all at work."""
    predictor = dni.SoftmaxPredictor(CLASSES, tied=tied, seed=1, **kwargs)
    layer = dni.SyntheticGradient(predictor, CLASSES, **kwargs)
    layer.build(shape)
    if not tied:
        rng = np.random.default_rng(0)
        back = rng.normal(size=(CLASSES, shape[-1]))
        layer.predictor.back.kernel.assign(back)
    return layer


def spread(scale):
    """Returns the weights of the examples, `(batch, 1)`."""
    return np.full((4, 1), 0.25) if scale is None else np.array([scale]).T


def crossentropy(layer, scale=None):
    """Returns the classifier's loss, each example weighted by its scale."""
    logits = layer.predictor.classifier(H)
    losses = keras.losses.sparse_categorical_crossentropy(Y, logits, True)
    return float(tf.reduce_sum(spread(scale)[:, 0] * losses))


def pulled_back(layer, g, scale):
    """Returns what the predictor's weights receive when `g` arrives."""
    variables = layer.predictor.trainable_variables
    with tf.GradientTape() as tape:
        out = layer(
            tf.constant(H), labels=Y, gradient_scale=scale, training=True
        )
    return tape.gradient(out, variables, output_gradients=tf.constant(g))


@pytest.mark.parametrize("scale", SCALES)
def test_the_map_back_learns_by_regression_and_nothing_else(
    double_precision, scale
):
    layer = interface()
    g = np.random.default_rng(1).normal(size=H.shape) * spread(scale)
    target = np.random.default_rng(1).normal(size=H.shape)  # per example
    kernel = layer.predictor.back.kernel

    def half_squared_error():
        inputs = layer.predictor_inputs(H, Y)
        error = layer.predictor(inputs).numpy() - target
        return 0.5 * np.sum(spread(scale) * error**2)

    *_, received = pulled_back(layer, g, scale)
    np.testing.assert_allclose(
        received,
        helpers.finite_differences(kernel, half_squared_error),
        atol=1e-8,
    )


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("scale", SCALES)
def test_the_classifier_learns_by_its_own_crossentropy_whatever_arrives(
    double_precision, scale, tied
):
    layer = interface(tied)
    classifier = layer.predictor.classifier
    for g in (np.zeros_like(H), np.full_like(H, 1e3)):
        received = pulled_back(layer, g, scale)
        for variable, gradient in zip(
            classifier.variables, received, strict=tied
        ):
            expected = helpers.finite_differences(
                variable, lambda: crossentropy(layer, scale)
            )
            np.testing.assert_allclose(gradient, expected, atol=1e-8)


@pytest.mark.parametrize("scale", SCALES)
def test_tied_it_sends_the_gradient_of_that_crossentropy(
    double_precision, scale
):
    layer = interface(tied=True)
    with tf.GradientTape() as tape:
        h = tf.constant(H)
        tape.watch(h)
        logits = layer.predictor.classifier(h)
        losses = keras.losses.sparse_categorical_crossentropy(Y, logits, True)
        loss = tf.reduce_sum(spread(scale)[:, 0] * losses)
    np.testing.assert_allclose(
        layer.synthetic_gradient(tf.constant(H), Y, scale),
        tape.gradient(loss, h),
    )


def test_it_predicts_zero_at_first():
    layer = dni.SyntheticGradient(dni.SoftmaxPredictor(CLASSES), CLASSES)
    layer.build((None, 2))
    np.testing.assert_array_equal(layer.synthetic_gradient(H, Y), 0 * H)


@pytest.mark.parametrize("tied", [False, True])
def test_a_prediction_is_that_of_the_example_alone(tied):
    layer = interface(tied)
    inputs = layer.predictor_inputs(H.astype("float32"), Y)
    together = layer.predictor(inputs).numpy()
    alone = [layer.predictor(inputs[k : k + 1]).numpy()[0] for k in range(4)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("places", [(5,), (3, 4)])
def test_each_position_of_a_sequence_or_picture_is_predicted_alike(
    tied, places
):
    layer = interface(tied, (None, *places, 2))
    h = np.random.default_rng(0).normal(size=(4, *places, 2)).astype("float32")
    whole = layer.synthetic_gradient(h, Y, training=True)
    one = (0,) * len(places)
    part = interface(tied).synthetic_gradient(h[(slice(None), *one)], Y)
    np.testing.assert_allclose(whole[(slice(None), *one)], part, rtol=1e-5)
    with tf.GradientTape() as tape:
        out = layer(h, labels=Y, training=True)
    gradients = tape.gradient(out, layer.trainable_variables)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_layer_contract(tied, dtype):
    policy = keras.DTypePolicy(dtype)
    predictor = dni.SoftmaxPredictor(CLASSES, tied=tied, dtype=policy)
    layer = dni.SyntheticGradient(predictor, CLASSES, dtype=policy)
    h = H.astype(layer.compute_dtype)
    helpers.assert_layer_contract(layer, h, labels=Y)


@pytest.mark.parametrize("rule", ["cdni", "greedy"])
def test_it_trains_alike_by_fit_and_by_workers(double_precision, rule):
    x, y = helpers.toy_data(26)
    models = [
        dni.mlp(2, 8, rule, 6, CLASSES, predictor="softmax") for _ in range(2)
    ]
    start = helpers.weights(models[0])
    for model in models:
        model.compile("adam", helpers.crossentropy(), jit_compile=False)
    how = {"epochs": 3, "batch_size": 8, "shuffle": False}
    models[0].fit(x, y, verbose=0, **how)
    dni.fit_async(models[1], x, y, queue_size=1, **how)
    for before, fitted, asynchronous in zip(
        start, *map(helpers.weights, models), strict=True
    ):
        assert np.any(before != fitted)
        np.testing.assert_allclose(fitted, asynchronous, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("rule", ["cdni", "greedy"])
def test_it_is_saved_with_its_model(rule, tmp_path):
    x, y = helpers.toy_data()
    model = dni.mlp(2, 8, rule, 6, CLASSES, predictor="softmax")
    model.compile("adam", helpers.crossentropy(), jit_compile=False)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for one in (model, loaded):
        one.fit(x, y, shuffle=False, verbose=0)
    helpers.assert_same_weights(model, loaded)


def test_greedy_layers_learn_nothing_from_above():
    models = [dni.mlp(3, 8, "greedy", 6, CLASSES) for _ in range(2)]
    x, y = helpers.toy_data()
    top = models[1].modules[-1].trainable_variables[0]
    top.assign(100 * top)
    for model in models:
        model.compile("sgd", helpers.crossentropy(), jit_compile=False)
        model.fit(x, y, shuffle=False, verbose=0)
    for one, other in zip(
        *(model.modules[0].get_weights() for model in models)
    ):
        np.testing.assert_array_equal(one, other)


def test_a_prediction_and_its_training_cost_four_products_or_tied_three():
    for rule, products in (("cdni", 4), ("greedy", 3)):
        model = dni.mlp(3, 8, rule, 6, CLASSES, predictor="softmax")
        expected = products * 8 * CLASSES
        assert module_macs(model).predictor == [expected, expected, 0]


@pytest.mark.parametrize("num_classes", [1, -3, 2.5, "ten", None])
def test_num_classes_out_of_range_is_refused(num_classes):
    with pytest.raises(ValueError, match="`num_classes`. Expected an integer"):
        dni.SoftmaxPredictor(num_classes)


def test_without_labels_it_says_who_brings_them():
    layer = dni.SyntheticGradient(dni.SoftmaxPredictor(CLASSES))
    with pytest.raises(ValueError, match="give the `SyntheticGradient` num_cl"):
        layer.build((None, 2))


def test_a_rule_without_labels_is_refused():
    with pytest.raises(ValueError, match="`predictor`. Expected 'linear'"):
        dni.mlp(rule="dni", predictor="softmax")


MAPS = np.random.default_rng(2).normal(size=(4, 5, 4, 2))


def map_interface(predictor):
    """A boundary of feature maps, all of the predictor's weights at work."""
    layer = dni.SyntheticGradient(predictor, CLASSES)
    layer.build((None, *MAPS.shape[1:]))
    rng = np.random.default_rng(0)
    for variable in predictor.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return layer


def pooled(size=2, **kwargs):
    inner = dni.SoftmaxPredictor(CLASSES, seed=1, **kwargs)
    return dni.PooledPredictor(inner, size, CLASSES)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    "make", [lambda: convolutional_predictor(2), pooled, lambda: pooled(1)]
)
def test_predictors_of_maps_learn_by_regression(double_precision, make, scale):
    layer = map_interface(make())
    target = np.random.default_rng(1).normal(size=MAPS.shape)  # per example
    weight = spread(scale)[..., None, None]
    last = layer.predictor.trainable_variables[-1]
    if isinstance(layer.predictor, keras.layers.Conv2D):
        last = layer.predictor.kernel

    def half_squared_error():
        inputs = layer.predictor_inputs(MAPS, Y)
        error = layer.predictor(inputs).numpy() - target
        return 0.5 * np.sum(weight * error**2)

    with tf.GradientTape() as tape:
        out = layer(
            tf.constant(MAPS), labels=Y, gradient_scale=scale, training=True
        )
    received = tape.gradient(
        out, last.value, output_gradients=tf.constant(weight * target)
    )
    expected = helpers.finite_differences(last, half_squared_error)
    np.testing.assert_allclose(received, expected, atol=1e-7)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("scale", SCALES)
def test_tied_and_pooled_it_sends_and_learns_as_a_pooled_classifier(
    double_precision, size, scale
):
    layer = map_interface(pooled(size, tied=True))
    classifier = layer.predictor.predictor.classifier
    pooling = keras.layers.AveragePooling2D(size)
    h = tf.constant(MAPS)
    wanted = [h, classifier.kernel.value, classifier.bias.value]
    with tf.GradientTape() as tape:
        tape.watch(h)
        logits = classifier(tf.reshape(pooling(h), (4, -1)))
        losses = keras.losses.sparse_categorical_crossentropy(Y, logits, True)
        loss = tf.reduce_sum(spread(scale)[:, 0] * losses)
    expected = tape.gradient(loss, wanted)
    with tf.GradientTape() as tape:
        tape.watch(h)
        out = layer(h, labels=Y, gradient_scale=scale, training=True)
    nothing = tf.zeros_like(h)
    received = tape.gradient(out, wanted, output_gradients=nothing)
    for one, other in zip(expected, received, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8)


def test_any_predictor_of_rows_predicts_for_a_pooled_map():
    layer = dni.SyntheticGradient(
        dni.PooledPredictor(keras.layers.Dense(8, use_bias=False), 2)
    )
    layer.build((None, 4, 4, 2))
    h = np.ones((3, 4, 4, 2), "float32")
    g_hat = layer.synthetic_gradient(h, gradient_scale=1.0).numpy()
    kernel = layer.predictor.predictor.kernel.numpy()
    np.testing.assert_allclose(g_hat[0, 0, 0], kernel.sum(0)[:2] / 4, rtol=1e-5)
    np.testing.assert_array_equal(g_hat[:, 1, 1], g_hat[:, 0, 0])


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_layer_contract_with_maps(dtype):
    policy = keras.DTypePolicy(dtype)
    inner = dni.SoftmaxPredictor(CLASSES, dtype=policy)
    predictor = dni.PooledPredictor(inner, 2, CLASSES, dtype=policy)
    layer = dni.SyntheticGradient(predictor, CLASSES, dtype=policy)
    h = MAPS.astype(layer.compute_dtype)
    helpers.assert_layer_contract(layer, h, labels=Y)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("predictor", None), ("pool_size", 0), ("num_classes", 1)],
)
def test_a_pooled_predictor_names_the_argument_that_is_wrong(argument, value):
    arguments = {"predictor": dni.SoftmaxPredictor(CLASSES), argument: value}
    with pytest.raises(ValueError, match=f"`{argument}`. Expected"):
        dni.PooledPredictor(**arguments)


@pytest.mark.parametrize("shape", [(None, 6), (None, 1, 4, 2), (None,) * 4])
def test_a_map_that_cannot_be_pooled_is_refused(shape):
    layer = dni.SyntheticGradient(pooled(), CLASSES)
    with pytest.raises(ValueError, match="`inputs`. Expected"):
        layer.build(shape)
