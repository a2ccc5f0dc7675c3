"""`fit`, `evaluate` and `predict` do what their arguments mean in Keras."""

import functools
import inspect

import dni_lesson as dni

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

X, Y = helpers.toy_data(96)


def sequential():
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(
                8,
                "relu",
                kernel_initializer=keras.initializers.Orthogonal(1, 0),
            ),
            keras.layers.Dense(
                3, kernel_initializer=keras.initializers.Orthogonal(1, 1)
            ),
        ]
    )


def decoupled():
    layers = sequential().layers
    return dni.DecoupledModel(layers, [None])


def compiled(model, **kwargs):
    model.compile(
        "sgd", helpers.crossentropy(), weighted_metrics=["accuracy"], **kwargs
    )
    return model


pytestmark = pytest.mark.filterwarnings("ignore:Your input ran out of data")


def data_set(batch_size=8):
    return helpers.data_set(X, Y, batch_size=batch_size)


WEIGHTS = np.linspace(0, 2, 96).astype("float32")

FITS = {
    "positional": ((X, Y, 8, 2, 0), {}),
    "repeated data": (
        (data_set().repeat(),),
        {"steps_per_epoch": 10, "epochs": 2},
    ),
    "arrays in parts": (
        (X, Y),
        {"batch_size": 8, "steps_per_epoch": 5, "epochs": 3},
    ),
    "validation steps": (
        (X, Y),
        {"validation_data": data_set(), "validation_steps": 3, "epochs": 2},
    ),
    "validation frequency": (
        (X, Y),
        {"validation_data": (X[:9], Y[:9]), "validation_freq": 2, "epochs": 3},
    ),
    "weighted validation": (
        (X, Y),
        {"validation_data": (X, Y, WEIGHTS), "validation_batch_size": 5},
    ),
    "validation split": ((X, Y), {"validation_split": 0.3, "epochs": 2}),
    "class weights": ((X, Y), {"class_weight": {0: 1.0, 1: 2.0}}),
    "example weights": ((X, Y), {"sample_weight": WEIGHTS}),
    "initial epoch": ((X, Y), {"initial_epoch": 1, "epochs": 3}),
    "unknown length": (
        (data_set(32).filter(lambda x, y: True),),
        {"epochs": 3},
    ),
    "generator": (
        lambda: (((X[k : k + 8], Y[k : k + 8]) for k in range(0, 96, 8)),),
        {"steps_per_epoch": 5, "epochs": 2},
    ),
    "column of labels": ((X, Y[:, None]), {}),
}


def fitted(model, arguments, kwargs):
    if callable(arguments):
        arguments = arguments()
    kwargs = {"shuffle": False} | kwargs
    if len(arguments) < 5:
        kwargs = {"verbose": 0} | kwargs
    return model.fit(*arguments, **kwargs)


@pytest.mark.parametrize("how", [{}, {"steps_per_execution": 1}])
@pytest.mark.parametrize("name", FITS)
def test_fit_takes_the_steps_that_keras_takes_one_by_one(name, how):
    arguments, kwargs = FITS[name]
    model = compiled(decoupled(), jit_compile=False, **how)
    plain = compiled(sequential(), jit_compile=False)
    one, other = (fitted(m, arguments, kwargs) for m in (model, plain))
    assert one.epoch == other.epoch
    assert list(one.history) == list(other.history)
    for key, values in other.history.items():
        np.testing.assert_allclose(one.history[key], values, rtol=1e-4)
    expected = int(plain.optimizer.iterations)
    if name == "unknown length":
        expected = 9  # Keras counts the batch that it did not get, too: 12.
    assert int(model.optimizer.iterations) == expected


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_arguments_stand_in_the_order_of_keras(method):
    ours, theirs = (
        list(inspect.signature(getattr(model, method)).parameters)
        for model in (dni.DecoupledModel, keras.Model)
    )
    assert ours == theirs


@pytest.mark.parametrize("data", [(X, Y), (data_set(),)])
@pytest.mark.parametrize("steps", [None, 3])
def test_evaluate_and_predict_use_what_keras_uses(data, steps):
    results = []
    for model in (compiled(decoupled()), compiled(sequential())):
        size = None if len(data) == 1 else 8
        evaluated = model.evaluate(
            *data, batch_size=size, verbose=0, steps=steps, return_dict=True
        )
        predicted = model.predict(data[0], size, 0, steps)
        results.append((list(evaluated.values()), predicted))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert len(results[0][1]) == (96 if steps is None else 24)


