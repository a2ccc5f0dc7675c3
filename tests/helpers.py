"""What several tests need: small models, small data, one layer contract."""

from dni_lesson.experiments.experiment import Experiment
from dni_lesson.experiments.results import COLUMNS

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf


@pytest.fixture
def double_precision():
    """Float64, where the order of additions shows far below any tolerance.

    That order differs between CPUs, numbers of threads and ways to compile,
    and in float32 Adam makes much of it where gradients are nearly zero.
    """
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def toy_data(examples=24, features=6, num_classes=3, seed=0):
    """Returns `x` `(examples, features)` float32 and integer labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(examples, features)).astype("float32")
    return x, rng.integers(num_classes, size=examples)


def data_set(*arrays, batch_size=8):
    """A `tf.data.Dataset` of batches, without its tuner.

    An iterator with a tuner that is left in a traceback is freed by the
    garbage collector, which then waits for the tuner's timer: up to a minute.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    data = tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)
    return data.with_options(options)


def weights(model):
    return [np.array(value) for value in model.get_weights()]


def assert_same_weights(one, other):
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)


def finite_differences(variable, function, step=1e-5):
    """Returns the gradient of a function by finite differences."""
    start, found = variable.numpy(), np.zeros(variable.shape)
    for index in np.ndindex(*variable.shape):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[index] += sign * step
            variable.assign(moved)
            ends.append(function())
        found[index] = (ends[0] - ends[1]) / (2 * step)
    variable.assign(start)
    return found


def assert_layer_contract(layer, x, **call_arguments):
    """Config round-trip, shapes, dtype, identity in inference, one fit step."""
    np.testing.assert_array_equal(layer(x, **call_arguments), x)
    assert layer.compute_output_shape(x.shape) == x.shape
    assert layer(x, **call_arguments).dtype == layer.compute_dtype
    copy = type(layer).from_config(layer.get_config())
    assert sorted(copy.get_config()) == sorted(layer.get_config())
    copy(x, **call_arguments)
    assert len(copy.weights) == len(layer.weights)
    model = keras.Sequential([keras.Input(x.shape[1:]), copy])
    model.compile("sgd", "mse")
    if copy.trainable_weights and not call_arguments:
        model.fit(x, x, verbose=0)


class StopsLearning(keras.callbacks.Callback):
    """Notes what the modules learn at each epoch's end; sets the rate to 0.

    Attributes:
        seen: List of lists of arrays, at each end.
    """

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(learnt(self.model))
        self.model.optimizer.learning_rate = 0.0


def assert_learning_stops(model, train, **kwargs):
    """What a callback does after an epoch holds for all later updates.

    Args:
        model: `DecoupledModel`.
        train: Function that calls `fit_async`.
        **kwargs: Arguments of `fit_async`.
    """
    stop, before = StopsLearning(), learnt(model)
    train(model, epochs=3, callbacks=[stop], queue_size=1, **kwargs)
    ends = [*stop.seen, learnt(model)]
    assert not any(map(np.array_equal, before, ends[0]))
    for later in ends[1:]:
        assert all(map(np.array_equal, ends[0], later))


def learnt(model):
    return [
        np.array(one)
        for part in model.modules
        for one in part.trainable_weights
    ]


class Oracle(keras.layers.Layer):
    """A predictor that knows the truth: it asks the modules and loss above.

    Sees `[h, one-hot label]` and returns the true gradient per example. The
    modules are hidden from Keras in a closure, as they belong to the model.
    """

    def __init__(self, modules_above, loss, **kwargs):
        super().__init__(**kwargs)
        self._ask = lambda h: _forward(modules_above, h)
        self._loss = loss

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] - 3)

    def call(self, inputs):
        h, planes = inputs[..., :-3], inputs[..., -3:]
        one_hot = tf.reshape(planes, (tf.shape(h)[0], -1, 3))[:, 0]
        labels = tf.argmax(one_hot, axis=1)
        with keras.StatelessScope(), tf.GradientTape() as tape:
            tape.watch(h)
            loss = self._loss(labels, self._ask(h))
        return tf.cast(tf.shape(h)[0], h.dtype) * tape.gradient(loss, h)


def _forward(modules, h):
    for module in modules:
        h = module(h, training=True)
    return h


def two_arms_and_a_control(p):
    """Returns the seconds and layer-updates of ten steps, by arm."""
    return {"backprop": (1.0, 40), "cdni": (2.0, 40), "skipping": (0.2, 8)}


def benchmark_rows(arms=two_arms_and_a_control, p=(0.2,), **settings):
    """Returns made-up rows of results: two seeds, two rounds of ten steps.

    Args:
        arms: Function of `p`, as `two_arms_and_a_control`.
        p: Sequence of floats.
        **settings: Columns to set.
    """
    rows = [
        {
            **dict.fromkeys(COLUMNS, 1),
            **Experiment().settings(),
            "run": f"r{seed} {chance}",
            "arm": arm,
            "depth": 4,
            "units": 256,
            "p": chance,
            "seed": seed,
            "round": number,
            "step": 10 * number,
            "seconds": seconds * (1 + seed),  # The machine got slower.
            "layer_updates": updates,
            "test_error": {1: 8.0, 2: 4.0 + seed}[number],
            "peak_mib": 700.0,
            "commit": "abc",
            **settings,
        }
        for chance in p
        for seed in (0, 1)
        for number in (1, 2)
        for arm, (seconds, updates) in arms(chance).items()
    ]
    return pd.DataFrame(rows)
