"""What cannot be trained is refused by name, before anything is."""

import dni_lesson as dni
from dni_lesson.workers.fit import claimed

import helpers
import keras
import numpy as np
import pytest
from helpers import double_precision

__all__ = ["double_precision"]


def made(optimizer="sgd"):
    model = dni.mlp(3, 8, "cdni", input_dim=6, num_classes=3)
    model.compile(optimizer, helpers.crossentropy(), jit_compile=False)
    return model


WRONG = [
    ("schedule", {"schedule": "1f1b"}),
    ("workers", {"workers": "processes"}),
    ("queue_size", {"queue_size": 0}),
    ("link_delay", {"link_delay": -1}),
    ("link_delay", {"link_delay": float("nan")}),
    ("microbatches", {"microbatches": 0}),
    ("microbatches", {"microbatches": 3, "schedule": "gpipe"}),
    ("steps_per_execution", {"steps_per_execution": 0}),
    ("steps_per_execution", {"steps_per_execution": 9}),
    ("steps_per_execution", {"steps_per_execution": 2, "schedule": "locked"}),
    ("modules", {"modules": 4}),
    ("seed", {"seed": -1}),
    ("epochs", {"epochs": 0}),
    ("batch_size", {"batch_size": 1.5}),
    ("step_timeout", {"step_timeout": 0}),
    ("step_timeout", {"step_timeout": float("inf")}),
    ("step_timeout", {"step_timeout": 1e308}),
    ("link_delay", {"link_delay": 1e10}),
    ("link_delay", {"link_delay": 10**400}),
    ("bandwidth", {"bandwidth": 0}),
    ("bandwidth", {"bandwidth": float("nan")}),
    ("bandwidth", {"bandwidth": "fast"}),
    ("queue_size", {"queue_size": 10**400}),
    ("shuffle", {"shuffle": "no"}),
    ("in_turn", {"in_turn": None}),
    ("callbacks", {"callbacks": 5}),
    ("callbacks", {"callbacks": [print]}),
    ("callbacks", {"callbacks": [keras.callbacks.Callback]}),
    ("devices", {"devices": ["CPU:0"]}),
    ("devices", {"devices": ["TPU:9"] * 3}),
    ("devices", {"devices": ["U:0"] * 3}),
    ("y", {"y": [0, 1]}),
    ("x", {"x": "digits"}),
]


@pytest.fixture(scope="module")
def model():
    """A model that no test here trains, and of which none lets anything be
    compiled: all is refused before."""
    untouched = made()
    before = helpers.weights(untouched)
    yield untouched
    for a, b in zip(before, helpers.weights(untouched), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("name", "arguments"), WRONG)
def test_wrong_arguments_are_refused_before_training(model, name, arguments):
    x, y = helpers.toy_data()
    arguments = {"x": x, "y": y, "batch_size": 8} | arguments
    with pytest.raises(ValueError, match=f"^`{name}`. Expected"):
        dni.fit_async(model, **arguments)


def test_models_that_cannot_be_trained_are_refused():
    x, y = helpers.toy_data()
    bare = dni.mlp(3, 8, "cdni", 6, 3)
    scaled = made(
        optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    )
    for model in (bare, scaled, keras.Sequential()):
        with pytest.raises(ValueError, match="^`model`. Expected"):
            dni.fit_async(model, x, y)


def test_numbers_of_numpy_count_as_python_s():
    # More steps than a byte holds.
    x, y = helpers.toy_data(150)
    history = dni.fit_async(
        made(),
        x,
        y,
        epochs=np.uint8(2),
        batch_size=np.uint8(1),
        queue_size=np.uint8(8),
        link_delay=np.float32(0),
        bandwidth=np.float32(1e12),
        modules=[np.uint8(1), np.uint8(2)],
        seed=np.int16(3),
        shuffle=np.bool_(True),
        step_timeout=np.float32(60),
    )
    assert history.to_frame()["updates"].tolist() == [300, 300]


def test_a_callback_needs_no_list():
    x, y = helpers.toy_data()
    seen = keras.callbacks.History()
    dni.fit_async(made(), x, y, epochs=2, callbacks=seen)
    assert seen.epoch == [0, 1]


def test_a_mask_may_lie_within_a_worker_and_cross_no_cut():
    tokens, y = np.tile([1, 2, 0], (24, 1)), helpers.toy_data()[1]
    layers = [
        keras.layers.Embedding(3, 4, mask_zero=True),
        keras.layers.LSTM(4, unroll=True),
        keras.layers.Dense(3),
    ]
    within, across = (
        dni.DecoupledModel(layers, interfaces)
        for interfaces in (
            [None, dni.SyntheticGradient()],
            [dni.SyntheticGradient(), None],
        )
    )
    for model in (within, across):
        model.build((None, 3))
        model.compile("sgd", helpers.crossentropy(), jit_compile=False)
    dni.fit_async(within, tokens, y, batch_size=8)
    with pytest.raises(ValueError, match="`modules`.*between workers 1 and 2"):
        dni.fit_async(across, tokens, y, batch_size=8)


def test_a_loop_in_a_layer_is_refused_with_the_remedy():
    x, y = np.zeros((24, 3, 2), "float32"), helpers.toy_data()[1]
    model = dni.DecoupledModel(
        [keras.layers.LSTM(4), keras.layers.Dense(3)],
        [dni.SyntheticGradient()],
    )
    model.build((None, 3, 2))
    model.compile("sgd", helpers.crossentropy(), jit_compile=False)
    with pytest.raises(ValueError, match="`model`.*`unroll=True`"):
        dni.fit_async(model, x, y, batch_size=8)


def test_the_weight_of_the_loss_counts_as_in_fit(double_precision):
    x, y = helpers.toy_data()
    models = []
    for train in (
        lambda model: model.fit(x, y, 8, shuffle=False, verbose=0),
        lambda model: dni.fit_async(
            model, x, y, 1, 8, shuffle=False, queue_size=1
        ),
    ):
        model = dni.mlp(3, 8, "cdni", 6, 3)
        model.compile(
            "sgd", [helpers.crossentropy()], [20.0], jit_compile=False
        )
        train(model)
        models.append(helpers.weights(model))
    for one, other in zip(*models, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_weights_that_another_run_trains_are_refused_until_it_ends():
    mine, other = made(), made()
    shares = dni.DecoupledModel(
        [mine.modules[0], *other.modules[1:]], [None] * 2
    )
    shares.build((None, 6))
    with claimed(mine), claimed(other):
        for model in (mine, shares):
            with (
                pytest.raises(ValueError, match="^`model`. Expected .* no oth"),
                claimed(model),
            ):
                pass
    with claimed(shares):
        pass


def test_a_run_inside_a_callback_of_another_is_refused():
    model, (x, y) = made(), helpers.toy_data()
    inner = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: dni.fit_async(model, x, y)
    )
    with pytest.raises(ValueError, match="no other `fit_async` is training"):
        dni.fit_async(model, x, y, callbacks=[inner])
    dni.fit_async(model, x, y)