class Heard(keras.callbacks.Callback):
    """Notes what it hears of batches, in one method."""

    def __init__(self, method):
        super().__init__()
        self.events = []
        for event in ("begin", "end"):
            name = f"on_{method}_batch_{event}"
            setattr(self, name, functools.partial(self.note, event))

    def note(self, event, batch, logs=None):
        self.events.append((event, batch))


@pytest.mark.parametrize("method", ["train", "test", "predict"])
@pytest.mark.parametrize("is_long", [True, False])
def test_callbacks_hear_of_executions_by_the_number_of_their_steps(
    method, is_long
):
    heard, data = Heard(method), data_set()
    if not is_long:
        data = data.filter(lambda x, y: True)
    model = compiled(decoupled(), steps_per_execution=8, jit_compile=False)
    call = {
        "train": functools.partial(model.fit, shuffle=False),
        "test": model.evaluate,
        "predict": model.predict,
    }[method]
    call(data, verbose=0, callbacks=[heard])
    expected = [("begin", 0), ("end", 7), ("begin", 8), ("end", 11)]
    if not is_long:  # Keras begins once more before it sees the end of data.
        expected.append(("begin", 16))
    assert heard.events == expected


@pytest.mark.parametrize("stop", ["data end", "an epoch ends"])
def test_evaluating_in_a_callback_disturbs_no_group(stop):
    class Looks(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.predict(X, 48, verbose=0)

        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(X, Y, 48, verbose=0, steps=1)

    kwargs = {} if stop == "data end" else {"steps_per_epoch": 11}
    model = compiled(decoupled(), steps_per_execution=8, jit_compile=False)
    history = model.fit(
        data_set() if stop == "data end" else data_set().repeat(),
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[Looks()],
        validation_data=data_set(),
        validation_steps=9,
        **kwargs,
    )
    assert int(model.optimizer.iterations) == 2 * (12 if not kwargs else 11)
    assert len(history.history["val_loss"]) == 2


def test_labels_out_of_range_stop_training_where_they_are():
    y = Y.copy()
    y[50] = 7  # In the seventh batch.
    model = compiled(decoupled(), steps_per_execution=4, jit_compile=False)
    with pytest.raises(ValueError, match="`y`. Expected integer labels"):
        model.fit(helpers.data_set(X, y), verbose=0, shuffle=False)
    assert int(model.optimizer.iterations) == 6


def test_updates_are_done_when_callbacks_hear_of_them():
    class Updates(keras.callbacks.Callback):
        seen = []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append(int(self.model.optimizer.iterations))

    model = compiled(decoupled(), steps_per_execution=8, jit_compile=False)
    model.fit(X, Y, 8, epochs=2, verbose=0, callbacks=[Updates()])
    assert Updates.seen == [8, 12, 20, 24]


def test_the_progress_bar_ends_at_the_number_of_steps(capsys):
    compiled(decoupled()).fit(
        data_set().repeat(), steps_per_epoch=20, shuffle=False
    )
    assert "20/20" in capsys.readouterr().out.splitlines()[-1]


def test_a_callback_stops_training_within_an_epoch():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    model = compiled(decoupled(), steps_per_execution=5, jit_compile=False)
    model.fit(
        data_set(), epochs=3, verbose=0, callbacks=[Stop()], shuffle=False
    )
    assert int(model.optimizer.iterations) == 5


def test_an_interrupted_fit_leaves_no_step_for_the_next_one():
    def fails(x, y):
        tf.debugging.assert_none_equal(x, X[20:21], "the disk is gone")
        return x, y

    model = compiled(decoupled(), jit_compile=False)
    with pytest.raises(Exception, match="the disk is gone"):
        model.fit(data_set().map(fails), verbose=0, shuffle=False)
    done = int(model.optimizer.iterations)
    model.fit(X, Y, 48, verbose=0)
    assert int(model.optimizer.iterations) == done + 2


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_single_batches_do_what_keras_does(method):
    one, other = (
        getattr(compiled(model), method)(
            X, Y, sample_weight=WEIGHTS, return_dict=True
        )
        for model in (decoupled(), sequential())
    )
    assert list(one) == list(other)
    np.testing.assert_allclose(
        list(one.values()), list(other.values()), rtol=1e-4
    )


def test_class_and_example_weights_together_are_refused():
    with pytest.raises(ValueError, match="`class_weight` and `sample_weight`"):
        compiled(decoupled()).fit(
            X, Y, class_weight={0: 1.0}, sample_weight=WEIGHTS, verbose=0
        )


def test_compiling_keeps_what_was_asked(tmp_path):
    model = compiled(decoupled(), steps_per_execution=4)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.get_compile_config()["steps_per_execution"] == 4
