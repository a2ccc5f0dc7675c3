"""What `check` says to right and wrong answers, and to code that raises."""

import collections
import sys

import dni_lesson as dni
from dni_lesson.exercises import EXERCISES, reporting
from dni_lesson.exercises.exercise import Exercise, Wrong, choice, number
from dni_lesson.exercises.reporting import report

import pytest


@pytest.fixture(autouse=True)
def no_attempts_yet(monkeypatch):
    monkeypatch.setattr(reporting, "_attempts", collections.Counter())


def exercise(judge, name="99-1"):
    return Exercise(name, judge, ("first", "second", "third"), "So it is.")


def call(answer):
    answer()


def test_a_right_answer_is_told_why():
    received = report(exercise(number(2.0, 0.1)), 2.05)
    assert received == "Exercise 99-1: right. So it is."


def test_hints_grow_with_wrong_answers_and_start_again_after_a_right_one():
    one = exercise(choice("b", "abc"), name="99-2")
    hints = [report(one, "a").split()[-1] for _ in range(4)]
    assert hints == ["first", "second", "third", "third"]
    report(one, "B")
    assert report(one, "a").endswith("first")


@pytest.mark.parametrize("answer", [None, ..., 7, "a or b", lambda: "b"])
def test_what_is_no_answer_uses_up_no_hint(answer):
    one = exercise(choice("b", "abc"), name="99-3")
    for _ in range(2):
        assert "Hint 1 of 3" in report(one, answer)
    assert report(one, "a").endswith("first")
    assert report(one, "a").endswith("second")


@pytest.mark.parametrize("answer", [None, ...])
def test_no_answer_yet_is_said(answer):
    assert "no answer yet. Hint 1 of 3" in report(exercise(call), answer)


def test_an_open_stub_says_what_to_do():
    def stub():
        raise NotImplementedError("return the sum")

    received = report(exercise(call), stub)
    assert "not solved yet. return the sum. Hint 1 of 3: first" in received


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


def test_check_prints_one_line(capsys):
    name = next(iter(EXERCISES))
    dni.check(name, ...)
    assert capsys.readouterr().out.startswith(f"Exercise {name}: no answer")


def test_an_unknown_exercise_is_refused():
    with pytest.raises(ValueError, match="`exercise`. Expected one of 00-1"):
        dni.check("77-7", 1)
