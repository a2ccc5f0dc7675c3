import dni_lesson as dni
from dni_lesson.costs import module_macs

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import double_precision

__all__ = ["double_precision"]

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)), RNG.integers(0, 3, 12)


def chain(interfaces, features=4, seed=0):
    """Three layers with these interfaces in between, compiled."""
    keras.utils.set_random_seed(seed)
    model = dni.DecoupledModel(
        [
            keras.layers.Dense(5, "tanh"),
            keras.layers.Dense(6, "tanh"),
            keras.layers.Dense(3),
        ],
        interfaces,
    )
    model.build((None, features))
    model.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    return model


def with_feedback():
    return chain([dni.DirectFeedback(3, seed=k) for k in (1, 2)])


def received(model, scale=1.0):
    """Returns the gradient of all trainable weights of a training step."""
    with tf.GradientTape() as tape:
        out = model(tf.constant(X), training=True)
        loss = scale * model.compute_loss(y=Y, y_pred=out, training=True)
    return tape.gradient(loss, model.trainable_variables)


def test_a_module_receives_what_the_output_got_wrong_through_the_matrix(
    double_precision,
):
    model = with_feedback()
    h = [X]
    for module in model.modules:
        h.append(module(h[-1]).numpy())
    wrong = keras.ops.softmax(h[3]).numpy() - np.eye(3)[Y]
    for k, gradient in ((0, received(model)[0]), (1, received(model)[2])):
        down = wrong / 12 @ model.interfaces[k].matrix.numpy()
        expected = h[k].T @ (down * (1 - h[k + 1] ** 2))
        np.testing.assert_allclose(gradient, expected, rtol=1e-7)


def test_the_top_module_learns_as_by_backprop(double_precision):
    found = received(with_feedback())[-2:]
    for one, other in zip(found, received(chain([None] * 2))[-2:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_no_gradient_comes_down_from_the_module_above(double_precision):
    model, other = with_feedback(), with_feedback()
    # The same output by other weights: nothing below may see it.
    other.modules[1].kernel.assign(-model.modules[1].kernel)
    other.modules[1].bias.assign(-model.modules[1].bias)
    other.modules[2].kernel.assign(-model.modules[2].kernel)
    np.testing.assert_allclose(
        received(model)[0], received(other)[0], rtol=1e-9
    )


def test_the_output_is_left_as_it_is():
    model, plain = with_feedback(), chain([None] * 2)
    x = X.astype("float32")
    for training in (False, True):
        np.testing.assert_array_equal(
            model(x, training=training), plain(x, training=training)
        )


def test_with_the_product_of_the_weights_above_it_is_backprop_in_linear_nets():
    linear = [keras.layers.Dense(5), keras.layers.Dense(3)]
    model = dni.DecoupledModel(linear, [dni.DirectFeedback(3)])
    model.build((None, 4))
    model.compile("sgd", "mse", jit_compile=False)
    model.interfaces[0].matrix.assign(keras.ops.transpose(linear[1].kernel))
    (found,) = dni.boundary_gradients(model, X, X[:, :3])
    np.testing.assert_allclose(
        found.synthetic, found.true, rtol=1e-4, atol=1e-7
    )


def test_the_monitor_sees_what_fit_sends_down(double_precision):
    model = with_feedback()
    below = model.modules[0]
    (first, _) = dni.boundary_gradients(model, X, Y)
    h = below(X).numpy()
    expected = X.T @ (first.synthetic * (1 - h**2))
    np.testing.assert_allclose(received(model)[0], expected, rtol=1e-6)


def test_feedback_learns_digits_better_than_the_top_layer_alone():
    (x, y), test = dni.load_digits()
    right = {}
    for rule in ("dfa", "no_bprop"):
        keras.utils.set_random_seed(0)
        model = dni.mlp(3, 64, rule, seed=0)
        model.compile(
            keras.optimizers.Adam(1e-3),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=False,
        )
        model.fit(x, y, batch_size=50, epochs=4, verbose=0)
        right[rule] = model.evaluate(*test, verbose=0)[1]
    assert right["dfa"] > right["no_bprop"] + 0.01


def test_the_matrix_stays_what_it_was():
    model = with_feedback()
    before = model.interfaces[0].matrix.numpy()
    model.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.interfaces[0].matrix, before)
    assert not model.interfaces[0].trainable_variables


def test_it_works_on_images_in_half_precision_and_is_saved(tmp_path):
    policy = keras.mixed_precision.DTypePolicy("mixed_float16")
    model = dni.DecoupledModel(
        [
            keras.layers.Conv2D(2, 3, activation="relu", dtype=policy),
            keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)]),
        ],
        [dni.DirectFeedback(3, seed=0, dtype=policy)],
    )
    model.build((None, 6, 6, 1))
    model.compile("adam", "mse", jit_compile=False)
    x = RNG.normal(size=(8, 6, 6, 1)).astype("float32")
    model.fit(x, np.ones((8, 3), "float32"), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
    np.testing.assert_array_equal(
        loaded.interfaces[0].matrix, model.interfaces[0].matrix
    )
    loaded.fit(x, np.ones((8, 3), "float32"), verbose=0)


def test_the_mask_of_the_output_still_counts():
    model = dni.DecoupledModel(
        [keras.layers.Embedding(5, 4, mask_zero=True), keras.layers.Dense(2)],
        [dni.DirectFeedback(6, seed=0)],
    )
    model.build((None, 3))
    model.compile("sgd", "mse", jit_compile=False)
    tokens = np.array([[1, 2, 0], [3, 0, 0]])
    y = np.zeros((2, 3, 2))
    wild = np.where(tokens[..., None] == 0, 1e3, y)
    losses = [model.train_on_batch(tokens, one) for one in (y, wild)]
    assert losses[1] < 10


def test_a_forward_pass_is_all_that_a_module_must_have_from_above():
    macs = module_macs(dni.mlp(4, 256, "dfa"))
    first, hidden, last = 784 * 256, 256 * 256, 256 * 10
    assert macs.forward == [first, hidden, hidden, last]
    assert macs.backward == [first, hidden, hidden, last]
    assert macs.predictor == [last] * 3 + [0]


def test_workers_that_do_not_wait_refuse_it():
    with pytest.raises(ValueError, match="`model`.*do not wait for the output"):
        dni.fit_async(with_feedback(), X, Y)


def test_a_layer_alone_says_what_it_lacks():
    with pytest.raises(ValueError, match="`output_gradient` is missing"):
        dni.DirectFeedback(3).synthetic_gradient(X)


@pytest.mark.parametrize("size", [0, 2.5, "3", None])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match="`output_size`"):
        dni.DirectFeedback(size)


def test_a_size_other_than_the_models_is_refused():
    model = chain([dni.DirectFeedback(4), None])
    with pytest.raises(ValueError, match="`output_size`.*: 3. Received: 4"):
        model.fit(X, Y, verbose=0)


def test_unknown_features_are_refused():
    with pytest.raises(ValueError, match="known size of all axes"):
        dni.DirectFeedback(3).build((None, None, 4))
