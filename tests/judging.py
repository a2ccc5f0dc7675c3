"""What the tests of exercises share: tables of right and of wrong forms.

A judge that knows one form of an answer refuses readers who are right, and
takes wrong ones. So each exercise has a table: six forms or more that must be
accepted, and six usual slips or more with a part of what is said to them.
"""

from dni_lesson.exercises import EXERCISES
from dni_lesson.exercises.reporting import report

import pytest

FEWEST = 6


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
        *((one, f"'{one}' is not it") for one in among if one != letter),
        (f"{other})", f"'{other}' is not it"),
        (f"{other.upper()}.", f"'{other.upper()}' is not it"),
        ("z", "Expected one letter, a, b"),
        ("", "Expected one letter"),
        (f"{letter} or {other}", "Expected one letter"),
        (2, "Expected one letter"),
        (lambda: letter, "Expected one letter"),
    )


def forms(right):
    """Parametrises a test with the names and right forms of a table."""
    return pytest.mark.parametrize(
        ("name", "answer"),
        [(name, form) for name, row in right.items() for form in row],
    )


def slips(wrong):
    """Parametrises a test with names, wrong forms and what is said to them."""
    return pytest.mark.parametrize(
        ("name", "answer", "message"),
        [(name, *slip) for name, row in wrong.items() for slip in row],
    )


def assert_accepted(name, answer):
    """The exercise takes the answer as right."""
    told = report(EXERCISES[name], answer)
    assert told.startswith(f"Exercise {name}: right."), told


def assert_refused(name, answer, message):
    """The exercise says what is wrong with the answer, and gives a hint."""
    told = report(EXERCISES[name], answer)
    assert told.startswith(f"Exercise {name}: not yet."), told
    assert message in told
    assert "Hint" in told


def assert_complete(lesson, right, wrong):
    """Each exercise of a lesson is tried in enough forms."""
    names = [name for name in EXERCISES if name.startswith(lesson)]
    assert list(right) == list(wrong) == names
    for name in names:
        assert len(right[name]) >= FEWEST, name
        assert len(wrong[name]) >= FEWEST, name
