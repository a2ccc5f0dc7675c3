import collections

import dni_lesson as dni
from dni_lesson.exercises import EXERCISES
from dni_lesson.exercises import exercise as exercise_module
from dni_lesson.exercises.exercise import (
    Exercise,
    Wrong,
    choice,
    number,
    report,
)

import pytest


@pytest.fixture(autouse=True)
def no_attempts_yet(monkeypatch):
    monkeypatch.setattr(exercise_module, "_attempts", collections.Counter())


def exercise(judge, name="99-1"):
    return Exercise(name, judge, ("first", "second", "third"), "So it is.")


def test_a_right_answer_is_told_why():
    received = report(exercise(number(2.0, 0.1)), 2.05)
    assert received == "Exercise 99-1: right. So it is."


def test_hints_grow_with_wrong_answers_and_start_again_after_a_right_one():
    one = exercise(choice("b"), name="99-2")
    hints = [report(one, "a").split()[-1] for _ in range(4)]
    assert hints == ["first", "second", "third", "third"]
    report(one, "B")
    assert report(one, "a").endswith("first")


@pytest.mark.parametrize("answer", [None, ...])
def test_no_answer_yet_is_not_counted_as_wrong(answer):
    one = exercise(choice("b"), name="99-3")
    for _ in range(2):
        assert "no answer yet. Hint 1 of 3" in report(one, answer)
    assert report(one, "a").endswith("first")


def test_an_open_stub_says_what_to_do():
    def judge(answer):
        answer()

    def stub():
        raise NotImplementedError("return the sum")

    received = report(exercise(judge), stub)
    assert "not solved yet. return the sum. Hint 1 of 3: first" in received


def test_an_error_in_the_answer_is_one_line():
    def judge(answer):
        answer()

    received = report(exercise(judge), lambda: 1 / 0)
    assert "your code raised ZeroDivisionError: division by zero" in received
    assert "\n" not in received


def test_what_came_is_named():
    def judge(answer):
        raise Wrong("Expected 3. Received: 4.")

    assert "not yet. Expected 3. Received: 4." in report(exercise(judge), 4)


@pytest.mark.parametrize(
    "judge, answer, message",
    [
        (number(2.0, 0.1), 1, "1 is too small"),
        (number(2.0, 0.1), 3, "3 is too large"),
        (number(2.0, 0.1), "two", "Expected a number. Received: 'two'"),
        (choice("a"), 7, "Expected one letter. Received: 7"),
    ],
)
def test_judges_say_how_an_answer_is_wrong(judge, answer, message):
    with pytest.raises(Wrong, match=message):
        judge(answer)


def test_check_prints_one_line(capsys):
    name = next(iter(EXERCISES))
    dni.check(name, ...)
    assert capsys.readouterr().out.startswith(f"Exercise {name}: no answer")


def test_an_unknown_exercise_is_refused():
    with pytest.raises(ValueError, match="`exercise`. Expected one of 00-1"):
        dni.check("77-7", 1)


def test_every_lesson_has_two_exercises_or_more_with_graded_hints():
    for exercise in EXERCISES.values():
        assert len(exercise.hints) >= 2 and exercise.because
