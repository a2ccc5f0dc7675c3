"""Asynchronous training against what `fit` and arithmetic say."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import dni_lesson as dni
from dni_lesson.schedules.speed import step_time
from dni_lesson.schedules.timetable import timetable

import helpers
import keras
import numpy as np
import pytest
from helpers import double_precision

# Of other executions in float64: eager, graph, XLA, more or fewer threads.
REORDERED = {"rtol": 1e-6, "atol": 1e-9}


__all__ = ["double_precision"]
pytestmark = pytest.mark.usefixtures("double_precision")


def made(rule="cdni", optimizer=None, jit_compile=False, depth=3):
    # XLA takes many times as long to compile as these few steps take. Workers
    # have it by default, so one test of each schedule has it too.
    model = dni.mlp(depth, 8, rule, input_dim=6, num_classes=3)
    optimizer = optimizer or keras.optimizers.Adam(1e-2)
    model.compile(optimizer, helpers.crossentropy(), jit_compile=jit_compile)
    return model


def plain(rule="cdni", regularizer=None, activity=None):
    """Three modules without BatchNorm."""
    model = dni.DecoupledModel(
        [
            keras.layers.Dense(
                size,
                activation,
                kernel_initializer=keras.initializers.Orthogonal(1, seed),
                kernel_regularizer=regularizer,
                activity_regularizer=activity,
            )
            for seed, (size, activation) in enumerate(
                [(8, "tanh"), (8, "tanh"), (3, None)]
            )
        ],
        [
            None if rule == "backprop" else dni.SyntheticGradient(None, 3)
            for _ in range(2)
        ],
    )
    model.build((None, 6))
    return model


def module_weights(model):
    return [np.array(w) for one in model.modules for w in one.get_weights()]


def assert_close(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, **REORDERED)


def synchronous(model, epochs=3, batch_size=8, examples=32):
    x, y = helpers.toy_data(examples)
    return model.fit(
        x, y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0
    )


def asynchronous(
    model, schedule, epochs=3, batch_size=8, examples=32, **kwargs
):
    x, y = helpers.toy_data(examples)
    kwargs = {"shuffle": False} | kwargs
    return dni.fit_async(
        model, x, y, epochs, batch_size, schedule=schedule, **kwargs
    )


@pytest.mark.parametrize("modules", [None, 2, 1])
def test_without_staleness_decoupled_workers_do_what_fit_does(modules):
    one, other = made(), made(jit_compile=modules is None)
    # The last batch of an epoch is smaller than the others.
    expected = synchronous(one, examples=26)
    history = asynchronous(
        other, "decoupled", examples=26, queue_size=1, modules=modules
    )
    assert_close(helpers.weights(one), helpers.weights(other))
    np.testing.assert_allclose(
        history.history["loss"], expected.history["loss"], **REORDERED
    )


def test_several_steps_in_a_call_are_the_same_steps_for_the_top():
    # No gradient crosses a boundary: messages that come late change nothing.
    one, other = made("no_bprop"), made("no_bprop", jit_compile=True)
    expected = synchronous(one)
    history = asynchronous(other, "decoupled", steps_per_execution=2)
    assert_close(helpers.weights(one), helpers.weights(other))
    np.testing.assert_allclose(
        history.history["loss"], expected.history["loss"], **REORDERED
    )


@pytest.mark.parametrize("rule", ["dni", "no_bprop"])
def test_other_rules_do_what_fit_does(rule):
    one, other = made(rule), made(rule)
    synchronous(one)
    asynchronous(other, "decoupled", queue_size=1)
    assert_close(helpers.weights(one), helpers.weights(other))


def test_predictors_with_hidden_layers_do_what_fit_does():
    nets = [dni.mlp(3, 8, "dni", 6, 3, predictor=(5,)) for _ in range(2)]
    for net in nets:
        net.compile("adam", helpers.crossentropy(), jit_compile=False)
    synchronous(nets[0])
    asynchronous(nets[1], "decoupled", queue_size=1)
    assert_close(helpers.weights(nets[0]), helpers.weights(nets[1]))


@pytest.mark.parametrize("schedule", ["locked", "delayed"])
@pytest.mark.parametrize("rule", ["backprop", "cdni"])
def test_locked_workers_do_what_backprop_does(schedule, rule):
    one, other = made("backprop"), made(rule, jit_compile=rule == "backprop")
    synchronous(one)
    asynchronous(other, schedule, queue_size=1)
    assert_close(module_weights(one), module_weights(other))


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
@pytest.mark.parametrize("penalties", [(None, None), ("l2", "l2")])
def test_gpipe_does_what_backprop_does_where_there_is_no_batchnorm(
    reduction, penalties
):
    nets = [plain("backprop", *penalties) for _ in range(2)]
    for net in nets:
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=reduction
        )
        sgd = keras.optimizers.SGD(0.01)
        xla = net is nets[1] and penalties[0] is None
        net.compile(sgd, loss, jit_compile=xla)
    synchronous(nets[0], examples=26)
    asynchronous(nets[1], "gpipe", examples=26, microbatches=2)
    assert_close(module_weights(nets[0]), module_weights(nets[1]))


@pytest.mark.parametrize("schedule", ["locked", "decoupled"])
def test_penalties_on_activations_count_in_every_module(schedule):
    nets = [
        plain("backprop" if schedule == "locked" else "cdni", activity="l2")
        for _ in range(2)
    ]
    for net in nets:
        net.compile("sgd", helpers.crossentropy(), jit_compile=False)
    synchronous(nets[0])
    asynchronous(nets[1], schedule, queue_size=1)
    assert_close(helpers.weights(nets[0]), helpers.weights(nets[1]))


def squared(y, prediction):
    return (y - prediction) ** 2


@pytest.mark.parametrize("loss", ["binary_crossentropy", "hinge", squared])
def test_losses_by_name_or_function_are_those_of_fit(loss):
    x, labels = helpers.toy_data(16)
    y = (labels > 0).astype("float64")
    nets, told = [], []
    for train in (dni.DecoupledModel.fit, dni.fit_async):
        modules = [
            keras.layers.Dense(
                units, "sigmoid", kernel_initializer=keras.initializers.Ones()
            )
            for units in (4, 1)
        ]
        net = dni.DecoupledModel(modules, [None])
        net.build((None, 6))
        net.compile("sgd", loss, jit_compile=False)
        how = {"epochs": 2, "batch_size": 8, "shuffle": False}
        how |= {"schedule": "locked"} if nets else {"verbose": 0}
        told.append(train(net, x, y, **how).history["loss"])
        nets.append(net)
    assert_close(*map(module_weights, nets))
    np.testing.assert_allclose(*told, **REORDERED)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(0.01, 12), weight_decay=0.1
        ),
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True),
    ],
)
def test_any_keras_optimizer_does_what_it_does_in_fit(optimizer):
    one = made(optimizer=optimizer())
    other = made(optimizer=optimizer())
    synchronous(one)
    asynchronous(other, "decoupled", queue_size=1)
    assert_close(helpers.weights(one), helpers.weights(other))


def test_taken_in_turn_gradients_are_equally_stale_and_runs_repeat():
    # Exactly: XLA makes the same program of the same graph, while TensorFlow's
    # own kernels share out their sums among threads as these happen to be free.
    nets = [made(jit_compile=True) for _ in range(2)]
    histories = [
        asynchronous(net, "decoupled", queue_size=3, in_turn=True)
        for net in nets
    ]
    helpers.assert_same_weights(*nets)
    # At the end there are no more updates to be late for.
    frame = histories[0].to_frame()[:-1]
    np.testing.assert_allclose(frame["staleness"] * 12, 2 * 10 + 1 + 0)
    assert (frame["max_staleness"] == 2).all()


def with_sgd(model, jit_compile=False):
    sgd = keras.optimizers.SGD(0.1)
    model.compile(sgd, helpers.crossentropy(), jit_compile=jit_compile)
    return model


def test_late_true_gradients_are_those_of_the_weights_they_were_made_with():
    net = with_sgd(plain("backprop"))
    x, y = helpers.toy_data(examples=16)
    start = module_weights(net)
    kwargs = {"batch_size": 8, "shuffle": False, "in_turn": True}
    dni.fit_async(net, x, y, 1, schedule="delayed", queue_size=2, **kwargs)
    # Module 1 ran both batches forward before its first update, while the
    # last module had always the true gradient at once: undo module 1 alone.
    moved = module_weights(net)[0] - start[0]
    twin = with_sgd(plain("backprop"))
    expected = 0
    for k in range(2):
        # The gradient of batch k with module 1 as at the start.
        before = twin.modules[0].get_weights()
        rows = slice(8 * k, 8 * k + 8)
        twin.fit(x[rows], y[rows], batch_size=8, shuffle=False, verbose=0)
        expected = expected + twin.modules[0].get_weights()[0] - before[0]
        twin.modules[0].set_weights(before)
        if k == 0:  # Module 2 ran forward twice before its first update too.
            second = twin.modules[1].get_weights()
            twin.modules[1].set_weights(start[2:4])
            assert not np.allclose(second[0], start[2])
    np.testing.assert_allclose(moved, expected, **REORDERED)


def test_queue_size_bounds_the_staleness_and_all_work_is_done():
    history = asynchronous(made(), "decoupled", epochs=10, queue_size=3)
    frame = history.to_frame()
    assert frame["steps"].tolist() == frame["updates"].tolist() == [40] * 3
    assert frame["predictor_updates"].tolist() == [40, 40, 0]
    assert frame["max_staleness"].max() <= 2
    assert (frame["busy"] > 0).all()


def test_several_steps_in_a_call_are_all_counted():
    history = asynchronous(
        made(), "decoupled", epochs=10, queue_size=4, steps_per_execution=2
    )
    frame = history.to_frame()
    assert frame["steps"].tolist() == frame["updates"].tolist() == [40] * 3
    assert frame["predictor_updates"].tolist() == [40, 40, 0]
    assert frame["max_staleness"].between(0, 4).all()
    assert history.steps_per_second > 0


@pytest.mark.parametrize("schedule", ["decoupled", "locked", "gpipe"])
def test_real_events_are_those_of_the_timetable(schedule):
    history = asynchronous(made(), schedule, microbatches=2)
    parts = 2 if schedule == "gpipe" else 1
    predicted = timetable(
        schedule,
        [1] * 3,
        [1] * 3,
        [1, 1, 0],
        minibatches=12,
        microbatches=parts,
    )
    top = ("forward", 3)  # One call with the backward pass.
    assert {key(event) for event in history.events} == {
        key(event) for event in predicted if (event.phase, event.module) != top
    }
    for worker in range(1, 4):
        mine = [one for one in history.events if one.worker == worker]
        for one, after in zip(mine, mine[1:], strict=False):
            assert one.start <= one.end <= after.start
    assert history.steps_per_second == 1 / step_time(history.events)


def key(event):
    return event.phase, event.module, event.minibatch, event.microbatch


@pytest.mark.parametrize("schedule", ["decoupled", "locked", "delayed"])
@pytest.mark.parametrize(
    # 8 examples of 8 units in float64, labels not counted.
    "link",
    [{"link_delay": 0.01}, {"bandwidth": 8 * 8 * 8 / 0.01}],
)
def test_no_message_arrives_before_its_link_lets_it(schedule, link):
    history = asynchronous(made(), schedule, **link, epochs=1)
    times = {key(event): event for event in history.events}
    for minibatch in range(1, 5):
        sent = times["forward", 1, minibatch, 1].end
        assert times["forward", 2, minibatch, 1].start - sent >= 0.01
        answer = "predictor" if schedule == "decoupled" else "backward"
        sent = times["backward", 3, minibatch, 1].end
        assert times[answer, 2, minibatch, 1].start - sent >= 0.01


def test_callbacks_hear_of_epochs_and_can_stop_the_training():
    class Recorder(keras.callbacks.Callback):
        told = []

        def on_epoch_begin(self, epoch, logs=None):
            self.told.append(("begin", epoch))

        def on_epoch_end(self, epoch, logs=None):
            self.told.append(("end", epoch, logs["loss"]))
            self.model.stop_training = epoch == 1

        def on_train_end(self, logs=None):
            self.told.append("over")

    recorder, model = Recorder(), made()
    history = asynchronous(model, "locked", epochs=9, callbacks=[recorder])
    loss = history.history["loss"]
    assert recorder.told == [
        ("begin", 0),
        ("end", 0, loss[0]),
        ("begin", 1),
        ("end", 1, loss[1]),
        "over",
    ]
    assert len(loss) == 2


@pytest.mark.parametrize("devices", [None, ["cpu:0"] * 3])
def test_callbacks_set_the_learning_rate(devices):
    # Copies of the modules are trained, where devices are named.
    train = functools.partial(asynchronous, schedule="decoupled")
    helpers.assert_learning_stops(made(), train, devices=devices)


PLACED = """
import json, dni_lesson as dni, helpers
zero, one = dni.worker_devices(2)
import keras, test_workers_fit as tests
keras.config.set_dtype_policy("float64")
keras.config.set_floatx("float64")
placed, found = tests.made(jit_compile=True, depth=2), []
from dni_lesson.workers.worker import Worker
run = Worker.run
def spy(worker):
    run(worker)
    found.append(sorted({v.value.device for v in worker._stage.variables}))
Worker.run = spy
tests.asynchronous(placed, "decoupled", queue_size=1, devices=[zero, one])
plain = tests.made(depth=2)
tests.synchronous(plain)
tests.assert_close(helpers.weights(plain), helpers.weights(placed))
print(json.dumps(sorted(found)))
"""


def test_each_module_can_have_a_device_of_its_own():
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", PLACED],
        cwd=pathlib.Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    devices = json.loads(told.stdout.splitlines()[-1])
    assert [one[0][-5:] for one in devices] == ["CPU:0", "CPU:1"]


def test_training_learns_the_digits_in_single_precision():
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")
    (x, y), test = dni.load_digits()
    model = dni.mlp(depth=3, units=64, rule="cdni")
    model.compile("adam", helpers.crossentropy(), metrics=["accuracy"])
    dni.fit_async(model, x, y, epochs=5, batch_size=50, modules=2)
    assert model.evaluate(*test, verbose=0)[1] > 0.88
