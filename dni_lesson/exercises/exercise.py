"""What an exercise is, and how an answer to it is judged."""

import collections
import dataclasses
from collections.abc import Callable

# How often each exercise was answered wrong in this kernel: grades the hints.
_attempts = collections.Counter()


class Wrong(Exception):
    """Raised by an exercise's `judge`; says what is wrong with an answer."""


@dataclasses.dataclass(frozen=True)
class Exercise:
    """An exercise to code or to predict.

    Attributes:
        name: String, lesson and number: `"02-1"`.
        judge: Function of the answer; returns if it is right and raises
            `Wrong` with what was expected and what came if it is not.
        hints: Strings, each telling more than the one before.
        because: String, why the right answer is right; shown with it.
    """

    name: str
    judge: Callable
    hints: tuple[str, ...]
    because: str


def choice(letter):
    """Returns a judge that accepts one letter, in either case."""

    def judge(answer):
        if not isinstance(answer, str) or len(answer.strip()) != 1:
            raise Wrong(f"Expected one letter. Received: {answer!r}.")
        if answer.strip().lower() != letter:
            raise Wrong(f"{answer!r} is not it.")

    return judge


def number(expected, tolerance):
    """Returns a judge that accepts numbers within `tolerance`."""

    def judge(answer):
        try:
            value = float(answer)
        except (TypeError, ValueError):
            raise Wrong(f"Expected a number. Received: {answer!r}.") from None
        if not abs(value - expected) <= tolerance:
            size = "too small" if value < expected else "too large"
            raise Wrong(f"{value:g} is {size}.")

    return judge


def is_close(received, expected):
    """Returns whether what an answer returned is the expected number."""
    try:
        return abs(float(received) - expected) < 1e-6
    except (TypeError, ValueError):
        return False


def report(exercise, answer):
    """Returns the sentence to print for an answer."""
    if answer is None or answer is ...:
        return f"Exercise {exercise.name}: no answer yet. {_hint(exercise, 0)}"
    try:
        exercise.judge(answer)
    except NotImplementedError as error:
        todo = f"{error}. " if str(error) else ""
        return (
            f"Exercise {exercise.name}: not solved yet. {todo}"
            f"{_hint(exercise, 0)}"
        )
    except Wrong as error:
        hint = _hint(exercise, _attempts[exercise.name])
        _attempts[exercise.name] += 1
        return f"Exercise {exercise.name}: not yet. {error} {hint}"
    except Exception as error:  # The reader's own code may do anything.
        return (
            f"Exercise {exercise.name}: your code raised "
            f"{type(error).__name__}: {error}. {_hint(exercise, 0)}"
        )
    _attempts.pop(exercise.name, None)
    return f"Exercise {exercise.name}: right. {exercise.because}"


def _hint(exercise, index):
    index = min(index, len(exercise.hints) - 1)
    return f"Hint {index + 1} of {len(exercise.hints)}: {exercise.hints[index]}"
