"""Judges: what they take for an answer, and what is said to right and wrong."""

import collections
import re
import sys
from decimal import Decimal
from fractions import Fraction

import dni_lesson as dni
import dni_lesson.exercises.exercise as module
from dni_lesson.exercises import EXERCISES
from dni_lesson.exercises.exercise import (
    Exercise,
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
from judging import report

b_of_three = choice("b", {"a": "Too early.", "c": "Too late."})
a_b_or_c = choice("a", {"b": "b is below.", "c": "c is far."})
add = cases("add", [(([1, 2], 3), 6, "a list and a number"), (([], 1), 1, "")])


@pytest.mark.parametrize(
    ("judge", "answer", "message"),
    [
        (number(2.0, 0.1), 1, "1 is too small"),
        (number(2.0, 0.1), "3", "3 is too large"),
        (number(2.0, 0.1, {3: "You counted one."}), 3, "large. You counted"),
        (number(2.0, 0.1, {0.002: "A.", 0: "B."}), 0, r"0 is too small. B\.$"),
        (number(2.0, 0.1, {3: "You counted one."}), 4, r"4 is too large\.$"),
        (a_b_or_c, "b)", "You said b. b is below."),
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
        (a_b_or_c, 7, "Expected one letter, a, b or c. Received: 7"),
        (a_b_or_c, "d", "Expected one letter"),
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


@pytest.fixture(autouse=True)
def no_attempts_yet(monkeypatch):
    monkeypatch.setattr(module, "_attempts", collections.Counter())
    monkeypatch.setattr(module, "_first", {})


def exercise(judge, name="99-1"):
    return Exercise(name, judge, ("first", "second", "third"), "So it is.")


def call(answer):
    answer()


def test_a_right_answer_is_told_why():
    received = report(exercise(number(2.0, 0.1)), 2.05)
    assert received == "Exercise 99-1: right. So it is."


def test_hints_grow_with_wrong_answers_and_start_again_after_a_right_one():
    one = exercise(b_of_three, name="99-2")
    hints = [report(one, "a").split()[-1] for _ in range(4)]
    assert hints == ["first", "second", "third", "third"]
    report(one, "B")
    assert report(one, "a").endswith("first")


@pytest.mark.parametrize("answer", [7, "a or b", lambda: "b"])
def test_what_cannot_be_an_answer_uses_up_no_hint(answer):
    one = exercise(b_of_three, name="99-3")
    for _ in range(2):
        assert "Hint 1 of 3" in report(one, answer)
    assert report(one, "a").endswith("first")
    assert report(one, "a").endswith("second")


@pytest.mark.parametrize("answer", [None, ...])
@pytest.mark.parametrize(
    ("judge", "asks"),
    [
        (b_of_three, "Answer with one letter, a, b or c. "),
        (number(2.0, 0.1), "Answer with a number. "),
        (add, "Hand over the function `add`. "),
        (call, ""),
    ],
)
def test_before_the_first_try_there_is_the_question_and_no_hint(
    judge, asks, answer
):
    received = report(exercise(judge), answer)
    assert received == (
        f"Exercise 99-1: no answer yet. {asks}Hints come after your first try."
    )
    assert report(exercise(b_of_three), "a").endswith("Hint 1 of 3: first")


def test_an_open_stub_says_what_to_do_and_gives_no_hint():
    def stub():
        raise NotImplementedError("Return the sum")

    received = report(exercise(call), stub)
    assert received == (
        "Exercise 99-1: not solved yet. Return the sum, and take out the line "
        "that raises. Hints come after your first try."
    )


def test_a_first_guess_is_remembered_when_the_answer_is_right():
    one = exercise(b_of_three, name="99-4")
    for answer in ("C)", "a", "b or c"):
        report(one, answer)
    assert report(one, "b") == (
        "Exercise 99-4: right. You said c first. So it is."
    )
    assert report(one, "b") == "Exercise 99-4: right. So it is."


@pytest.mark.parametrize("wrong", ["abc", {"a": "It is.", "b": "Not."}])
def test_a_choice_needs_a_sentence_for_each_wrong_letter(wrong):
    with pytest.raises(ValueError, match="`wrong`. Expected a dict"):
        choice("b", wrong)


PREDICTIONS = [
    name
    for name, one in EXERCISES.items()
    if getattr(one.judge, "asks", "").startswith("Answer with one letter")
]


@pytest.mark.parametrize("name", PREDICTIONS)
def test_each_wrong_letter_has_a_thought_of_its_own_behind_it(name):
    told = {letter: report(EXERCISES[name], letter) for letter in "abcd"}
    thoughts = [
        re.search(r"You said \w\. (.+?) Hint \d", text)[1]
        for text in told.values()
        if "You said" in text and ": right." not in text
    ]
    (right,) = [letter for letter in told if ": right." in told[letter]]
    assert len(thoughts) == len(set(thoughts)) >= 2
    for thought in thoughts:
        assert len(thought) > 40
        assert f'"{right}"' not in thought and f"`{right}`" not in thought


@pytest.mark.parametrize("name", EXERCISES)
def test_no_exercise_tells_before_it_is_tried(name):
    told = report(EXERCISES[name], ...)
    assert "Hint " not in told
    assert not any(hint in told for hint in EXERCISES[name].hints)


def test_an_error_in_the_answer_is_one_line_that_names_its_line():
    def answer():
        one = 1
        return one / 0

    received = report(exercise(call), answer)
    line = answer.__code__.co_firstlineno + 2
    assert (
        "your code raised ZeroDivisionError: division by zero, in line "
        f"{line} of its cell: return one / 0. Hint 1 of 3: first"
    ) in received
    assert "\n" not in received


def test_an_error_far_below_names_the_line_of_the_reader():
    def answer():
        return number("a", 1)(1)

    received = report(exercise(call), answer)
    line = answer.__code__.co_firstlineno + 1
    assert f", in line {line} of its cell: return number(" in received


def test_a_long_message_is_shortened():
    def answer():
        raise ValueError("long\n" * 1000)

    received = report(exercise(call), answer)
    assert "\n" not in received
    assert len(received) < 400


@pytest.mark.parametrize("leave", [sys.exit, lambda: sys.exit(3)])
def test_an_answer_cannot_end_the_kernel(leave):
    assert "your code raised SystemExit" in report(exercise(call), leave)


def test_an_interrupt_ends_the_cell():
    def answer():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        report(exercise(call), answer)


def test_what_came_is_named():
    def judge(answer):
        raise Wrong("Expected 3. Received: 4.")

    assert "not yet. Expected 3. Received: 4." in report(exercise(judge), 4)


def test_check_prints_lines_that_break_between_words(capsys):
    for name in EXERCISES:
        dni.check(name, ...)
        printed = capsys.readouterr().out
        assert printed.startswith(f"Exercise {name}: no answer")
        assert max(map(len, printed.splitlines())) < 80
        assert " ".join(printed.split()) == report(EXERCISES[name], ...)


def test_an_unknown_exercise_is_refused():
    with pytest.raises(ValueError, match="`exercise`. Expected one of 00-1"):
        dni.check("77-7", 1)
