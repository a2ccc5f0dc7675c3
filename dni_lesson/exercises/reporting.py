"""What is said about an answer: right, or not yet and a hint to go on with."""

import collections
import inspect
import traceback

from dni_lesson.exercises.exercise import Misread, Wrong

# How often each exercise was answered wrong in this kernel: grades the hints.
_attempts = collections.Counter()
_LONGEST = 200  # Characters of an error's message.


def report(exercise, answer):
    """Returns the sentence to print for an answer."""
    start = f"Exercise {exercise.name}:"
    if answer is None or answer is ...:
        return f"{start} no answer yet. {_hint(exercise, 0)}"
    try:
        exercise.judge(answer)
    except NotImplementedError as error:
        todo = f"{error}. " if str(error) else ""
        return f"{start} not solved yet. {todo}{_hint(exercise, 0)}"
    except Wrong as error:
        hint = _hint(exercise, _attempts[exercise.name])
        _attempts[exercise.name] += not isinstance(error, Misread)
        return f"{start} not yet. {error} {hint}"
    except KeyboardInterrupt:  # It is meant for the whole cell.
        raise
    except BaseException as error:  # The reader's own code may do anything.
        raised = f"{_in_short(error)}{_where(error, answer)}"
        return f"{start} your code raised {raised}. {_hint(exercise, 0)}"
    _attempts.pop(exercise.name, None)
    return f"{start} right. {exercise.because}"


def _hint(exercise, index):
    index = min(index, len(exercise.hints) - 1)
    return f"Hint {index + 1} of {len(exercise.hints)}: {exercise.hints[index]}"


def _in_short(error):
    """Returns an error's name and its message, in one line."""
    message = " ".join(str(error).split())
    if len(message) > _LONGEST:
        message = f"{message[: _LONGEST - 3]}..."
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
