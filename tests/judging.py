"""What the tests of exercises share: tables of right and of wrong forms.

A judge that knows one form of an answer refuses readers who are right, and
takes wrong ones. So each exercise has a table: six forms or more that must be
accepted, and six usual slips or more with a part of what is said to them.
"""

from dni_lesson.exercises import EXERCISES
from dni_lesson.exercises.exercise import reply

import pytest

FEWEST = 6


def report(exercise, answer):
    """Returns what is said to an answer, a string."""
    return reply(exercise, answer).text


def choice_forms(letter):
    """Returns the forms in which people write a choice."""
    upper = letter.upper()
    return (
        letter,
        upper,
        f" {letter} ",
        f"{letter})",
        f"{upper}.",
        f"{letter}:",
        f"({letter})",
        f"'{letter}'",
    )


def choice_slips(letter, among):
    """Returns the other letters, and what is none of them."""
    other = next(one for one in among if one != letter)
    return (
        *((one, f"You said {one}. ") for one in among if one != letter),
        (f"{other})", f"You said {other}. "),
        (f"{other.upper()}.", f"You said {other}. "),
        ("z", "Expected one letter, a, b"),
        ("", "Expected one letter"),
        (f"{letter} or {other}", "Expected one letter"),
        (2, "Expected one letter"),
        (lambda: letter, "Expected one letter"),
    )


def tests_of(lesson, right, wrong):
    """Returns a class of tests for all exercises of a lesson.

    Args:
        lesson: String, its number.
        right: Dict from an exercise's name to the answers it must accept.
        wrong: Dict from its name to pairs of a wrong answer and a part of what
            is said to it.
    """

    class Tests:
        @pytest.mark.parametrize(("name", "answer"), _cells(right))
        def test_right_form_is_accepted(self, name, answer):
            told = report(EXERCISES[name], answer)
            assert told.startswith(f"Exercise {name}: right."), told

        @pytest.mark.parametrize(("name", "slip"), _cells(wrong))
        def test_slip_is_told_what_is_wrong_with_a_hint(self, name, slip):
            answer, message = slip
            told = report(EXERCISES[name], answer)
            assert told.startswith(f"Exercise {name}: not yet."), told
            assert message in told
            assert "Hint" in told

        def test_every_exercise_is_tried_in_enough_forms(self):
            names = [name for name in EXERCISES if name.startswith(lesson)]
            assert list(right) == list(wrong) == names
            for name in names:
                assert len(right[name]) >= FEWEST, name
                assert len(wrong[name]) >= FEWEST, name

    return Tests


def _cells(table):
    return [(name, cell) for name, row in table.items() for cell in row]
