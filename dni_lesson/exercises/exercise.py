"""What an exercise is, and the judges of its answers."""

import copy
import dataclasses
import inspect
import math
import re
from collections.abc import Callable

import numpy as np

_LETTER = re.compile(r"[\W_]*([a-zA-Z])[\W_]*")  # "b", "B.", "(b)", "b:"
_LONGEST = 80  # Characters of what came that are shown.


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


def choice(letter, among):
    """Returns a judge that accepts one letter, in any form: `"b"`, `"B)"`.

    Args:
        letter: String, the right one.
        among: String of all letters, such as `"abc"`.
    """
    options = f"{', '.join(among[:-1])} or {among[-1]}"

    def judge(answer):
        match = _LETTER.fullmatch(answer) if isinstance(answer, str) else None
        if not match or match[1].lower() not in among:
            raise Misread(
                f"Expected one letter, {options}. Received: {shown(answer)}."
            )
        if match[1].lower() != letter:
            raise Wrong(f"{match[1]!r} is not it.")

    return judge


def number(expected, tolerance):
    """Returns a judge that accepts numbers within `tolerance`.

    They may be written as text: `"3/4"`, `"0.75"`, `"75 %"`.
    """

    def judge(answer):
        is_text = isinstance(answer, str)
        value = _written(answer) if is_text else as_number(answer)
        if value is None:
            raise Misread(f"Expected a number. Received: {shown(answer)}.")
        if not abs(value - expected) <= tolerance:
            size = "too small" if value < expected else "too large"
            raise Wrong(f"{value:g} is {size}.")

    return judge


def cases(name, rows):
    """Returns a judge that calls an answer and compares what it returns.

    Each call gets copies of its arguments, which the answer may change.

    Args:
        name: String, what the exercise calls the function.
        rows: List of `(arguments, expected, what)`: a tuple; a number or a
            list of numbers, or the function of the arguments that returns it;
            a string that says what the case is about, or `""`.
    """

    def judge(answer):
        for arguments, expected, what in rows:
            if callable(expected):
                expected = expected(*arguments)
            received = call(name, answer, *arguments)
            if not is_close(received, expected):
                called = ", ".join(map(shown, arguments))
                why = f" ({what})" if what else ""
                raise Wrong(
                    f"{name}({called}): expected {shown(expected, 4)}{why}, "
                    f"received {shown(received)}."
                )

    return judge


def call(name, answer, *arguments):
    """Returns what an answer makes of copies of the arguments.

    Raises:
        Misread: If it is no function, or no function of so many arguments.
    """
    require_function(name, answer)
    try:
        inspect.signature(answer).bind(*arguments)
    except TypeError as error:
        count = f"{len(arguments)} argument{'s' * (len(arguments) != 1)}"
        raise Misread(f"{name} is called with {count}: {error}.") from None
    except ValueError:  # A function of C need not tell its arguments.
        pass
    return answer(*copy.deepcopy(arguments))


def require_function(name, answer):
    """Raises `Misread` unless an answer, called `name`, can be called."""
    if not callable(answer):
        raise Misread(
            f"Expected the function `{name}` itself, without brackets behind "
            f"its name. Received: {shown(answer)}."
        )


def is_close(received, expected):
    """Returns whether what an answer returned is what was expected.

    Args:
        received: Anything.
        expected: A number, or a list or array of numbers.
    """
    if not np.ndim(expected):
        value = as_number(received)
        return value is not None and math.isclose(
            value, expected, rel_tol=1e-5, abs_tol=1e-6
        )
    array = as_array(received)
    return (
        array is not None
        and array.shape == np.shape(expected)
        and np.allclose(array, expected, rtol=1e-5, atol=1e-6)
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
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _written(text):
    """Returns the number that a text such as `"3/4"` or `"75 %"` holds."""
    text = text.replace(" ", "").replace(",", ".")
    try:
        value, *divisors = map(float, text.removesuffix("%").split("/"))
        for one in divisors:
            value /= one
    except (ValueError, ZeroDivisionError):
        return None
    return as_number(value / 100 if text.endswith("%") else value)
