"""No two runs train the same weights at the same time."""

import dni_lesson as dni
from dni_lesson.workers.claim import claimed

import helpers
import keras
import pytest


def made():
    model = dni.mlp(3, 8, "cdni", input_dim=6, num_classes=3)
    model.compile("sgd", helpers.crossentropy(), jit_compile=False)
    return model


def test_weights_that_another_run_trains_are_refused_until_it_ends():
    one, other = made(), made()
    shares = dni.DecoupledModel(
        [one.modules[0], *other.modules[1:]], [None] * 2
    )
    shares.build((None, 6))
    with claimed(one), claimed(other):
        for model in (one, shares):
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
