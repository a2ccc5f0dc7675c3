"""A program: the laws of the layer under the Keras backend of this process.

`python tests/backend_laws.py` with KERAS_BACKEND set; see test_backends.py.
"""

import dni_lesson as dni

import keras
import numpy as np
from keras import ops

H = np.array([[1.0, -2.0], [0.5, 3.0]], "float32")
G_HAT = np.array([[0.1, 0.2], [0.3, 0.4]], "float32")
G = np.array([[10.0, 20.0], [30.0, 40.0]], "float32")


class Start(keras.layers.Layer):
    """Variables instead of inputs, whose gradients an optimizer applies."""

    def build(self, shape):
        self.h = self.add_weight(shape=(2, 2), initializer="zeros")
        self.g_hat = self.add_weight(shape=(2, 2), initializer="zeros")
        self.h.assign(H)
        self.g_hat.assign(G_HAT)

    def call(self, inputs):
        return dni.splice(ops.convert_to_tensor(self.h), 1.0 * self.g_hat)


class Product(keras.losses.Loss):
    """Its gradient with respect to the outputs is the labels."""

    def call(self, y_true, y_pred):
        return ops.sum(y_true * y_pred, axis=-1)


def splice_swaps_gradients():
    start = Start()
    model = keras.Sequential([keras.Input((2,)), start])
    np.testing.assert_array_equal(model.predict(H, verbose=0), H)
    model.compile(keras.optimizers.SGD(1.0), Product(reduction="sum"))
    model.fit(H, G, batch_size=2, verbose=0, shuffle=False)
    h, g_hat = model.get_weights()
    moved = [H - h, G_HAT - g_hat]
    np.testing.assert_allclose(moved[0], G_HAT, rtol=1e-4)
    np.testing.assert_allclose(moved[1], G_HAT - G, rtol=1e-4)


def nothing_below_moves_before_the_predictor_has_learned():
    below, interface = keras.layers.Dense(2), dni.SyntheticGradient()
    model = keras.Sequential(
        [keras.Input((2,)), below, interface, keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = below.get_weights()[0]
    model.fit(H, H[:, :1], batch_size=2, verbose=0)
    np.testing.assert_array_equal(below.get_weights()[0], before)
    assert np.any(interface.get_weights()[0] != 0)
    model.fit(H, H[:, :1], batch_size=2, verbose=0)
    assert np.any(below.get_weights()[0] != before)


def predictors_learn_in_the_units_of_one_example():
    """The batch twice over teaches a predictor the same."""
    learned = []
    for repeats in (1, 2):
        ones = keras.initializers.Ones()
        interface = dni.SyntheticGradient()
        model = keras.Sequential(
            [
                keras.Input((2,)),
                interface,
                keras.layers.Dense(1, kernel_initializer=ones),
            ]
        )
        model.compile(keras.optimizers.SGD(0.1), "mse")
        x = np.tile(H, (repeats, 1))
        model.fit(x, x[:, :1], batch_size=len(x), verbose=0)
        learned.append(interface.get_weights()[0])
    np.testing.assert_allclose(*learned, rtol=1e-5)


def a_decoupled_model_trains():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 6)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")
    model = dni.DecoupledModel(
        [keras.layers.Dense(16, "relu"), keras.layers.Dense(2)],
        [dni.SyntheticGradient(num_classes=2)],
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    history = model.fit(x, y, batch_size=16, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert model.predict(x, verbose=0).shape == (64, 2)


if __name__ == "__main__":
    splice_swaps_gradients()
    nothing_below_moves_before_the_predictor_has_learned()
    predictors_learn_in_the_units_of_one_example()
    a_decoupled_model_trains()
    print("laws hold on", keras.backend.backend())
