"""Right answers to lesson 06 are accepted, wrong ones get a telling hint."""

from dni_lesson.cuts import join
from dni_lesson.exercises import EXERCISES
from dni_lesson.speed import max_speedup, step_time
from dni_lesson.timetable import timetable

import helpers
import pytest


def fastest_cut(forward, backward, predictor, schedule="decoupled"):
    def step(cut):
        workers = join(cut, forward, backward, predictor)
        return step_time(timetable(schedule, *workers, minibatches=40))

    layers = len(forward)
    return min(([k, layers - k] for k in range(1, layers)), key=step)


def break_even(forward, backward):
    pairs = zip(forward[:-1], backward[:-1], strict=True)
    return sum(forward) + sum(backward) - max(map(sum, pairs))


RIGHT = {
    "06-1": 11,
    "06-2": fastest_cut,
    "06-3": "B",
    "06-4": break_even,
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answer_is_accepted(name):
    helpers.assert_accepted(name, RIGHT[name])


def without_predictors(forward, backward, predictor):
    return fastest_cut(forward, backward, [0] * len(forward))


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("06-1", 5, "5 is too small"),
        ("06-1", 40, "40 is too large"),
        ("06-2", lambda f, b, s: [1, 3], "equal modules, free predictors"),
        ("06-2", lambda f, b, s: [2, 2], "a heavy first module"),
        ("06-2", without_predictors, "predictors of 5"),
        ("06-2", lambda f, b, s: 2, "received 2"),
        ("06-3", "c", "'c' is not it"),
        ("06-4", lambda f, b: 3, "four equal workers"),
        (
            "06-4",
            lambda f, b: sum(f + b) - max(map(sum, zip(f, b, strict=True))),
            "the dearest worker is the last",
        ),
    ],
)
def test_wrong_answer_is_told_what_is_wrong(name, answer, message):
    helpers.assert_refused(name, answer, message)


@pytest.mark.parametrize("modules", [([1, 2, 3], [3, 1, 2]), ([1, 3], [2, 6])])
def test_at_break_even_decoupled_workers_are_as_fast_as_one(modules):
    predictor = [break_even(*modules)] * (len(modules[0]) - 1) + [0]
    assert max_speedup(*modules, predictor) == pytest.approx(1)


def test_the_queue_of_the_first_exercise_is_the_shortest_that_hides_the_link():
    def step(queue_size):
        return step_time(
            timetable(
                "decoupled",
                [1, 1],
                [2, 3],
                [1, 0],
                link_delay=20,
                minibatches=200,
                queue_size=queue_size,
            )
        )

    assert step(10) > step(11) == pytest.approx(4)


def test_lesson_has_four_exercises():
    assert [n for n in EXERCISES if n.startswith("06")] == list(RIGHT)
