"""What an exercise is, the judges of its answers, and what is said to them."""

import collections
import copy
import dataclasses
import inspect
import math
import re
import traceback
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_LETTER = re.compile(r"[\W_]*([a-zA-Z])[\W_]*")  # "b", "B.", "(b)", "b:"
_NEAR = 0.005  # So near a number is one that was rounded.
_LONGEST_VALUE, _LONGEST_MESSAGE = 80, 200  # Characters that are shown.
# How often each exercise was answered wrong in this kernel: grades the hints.
_attempts = collections.Counter()
_first = {}  # The first wrong guess, until the right answer.
_NO_HINT = "Hints come after your first try."


class Wrong(Exception):
    """Raised by an exercise's `judge`; says what is wrong with an answer."""


class Misread(Wrong):
    """Raised where something cannot be an answer; it uses up no hint."""


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


class Reply(NamedTuple):
    """What is said to an answer.

    Attributes:
        text: String, one line.
        guess: String, the answer itself if it is a letter or a number, else
            `None`.
        is_right: Boolean; `None` if nothing was tried.
    """

    text: str
    guess: str | None = None
    is_right: bool | None = None


def reply(exercise, answer):
    """Returns the `Reply` to an answer."""
    start = f"Exercise {exercise.name}:"
    if answer is None or answer is ...:
        asks = getattr(exercise.judge, "asks", "")
        return Reply(f"{start} no answer yet. {asks}{_NO_HINT}")
    guess = _guess(answer)
    try:
        exercise.judge(answer)
    except NotImplementedError as error:
        todo = f"{error}, and take out the line that raises. "
        return Reply(
            f"{start} not solved yet. {todo if str(error) else ''}{_NO_HINT}"
        )
    except Misread as error:
        hint = _hint(exercise, _attempts[exercise.name])
        return Reply(f"{start} not yet. {error} {hint}")
    except Wrong as error:
        hint = _hint(exercise, _attempts[exercise.name])
        _attempts[exercise.name] += 1
        _first.setdefault(exercise.name, guess)
        return Reply(f"{start} not yet. {error} {hint}", guess, False)
    except KeyboardInterrupt:  # It is meant for the whole cell.
        raise
    except BaseException as error:  # The reader's own code may do anything.
        raised = f"{_in_short(error)}{_where(error, answer)}"
        return Reply(f"{start} your code raised {raised}. {_hint(exercise, 0)}")
    _attempts.pop(exercise.name, None)
    first = _first.pop(exercise.name, None)
    said = f"You said {first} first. " if first else ""
    return Reply(f"{start} right. {said}{exercise.because}", guess, True)


def _guess(answer):
    """Returns a letter or a number as a short text, else `None`."""
    if isinstance(answer, str):
        match = _LETTER.fullmatch(answer)
        return match[1].lower() if match else _one_line(answer, 20)
    value = as_number(answer)
    return None if value is None else f"{value:g}"


def _hint(exercise, index):
    index = min(index, len(exercise.hints) - 1)
    return f"Hint {index + 1} of {len(exercise.hints)}: {exercise.hints[index]}"


def _in_short(error):
    """Returns an error's name and its message, in one line."""
    message = _one_line(str(error), _LONGEST_MESSAGE)
    name = type(error).__name__
    return f"{name}: {message}" if message else name


def _where(error, answer):
    """Returns the last line of the reader's own cell that an error passed."""
    code = getattr(inspect.unwrap(answer), "__code__", None)
    lines = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if code and frame.filename == code.co_filename
    ]
    if not lines:
        return ""
    return f", in line {lines[-1].lineno} of its cell: {lines[-1].line}"


def choice(letter, wrong):
    """Returns a judge that accepts one letter, in any form: `"b"`, `"B)"`.

    Args:
        letter: String, the right one.
        wrong: Dict from each other letter to a sentence: what makes it look
            right, and what speaks against it. It does not name the right one.
    """
    if not isinstance(wrong, dict) or letter in wrong:
        raise ValueError(
            "`wrong`. Expected a dict from each wrong letter to a sentence. "
            f"Received: wrong={wrong!r}"
        )
    among = sorted([letter, *wrong])
    options = f"{', '.join(among[:-1])} or {among[-1]}"

    def judge(answer):
        match = _LETTER.fullmatch(answer) if isinstance(answer, str) else None
        said = match[1].lower() if match else None
        if said not in among:
            raise Misread(
                f"Expected one letter, {options}. Received: {shown(answer)}."
            )
        if said != letter:
            raise Wrong(f"You said {said}. {wrong[said]}")

    judge.asks = f"Answer with one letter, {options}. "
    return judge


