"""Exercises that answer at once: `check` and what each lesson asks."""

from dni_lesson.exercises import (
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_09,
    lesson_10,
)
from dni_lesson.exercises.exercise import Exercise, report

_LESSONS = (
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
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

    Each wrong answer to the same exercise earns a more telling hint. Nothing
    is raised for a wrong or a missing answer, so a notebook with open
    exercises still runs from top to bottom.

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
    print(report(EXERCISES[exercise], answer))
