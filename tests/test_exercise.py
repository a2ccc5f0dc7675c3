"""Judges: what they take for an answer, and what they say to a wrong one."""

import re
from decimal import Decimal
from fractions import Fraction

from dni_lesson.exercises import EXERCISES
from dni_lesson.exercises.exercise import (
    Misread,
    Wrong,
    as_number,
    cases,
    choice,
    is_close,
    number,
    shown,
)

import lessons
import numpy as np
import pytest
import tensorflow as tf

add = cases("add", [(([1, 2], 3), 6, "a list and a number"), (([], 1), 1, "")])


@pytest.mark.parametrize(
    ("judge", "answer", "message"),
    [
        (number(2.0, 0.1), 1, "1 is too small"),
        (number(2.0, 0.1), "3", "3 is too large"),
        (choice("a", "abc"), "b)", "'b' is not it"),
        (add, lambda a, b: 6, r"add\(\[\], 1\): expected 1, received 6"),
        (add, lambda a, b: 7, r"add.* 6 \(a list and a number\), received 7"),
        (add, lambda a, b: None, r"received None \(is there a `return`\?\)"),
    ],
)
def test_judges_say_how_an_answer_is_wrong(judge, answer, message):
    with pytest.raises(Wrong, match=message) as caught:
        judge(answer)
    assert caught.type is Wrong


@pytest.mark.parametrize(
    ("judge", "answer", "message"),
    [
        (number(2.0, 0.1), "two", "Expected a number. Received: 'two'"),
        (number(1.0, 0.1), True, "Expected a number. Received: True"),
        (choice("a", "abc"), 7, "Expected one letter, a, b or c. Received: 7"),
        (choice("a", "abc"), "d", "Expected one letter"),
        (add, 6, "Expected the function `add` itself, without brackets"),
        (add, lambda a: a, "add is called with 2 arguments: too many"),
        (add, lambda a, b, c: a, "missing a required argument: 'c'"),
    ],
)
def test_what_cannot_be_an_answer_is_told_apart(judge, answer, message):
    with pytest.raises(Misread, match=message):
        judge(answer)


def test_an_answer_may_change_its_arguments():
    def in_place(numbers, more):
        numbers.append(more)
        return sum(numbers)

    for _ in range(2):
        add(in_place)


@pytest.mark.parametrize(
    "value",
    [3, 3.0, np.float32(3), np.array([3]), tf.constant(3), Fraction(3), [3]]
    + [Decimal(3), np.array([[3]])],
)
def test_one_number_is_one_number_in_every_form(value):
    assert as_number(value) == 3
    assert is_close(value, 3)


@pytest.mark.parametrize(
    "value", [None, True, np.True_, "3", b"3", [3, 3], [], {3}, 3j, print]
)
def test_what_is_no_number_is_none(value):
    assert as_number(value) is None
    assert not is_close(value, 3)
    assert not is_close(value, [3, 4])


def test_arrays_are_compared_by_shape_and_value():
    for form in (list, tuple, np.array, tf.constant):
        assert is_close(form([3, 4]), [3, 4])
        assert not is_close(form([4, 3]), [3, 4])
        assert not is_close(form([3]), [3, 3])


def test_what_came_is_shown_in_one_short_line():
    assert shown(np.float64(1 / 3)) == "0.333333"
    assert shown(np.array([1, 2])) == "[1, 2]"
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown(np.zeros((50, 50)))) == 80


def test_every_exercise_has_two_graded_hints_or_more():
    for exercise in EXERCISES.values():
        assert len(exercise.hints) >= 2 and exercise.because


def fillings(path):
    """Yields names of exercises, and what the solution puts into each gap."""
    solved = lessons.exercises(
        lessons.read(path.parent / "solutions" / path.name)
    )
    for name, stub in lessons.exercises(lessons.read(path)).items():
        for line in solved[name].splitlines():
            if line not in stub.splitlines():
                yield (
                    name,
                    re.sub(r"^ *(return|[\w, ]+ =) ", "", line).strip(" ,"),
                )


def test_no_hint_gives_the_answer_away():
    tried = 0
    for path in lessons.find():
        if path.parent.name == "notebooks":
            for name, filling in fillings(path):
                if len(filling) < 6:  # A bracket, a name.
                    continue
                tried += 1
                for hint in EXERCISES[name].hints:
                    assert filling not in hint, name
    assert tried >= len(lessons.find()) // 2