def number(expected, tolerance, wrong=()):
    """Returns a judge that accepts numbers within `tolerance`.

    They may be written as text: `"3/4"`, `"0.75"`, `"75 %"`.

    Args:
        expected: Float.
        tolerance: Float.
        wrong: Dict from numbers that are often said to a sentence each, as in
            `choice`; none by default.
    """

    def judge(answer):
        is_text = isinstance(answer, str)
        value = _written(answer) if is_text else as_number(answer)
        if value is None:
            raise Misread(f"Expected a number. Received: {shown(answer)}.")
        if not abs(value - expected) <= tolerance:
            size = "too small" if value < expected else "too large"
            often = min(wrong, key=lambda one: abs(value - one), default=None)
            is_near = often is not None and abs(value - often) <= _NEAR
            why = f" {wrong[often]}" if is_near else ""
            raise Wrong(f"{value:g} is {size}.{why}")

    judge.asks = "Answer with a number. "
    return judge


def cases(name, rows, said=None, tolerance=1e-6):
    """Returns a judge that calls an answer and compares what it returns.

    Each call gets copies of its arguments, which the answer may change.

    Args:
        name: String, what the exercise calls the function.
        rows: List of `(arguments, expected)` or `(arguments, expected, what)`:
            a tuple; a number or a list of numbers, or the function of the
            arguments that returns it; a string, what the case is about.
        said: Function of a case's arguments, of what was expected and what was
            received, that returns what to say to a wrong answer; `None` if
            the case and the two values say enough.
        tolerance: Float, as in `is_close`.
    """

    def judge(answer):
        for arguments, expected, *what in rows:
            if callable(expected):
                expected = expected(*arguments)
            received = call(name, answer, *copy.deepcopy(arguments))
            if is_close(received, expected, tolerance):
                continue
            if said:
                raise Wrong(said(arguments, expected, received))
            called = ", ".join(map(shown, arguments))
            why = f" ({what[0]})" if any(what) else ""
            raise Wrong(
                f"{name}({called}): expected {shown(expected, 4)}{why}, "
                f"received {shown(received)}."
            )

    judge.asks = f"Hand over the function `{name}`. "
    return judge


def call(name, answer, *arguments):
    """Returns what an answer makes of the arguments.

    Raises:
        Misread: If it is no function, or no function of so many arguments.
    """
    if not callable(answer):
        raise Misread(
            f"Expected the function `{name}` itself, without brackets behind "
            f"its name. Received: {shown(answer)}."
        )
    try:
        inspect.signature(answer).bind(*arguments)
    except TypeError as error:
        count = f"{len(arguments)} argument{'s' * (len(arguments) != 1)}"
        raise Misread(f"{name} is called with {count}: {error}.") from None
    except ValueError:  # A function of C need not tell its arguments.
        pass
    return answer(*arguments)


def is_close(received, expected, tolerance=1e-6):
    """Returns whether what an answer returned is what was expected.

    Args:
        received: Anything.
        expected: A number, or a list or array of numbers.
        tolerance: Float. Values may differ by that much, or by 1e-5 of what
            was expected.
    """
    array = as_array(received)
    if not np.ndim(expected):  # One number, in whatever form.
        array = as_number(received)
    return (
        array is not None
        and np.shape(array) == np.shape(expected)
        and np.allclose(array, expected, rtol=1e-5, atol=tolerance)
    )


def as_number(value):
    """Returns what stands for one number as a float, else `None`."""
    array = as_array(value)
    if array is None or array.size != 1 or np.isnan(array).any():
        return None
    return float(array.item())


def as_array(value):
    """Returns numbers as a float array, `None` if they are something else."""
    if value is None:  # NumPy would make it a number that is none.
        return None
    try:
        array = np.asarray(value)
        # Nor is a truth, a date or a text a number.
        is_other = array.dtype.kind in "bcmMSU"
        return None if is_other else array.astype("float64")
    except (TypeError, ValueError):
        return None


def shown(value, digits=6):
    """Returns a value as one short line: numbers rounded, arrays as lists."""
    if value is None:
        return "None (is there a `return`?)"
    if not isinstance(value, str | list | tuple):
        if np.ndim(value) == 0 and as_number(value) is not None:
            return f"{as_number(value):.{digits}g}"
        if isinstance(value, np.ndarray | np.generic):
            value = value.tolist()
    return _one_line(repr(value), _LONGEST_VALUE)


def _one_line(text, longest):
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _written(text):
    """Returns the number that a text such as `"3/4"` or `"75 %"` holds."""
    text = text.replace(" ", "").replace(",", ".")
    try:
        value, *divisors = map(float, text.removesuffix("%").split("/"))
        value /= math.prod(divisors)
    except (ValueError, ZeroDivisionError):
        return None
    return as_number(value / 100 if text.endswith("%") else value)
