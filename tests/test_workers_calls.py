"""Compiled calls that hand their tensors straight on."""

import gc

from dni_lesson.workers.calls import compiled, one_by_one

import numpy as np
import pytest
import tensorflow as tf

X, Y = tf.constant([[1.0, 2.0]]), tf.constant([3.0])


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_call_takes_and_gives_what_the_function_does(jit_compile):
    def function(parts, y):
        return [parts[0] * y, None], parts[1] + y

    call = compiled(function, [[X, Y], Y], jit_compile)
    (product, nothing), total = call([2 * X, Y], 2 * Y)
    np.testing.assert_array_equal(product, [[12.0, 24.0]])
    assert nothing is None
    np.testing.assert_array_equal(total, [9.0])


def test_a_call_changes_the_variables_of_the_function():
    count = tf.Variable([0.0])
    call = compiled(lambda y: count.assign_add(y), [Y], True)
    call(Y)
    np.testing.assert_array_equal(call(2 * Y), [9.0])
    np.testing.assert_array_equal(count, [9.0])


def test_a_call_lives_on_when_its_graph_is_gone():
    def make():
        five = tf.Variable([5.0])
        return five, compiled(lambda y: five + y, [Y], True)

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
    call = compiled(one_by_one(function, examples), examples, jit_compile)
    (sums, nothing), x = call(*examples)
    np.testing.assert_array_equal(sums, [1.0, 3.0, 12.0])
    assert nothing is None
    np.testing.assert_array_equal(x, examples[0])
