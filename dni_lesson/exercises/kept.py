"""What a learner has tried and solved, in a file beside the notebooks."""

import contextlib
import json
import pathlib

from dni_lesson import files

FILE = "progress.json"
VERSION = 1
_LOCK_SECONDS = 10


def place():
    """Returns the file's path, or `None` where no lessons are.

    In `solutions/` nothing is counted: there the kit solves, not the learner.
    """
    here = pathlib.Path.cwd()
    is_lessons = (here / "solutions").is_dir() and any(here.glob("00_*.ipynb"))
    return here / FILE if is_lessons else None


def note(name, guess, is_right):
    """Keeps one try of an exercise; what is solved stays solved.

    Args:
        name: String, the exercise's.
        guess: String, what was said, if it can be said in a word, else `None`.
        is_right: Boolean.

    Returns:
        A sentence if something is wrong with the file, else an empty string.
    """
    path = place()
    if path is None:
        return ""
    try:
        with _locked(path):
            kept, told = _read(path)
            one = kept.setdefault(
                name, {"tries": 0, "first": guess, "solved": False}
            )
            if not one["solved"]:
                one["tries"] += 1
                one["solved"] = is_right
                _write(path, kept)
    except OSError as error:
        return (
            f"Your progress is not kept: {FILE} cannot be written, "
            f"{error.strerror or error}."
        )
    return told


def table(names):
    """Returns what is solved of the exercises `names`, lesson by lesson."""
    path = place()
    if path is None:
        return (
            "No progress is kept here. It is where the lessons are: open one "
            "with `make lab` and ask again."
        )
    try:
        with _locked(path):
            kept, told = _read(path)
    except OSError as error:
        return f"{FILE} cannot be read, {error.strerror or error}."
    solved = [name for name in names if kept.get(name, {}).get("solved")]
    lines = [told] * bool(told) + ["lesson  solved  open"]
    for lesson in dict.fromkeys(name.split("-")[0] for name in names):
        own = [name for name in names if name.split("-")[0] == lesson]
        still = [name for name in own if name not in solved]
        count = f"{len(own) - len(still)} of {len(own)}"
        lines.append(f"{lesson:6}  {count:6}  {' '.join(still)}".rstrip())
    lines.append(f"{'all':6}  {len(solved)} of {len(names)}")
    guesses = [
        f"{name} {kept[name]['first']}"
        for name in solved
        if kept[name]["tries"] > 1 and kept[name]["first"]
    ]
    if guesses:
        lines.append(f"What you said first: {', '.join(guesses)}")
    return "\n".join(lines)


@contextlib.contextmanager
def _locked(path):
    """Two lessons may be open, each with a kernel of its own."""
    import filelock  # The library alone does without.

    lock = path.with_name(f".{path.name}.lock")
    with filelock.FileLock(lock, timeout=_LOCK_SECONDS):
        yield


def _read(path):
    """Returns what is kept, and what to say if the file was damaged."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}, ""
    try:
        whole = json.loads(text)
        if whole["version"] != VERSION:
            raise ValueError(f"its version is {whole['version']!r}")
        kept = whole["exercises"]
        for one in kept.values():
            if [type(one["tries"]), type(one["solved"])] != [int, bool] or (
                not isinstance(one["first"], str | None)
            ):
                raise ValueError(f"{one} is no exercise's")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return {}, _set_aside(path, error)
    return kept, ""


def _set_aside(path, error):
    number, aside = 1, path.with_name(f"{FILE}.damaged")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{FILE}.damaged-{number}")
    path.rename(aside)
    return (
        f"{FILE} is damaged ({type(error).__name__}: {error}). It was set "
        f"aside as {aside.name}, and a new one begins."
    )


def _write(path, kept):
    whole = {"version": VERSION, "exercises": dict(sorted(kept.items()))}
    files.replace(path, json.dumps(whole, indent=1) + "\n")
