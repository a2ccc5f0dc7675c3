"""Right answers to lesson 03 are accepted, wrong ones get a telling hint."""

from dni_lesson.exercises import EXERCISES
from dni_lesson.exercises.exercise import report

import helpers
import pytest
from keras import ops


def make_splice(gradients):
    """Returns the answer whose backward pass is `gradients`."""

    def answer(share):
        @ops.custom_gradient
        def splice(h, g_hat):
            def grad(upstream):
                return gradients(share, upstream, g_hat)

            return ops.copy(h), grad

        return splice

    return answer


def mixed(share, upstream, g_hat):
    return share * upstream + (1 - share) * g_hat, g_hat - upstream


def predictor_input(h, labels, num_classes):
    one_hot = ops.one_hot(labels, num_classes)
    return ops.concatenate([ops.stop_gradient(h), one_hot], axis=-1)


RIGHT = {
    "03-1": "B",
    "03-2": make_splice(mixed),
    "03-3": 1 / 4,
    "03-4": predictor_input,
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answer_is_accepted(name):
    helpers.assert_accepted(name, RIGHT[name])


def swapped(share, upstream, g_hat):
    return mixed(share, upstream, g_hat)[::-1]


def shares_swapped(share, upstream, g_hat):
    return mixed(1 - share, upstream, g_hat)


def wrong_sign(share, upstream, g_hat):
    return mixed(share, upstream, g_hat)[0], upstream - g_hat


def without_stop(h, labels, num_classes):
    return ops.concatenate([h, ops.one_hot(labels, num_classes)], axis=-1)


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("03-2", make_splice(swapped), "h receives: expected [[0.2, 0.6]]"),
        ("03-2", make_splice(shares_swapped), "received [[0.8, 0.4]]"),
        ("03-2", make_splice(wrong_sign), "g_hat receives: expected [[-0.6"),
        ("03-2", lambda s: lambda h, g_hat: 2 * h, "the output: expected"),
        ("03-4", without_stop, "a gradient flows from the predictor into h"),
        (
            "03-4",
            lambda h, labels, n: ops.one_hot(labels, n),
            "expected the shape (3, 6), received (3, 4)",
        ),
        ("03-1", "a", "'a' is not it"),
        ("03-3", 4, "4 is too large"),
        ("03-3", "a quarter", "Expected a number"),
    ],
)
def test_wrong_answer_is_told_what_is_wrong(name, answer, message):
    helpers.assert_refused(name, answer, message)


def test_a_stub_is_not_solved_yet():
    def stub(share, upstream, g_hat):
        raise NotImplementedError("compute the two gradients")

    told = report(EXERCISES["03-2"], make_splice(stub))
    assert told.startswith("Exercise 03-2: not solved yet. compute the two")


def test_lesson_has_four_exercises():
    assert [n for n in EXERCISES if n.startswith("03")] == list(RIGHT)
