import dni_lesson as dni
from dni_lesson.stepping import (
    convolves_on_cpu,
    is_stackable,
    several_steps,
)

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import double_precision

__all__ = ["double_precision"]


def counting(count):
    """Steps that count how often they saw each number of a batch."""
    seen, traces = tf.Variable(tf.zeros((100,))), []

    def step(batch):
        traces.append(batch.shape)
        seen.scatter_nd_add(tf.cast(batch, tf.int32)[:, None], batch)
        return {"sum": tf.reduce_sum(batch)}

    return several_steps(step, count), seen, traces


def numbers(examples, batch_size=4):
    return tf.data.Dataset.range(examples, output_type=tf.dtypes.float32).batch(
        batch_size
    )


@pytest.mark.parametrize("examples", [1, 3, 4, 7, 11, 12])
def test_every_batch_of_a_group_is_trained_on_once(examples):
    take, seen, _ = counting(3)
    group = list(numbers(examples))
    logs = take(group)
    expected = np.arange(100) * (np.arange(100) < examples)
    np.testing.assert_array_equal(seen, expected)
    assert float(logs["sum"]) == float(tf.reduce_sum(group[-1]))


def test_batches_of_one_size_are_compiled_once():
    take, _, traces = counting(3)
    take(list(numbers(12)))
    assert set(traces) == {(4,)}
    compilations = len(traces)
    take(list(numbers(12)))
    take(list(numbers(8)))
    assert len(traces) == compilations


def test_an_error_in_the_step_is_told_as_it_is():
    def step(batch):
        raise RuntimeError("no step today")

    take = several_steps(step, 1)
    with pytest.raises(RuntimeError, match="no step today"):
        take([tf.zeros(2)])


def test_what_cannot_be_stacked_goes_one_by_one():
    ragged = tf.ragged.constant([[1.0], [2.0, 3.0]])
    assert not is_stackable(iter(tf.data.Dataset.from_tensor_slices(ragged)))
    assert not is_stackable(iter([1]))
    assert is_stackable(iter(numbers(4)))


def weights_after_fit(rule, steps_per_execution, jit_compile):
    x, y = helpers.toy_data(100)
    model = dni.mlp(3, 8, rule, input_dim=6, num_classes=3)
    model.compile(
        "adam",
        helpers.crossentropy(),
        steps_per_execution=steps_per_execution,
        jit_compile=jit_compile,
        metrics=["accuracy"],
    )
    history = model.fit(x, y, 8, epochs=2, shuffle=False, verbose=0).history
    return helpers.weights(model), history


@pytest.mark.parametrize(
    ("rule", "jit_compile"), [("backprop", False), ("cdni", True)]
)
def test_several_steps_in_a_call_are_the_same_steps(
    double_precision, rule, jit_compile
):
    (alone, one), (together, other) = (
        weights_after_fit(rule, count, jit_compile) for count in (1, 5)
    )
    # Another program of the same steps may add up in another order.
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-6)
    np.testing.assert_allclose(one["accuracy"], other["accuracy"])


def test_a_generator_without_weights_can_be_trained_on():
    x, y = helpers.toy_data(8)
    model = dni.mlp(2, 8, "cdni", input_dim=6, num_classes=3)
    model.compile("adam", helpers.crossentropy(), jit_compile=False)
    before = helpers.weights(model)
    model.fit(
        ((x, y, None) for _ in range(3)),
        steps_per_epoch=3,
        shuffle=False,
        verbose=0,
    )
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(before, helpers.weights(model), strict=True)
    )


def claim_gpus(monkeypatch, gpus):
    really = tf.config.list_physical_devices
    monkeypatch.setattr(
        tf.config,
        "list_physical_devices",
        lambda kind=None: gpus if kind == "GPU" else really(kind),
    )


@pytest.mark.parametrize("gpus", [[], ["a GPU"]])
def test_xla_compiles_convolutions_by_default_where_it_makes_them_fast(
    monkeypatch, gpus
):
    claim_gpus(monkeypatch, gpus)
    convolutional = dni.cnn(1, 2, "backprop", (4, 4, 1), 3)
    for model, expected in ((dni.mlp(2, 4), True), (convolutional, bool(gpus))):
        model.compile("sgd", helpers.crossentropy())
        assert model.jit_compile == expected
        model.compile("sgd", helpers.crossentropy(), jit_compile=True)
        assert model.jit_compile


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (keras.layers.Dense(3), False),
        (keras.layers.DepthwiseConv2D(3), True),
        (
            keras.Sequential([keras.Sequential([keras.layers.Conv1D(3, 2)])]),
            True,
        ),
        (dni.SyntheticGradient(keras.layers.Conv2D(3, 2)), True),
        (dni.SyntheticGradient(), False),
        (None, False),
    ],
)
def test_convolutions_are_found_wherever_they_are(monkeypatch, layer, expected):
    claim_gpus(monkeypatch, [])
    assert convolves_on_cpu([keras.layers.ReLU(), layer]) == expected
