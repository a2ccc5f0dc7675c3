"""Later runs of a model use what the first has compiled, and nothing else."""

import dni_lesson as dni
from dni_lesson.workers import kept, stage

import helpers
import keras
import numpy as np
import pytest
from helpers import double_precision
from test_workers_fit import plain

__all__ = ["double_precision"]

# Of other executions in float64.
REORDERED = {"rtol": 1e-6, "atol": 1e-9}


def made(rule="cdni", jit_compile=False, depth=2):
    model = dni.mlp(depth, 8, rule, input_dim=6, num_classes=3)
    adam = keras.optimizers.Adam(1e-2)
    model.compile(adam, helpers.crossentropy(), jit_compile=jit_compile)
    return model


def train(model, batch_size=8, fit=dni.fit_async, **kwargs):
    x, y = helpers.toy_data(32)
    return fit(model, x, y, batch_size=batch_size, shuffle=False, **kwargs)


@pytest.fixture
def compilations(monkeypatch):
    """A list that grows with each call that is compiled."""
    found, compiled = [], stage.compiled

    def count(*arguments, **kwargs):
        found.append(arguments)
        return compiled(*arguments, **kwargs)

    monkeypatch.setattr(stage, "compiled", count)
    return found


@pytest.mark.parametrize("devices", [None, ["cpu:0"] * 2])
@pytest.mark.parametrize("ema", [False, True])
def test_a_later_run_is_as_if_it_were_the_first(
    double_precision, compilations, devices, ema
):
    optimizer = keras.optimizers.Adam(1e-2, use_ema=ema)
    models = [made(), made()]
    for model in models:
        model.compile(optimizer, helpers.crossentropy(), jit_compile=False)
    start = models[0].get_weights()
    train(models[0], queue_size=1, devices=devices)
    assert compilations
    models[0].set_weights([1.5 * one for one in start])
    models[1].set_weights([1.5 * one for one in start])
    compilations.clear()
    train(models[0], queue_size=1, devices=devices)
    assert not compilations
    train(models[1], queue_size=1, devices=devices)
    for one, other in zip(*map(helpers.weights, models), strict=True):
        np.testing.assert_allclose(one, other, **REORDERED)


def test_a_rate_that_was_set_holds_for_a_later_run():
    model = made()
    train(model)
    model.optimizer.learning_rate = 0.0
    before = helpers.learnt(model)
    train(model)
    assert all(map(np.array_equal, before, helpers.learnt(model)))


def freeze(model):
    model.modules[0].trainable = False


def decay(model):
    model.optimizer.weight_decay = 0.1


def compile_again(model):
    model.compile(model.optimizer, model.loss, jit_compile=False)


def lose(model):
    model.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


CHANGES = {
    "compiled again": (compile_again, {}),
    "another loss": (lose, {}),
    "another optimizer": (decay, {}),
    "frozen": (freeze, {}),
    "another schedule": (lambda model: None, {"schedule": "locked"}),
    "another batch size": (lambda model: None, {"batch_size": 16}),
    "another cut": (lambda model: None, {"modules": 1}),
    "other devices": (lambda model: None, {"devices": ["cpu:0"] * 2}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_counts_for_compiled_calls_compiles_them_anew(compilations, name):
    change, kwargs = CHANGES[name]
    model = made()
    train(model)
    change(model)
    compilations.clear()
    train(model, **kwargs)
    assert compilations


def test_after_an_error_nothing_is_kept(compilations):
    def fail(epoch, logs):
        raise OSError("no space")

    model = made()
    stop = keras.callbacks.LambdaCallback(on_epoch_end=fail)
    with pytest.raises(OSError, match="no space"):
        train(model, callbacks=[stop])
    compilations.clear()
    train(model)
    assert compilations


def test_of_many_kinds_of_runs_the_last_are_kept(monkeypatch):
    monkeypatch.setattr(kept, "MOST", 1)
    model = made()
    for modules in (1, 2):
        train(model, modules=modules)
    assert len(vars(model)[kept._NAME]) == 1


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(
    ("rule", "schedule"),
    [
        ("backprop", "locked"),
        ("backprop", "delayed"),
        ("cdni", "decoupled"),
        (None, "gpipe"),
    ],
)
def test_ten_runs_do_what_fit_does(
    double_precision, rule, schedule, jit_compile
):
    if rule is None:  # A model without BatchNorm.
        models = [plain("backprop"), plain("backprop")]
        for model, jit in zip(models, (False, jit_compile), strict=True):
            model.compile("adam", helpers.crossentropy(), jit_compile=jit)
    else:
        models = [made(rule, depth=3), made(rule, jit_compile, depth=3)]
    start = models[0].get_weights()
    train(models[0], fit=dni.DecoupledModel.fit, epochs=2, verbose=0)
    for _ in range(10):
        models[1].set_weights(start)
        train(models[1], epochs=2, schedule=schedule, queue_size=1)
        for one, other in zip(*map(helpers.weights, models), strict=True):
            np.testing.assert_allclose(one, other, **REORDERED)
