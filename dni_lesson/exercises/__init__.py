"""Exercises that answer at once, what each lesson asks, what is solved."""

import textwrap

from dni_lesson.exercises import (
    kept,
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
    lesson_10,
)
from dni_lesson.exercises.exercise import Exercise, reply

LINE = 79  # Characters.
_LESSONS = (
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
    lesson_10,
)
EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for lesson in _LESSONS
    for exercise in lesson.EXERCISES
}


def check(exercise, answer):
    """Prints whether an answer is right, and if not, a hint to go on with.

    Each wrong answer to the same exercise earns a more telling hint; before
    the first there is none. Nothing is raised for a wrong or a missing answer,
    so a notebook with open exercises still runs from top to bottom. Beside the
    lessons `progress.json` keeps what was tried and solved: see `progress`.

    Args:
        exercise: String, the lesson and the number: `"02-1"`.
        answer: What the exercise asks for: a function, a number or a letter;
            `...` or `None` if there is none yet.

    Raises:
        ValueError: If there is no such exercise.
    """
    if exercise not in EXERCISES:
        raise ValueError(
            f"`exercise`. Expected one of {', '.join(EXERCISES)}. "
            f"Received: exercise={exercise!r}"
        )
    replied = reply(EXERCISES[exercise], answer)
    # JupyterLab breaks a long line anywhere, also inside a word.
    print(textwrap.fill(replied.text, LINE, break_on_hyphens=False))
    if replied.is_right is not None:
        told = kept.note(exercise, replied.guess, replied.is_right)
        if told:
            print(told)


def progress():
    """Prints which exercises are solved, lesson by lesson.

    It reads `progress.json` beside the lessons, where `check` keeps it. To
    begin again, delete that file.
    """
    print(kept.table(list(EXERCISES)))
