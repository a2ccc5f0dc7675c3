"""Compiled calls, and two of them that give the gradients of one."""

import gc

from dni_lesson.workers.compiling import CompiledCall, split_pass

import keras
import numpy as np
import pytest
import tensorflow as tf

# XLA and TensorFlow's own kernels sum in different orders.
REORDERED = {"rtol": 1e-4, "atol": 1e-5}


X, Y = tf.constant([[1.0, 2.0]]), tf.constant([3.0])


def compiled(jit_compile, function, *examples):
    call = CompiledCall(jit_compile)
    call.add(function, *examples)
    return call


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_call_takes_and_gives_what_the_function_does(jit_compile):
    def function(parts, y):
        return [parts[0] * y, None], parts[1] + y

    call = compiled(jit_compile, function, [X, Y], Y)
    (product, nothing), total = call([2 * X, Y], 2 * Y)
    np.testing.assert_array_equal(product, [[12.0, 24.0]])
    assert nothing is None
    np.testing.assert_array_equal(total, [9.0])


def test_a_call_changes_the_variables_of_the_function():
    count = tf.Variable([0.0])
    call = compiled(True, count.assign_add, Y)
    count.assign([0.0])
    call(Y)
    np.testing.assert_array_equal(call(2 * Y), [9.0])
    np.testing.assert_array_equal(count, [9.0])


def test_a_call_lives_on_when_its_graph_is_gone():
    def make():
        five = tf.Variable([5.0])
        return five, compiled(True, lambda y: five + y, Y)

    five, call = make()
    gc.collect()
    np.testing.assert_array_equal(call(Y), [8.0])
    five.assign([6.0])
    np.testing.assert_array_equal(call(Y), [9.0])


@pytest.mark.parametrize("jit_compile", [False, True])
def test_entries_come_one_by_one_and_see_what_was_done_before(jit_compile):
    total = tf.Variable(0.0)

    def function(x, y):
        return [total.assign_add(x) * y, None], x

    examples = [tf.constant([1.0, 2.0, 3.0]), tf.constant([1.0, 1.0, 2.0])]
    call = CompiledCall(jit_compile, one_by_one=True)
    call.add(function, *examples)
    total.assign(0.0)
    (sums, nothing), x = call(*examples)
    np.testing.assert_array_equal(sums, [1.0, 3.0, 12.0])
    assert nothing is None
    np.testing.assert_array_equal(x, examples[0])


def test_each_shape_has_a_function_of_its_own():
    call = CompiledCall(False)
    for size in (2, 3):
        call.add(lambda x: x * size, tf.ones(size))
    np.testing.assert_array_equal(call(tf.ones(2)), [2, 2])
    np.testing.assert_array_equal(call(tf.ones(3)), [3, 3, 3])


def dense():
    return [keras.layers.Dense(5, "tanh"), keras.layers.Dense(4)]


def normalized():
    return [
        keras.layers.Dense(5),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
    ]


def dropped():
    return [keras.layers.Dense(9), keras.layers.Dropout(0.5, seed=0)]


def convolved():
    return [
        keras.layers.Reshape((4, 4, 1)),
        keras.layers.Conv2D(3, 3, activation="gelu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.LayerNormalization(),
    ]


def network(layers):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((16,)), *layers()])


def whole(net, x, g, jit_compile):
    """The gradients by one ordinary tape."""

    @tf.function(jit_compile=jit_compile)
    def compute(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = net(x, training=True)
        values = [one.value for one in net.trainable_variables]
        return tape.gradient(out, [x, *values], output_gradients=g(out))

    return compute.get_concrete_function(x)(x)


def in_two(net, x, g, jit_compile, between=lambda: None, keep_weights=False):
    forward, backward = split_pass(
        lambda x: [net(x, training=True)],
        [x],
        net.trainable_variables,
        net.non_trainable_variables,
        keep_weights,
    )
    (out,), residuals = run(forward, jit_compile, x)
    between()
    below, gradients = run(backward, jit_compile, residuals, g(out))
    return [below, *gradients]


def run(function, jit_compile, *arguments):
    compiled = tf.function(function, jit_compile=jit_compile)
    return compiled.get_concrete_function(*arguments)(*arguments)


def inputs():
    return tf.constant(np.random.default_rng(0).normal(size=(6, 16)), "float32")


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("layers", [dense, normalized, dropped, convolved])
def test_gradients_and_states_are_those_of_one_pass(layers, jit_compile):
    one, other = network(layers), network(layers)
    expected = whole(one, inputs(), tf.sin, jit_compile)
    received = in_two(other, inputs(), tf.sin, jit_compile)
    for a, b in zip(expected, received, strict=True):
        np.testing.assert_allclose(a, b, **REORDERED)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **REORDERED)


@pytest.mark.parametrize("keep_weights", [False, True])
def test_kept_weights_are_those_of_the_forward_pass(keep_weights):
    net = network(lambda: [keras.layers.Dense(4, use_bias=False)])
    kernel = np.array(net.trainable_variables[0])

    def double():
        net.trainable_variables[0].assign(2 * kernel)

    below, _ = in_two(net, inputs(), tf.ones_like, True, double, keep_weights)
    expected = np.ones((6, 4)) @ kernel.T
    np.testing.assert_allclose(
        below, expected * (1 if keep_weights else 2), **REORDERED
    )


def test_the_backward_pass_repeats_no_product_of_the_forward_pass():
    net, x = network(dense), inputs()
    forward, backward = split_pass(
        lambda x: [net(x, training=True)], [x], net.trainable_variables, []
    )
    (out,), residuals = run(forward, True, x)
    # Two layers: two products forward, and two for each backward.
    assert products(forward, x) == 2
    assert products(backward, residuals, out) == 4


def test_the_gradient_of_the_input_costs_nothing_where_nobody_wants_it():
    net, x = network(dense), inputs()
    forward, backward = split_pass(
        lambda x: [net(x, training=True)],
        [x],
        net.trainable_variables,
        [],
        input_gradient=False,
    )
    (out,), residuals = run(forward, True, x)
    assert run(backward, True, residuals, out)[0] is None
    assert products(backward, residuals, out) == 3


def products(function, *arguments):
    """Counts the matrix products that XLA is left with."""
    function = tf.function(function, jit_compile=True)
    # Dead ends of the graph, which cost nothing, are gone in this form.
    told = function.experimental_get_compiler_ir(*arguments)("optimized_hlo")
    return told.count(" dot(")
