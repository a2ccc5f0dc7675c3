"""Every example once an epoch, in an order that follows the seed."""

from dni_lesson.workers.batches import Batches
from dni_lesson.workers.schedule import make_schedule

import numpy as np
import pytest


def rows(batches, jobs):
    return [np.array(batches(job)[1]).tolist() for job in jobs]


def make(examples=10, microbatches=1, seed=None, together=1):
    """Returns batches of 4, shuffled if there is a seed."""
    x = np.arange(2.0 * examples).reshape(-1, 2)
    schedule = make_schedule("gpipe", 8, microbatches)
    if together > 1:
        schedule = make_schedule("decoupled", steps_per_execution=together)
    order = {"seed": seed or 0, "shuffle": seed is not None}
    return Batches(x, np.arange(examples), 4, schedule, **order)


def test_batches_come_in_order_and_the_last_may_be_smaller():
    batches = make()
    assert batches.per_epoch == 3
    whole = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert rows(batches, range(6)) == whole + whole
    assert batches.shares.tolist() == [0.4, 0.4, 0.2]
    assert [len(x) for x, _ in batches.examples()] == [4, 2]


def test_microbatches_are_the_parts_of_a_batch():
    batches = make(microbatches=2)
    assert rows(batches, range(6)) == [[0, 1], [2, 3], [4, 5], [6, 7], [8], [9]]


def test_several_batches_go_together_until_an_epoch_ends():
    batches = make(examples=18, together=3)
    first, second, third = (
        [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]],
        [[12, 13, 14, 15]],
        [[16, 17]],
    )
    jobs = [0, 3, 4, 5, 8, 9]
    assert rows(batches, jobs) == [first, second, third] * 2
    shapes = [h.shape.as_list() for h, _ in batches.examples()]
    assert shapes == [[3, 4, 2], [1, 4, 2], [1, 2, 2]]


def test_inputs_go_with_their_labels_in_keras_floats():
    x, y = make(seed=3)(0)
    assert x.dtype == "float32"
    np.testing.assert_array_equal(x[:, 0], 2 * y)


def test_each_epoch_has_an_order_of_its_own_that_follows_the_seed():
    jobs = range(6)
    one, again, other = (rows(make(seed=k), jobs) for k in (0, 0, 1))
    assert one == again != other
    assert (
        sorted(sum(one[:3], [])) == sorted(sum(one[3:], [])) == list(range(10))
    )
    assert one[:3] != one[3:]


def test_microbatches_must_divide_every_batch():
    with pytest.raises(ValueError, match=r"`microbatches`.*\[4, 2\].*=4"):
        make(microbatches=4)
