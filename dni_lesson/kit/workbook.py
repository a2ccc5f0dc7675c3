"""The learner's copy of the lessons: without outputs, and never overwritten.

A stored output stands right below the question that it answers. So learners
work in a copy without outputs, and the lessons stay as they are for those who
teach from them and for the tests, which compare them.

What a copy held when it was made is noted. A copy that still holds it is
replaced when its lesson changes. Any other is the learner's: it stays, and the
changed lesson is put beside it, once.
"""

import hashlib
import json
import pathlib

from dni_lesson import files

import filelock

FOLDER = "workbook"
LESSONS = "notebooks"
LOCK_SECONDS = 60
_NOTE = ".given.json"
_OF_A_CELL = ("cell_type", "source", "outputs", "attachments", "metadata")


def prepare(repository):
    """Makes the workbook, or brings it up to date with the lessons.

    Args:
        repository: Path of the folder in which `notebooks/` lies.

    Returns:
        List of strings: sentences for the learner; none if nothing that
        concerns them has changed.

    Raises:
        OSError: If the workbook cannot be written. What was there is kept.
    """
    lessons, workbook = repository / LESSONS, repository / FOLDER
    is_new = not workbook.exists()
    workbook.mkdir(exist_ok=True)
    with filelock.FileLock(workbook / ".lock", timeout=LOCK_SECONDS):
        given, beside = _noted(workbook), {}
        try:
            for name in _to_copy(lessons):
                content = _for_learners(lessons / name)
                put = _give(workbook, name, content, given)
                if put:
                    beside[name] = put
        finally:  # After a full disk, too: what was given is known.
            _note(workbook, given)
    return _said(is_new, beside)


def what_to_do(error, repository):
    """Returns what a learner can do if `prepare` raised an `OSError`."""
    return (
        f"The workbook {repository / FOLDER} cannot be written: "
        f"{error.strerror or error}. Make room on the disk, or copy the whole "
        "repository into a folder of your own where you may write, and give "
        "the same command there. Nothing that you wrote was changed."
    )


def _to_copy(lessons):
    """Returns the names of the files of a workbook, below its folder.

    Hidden ones are Jupyter's, and what stands in `progress.json` is another
    folder's progress.
    """
    names = [path.relative_to(lessons) for path in sorted(lessons.rglob("*"))]
    return [
        name.as_posix()
        for name in names
        if (lessons / name).is_file()
        and not any(part.startswith(".") for part in name.parts)
        and not name.name.startswith("progress.json")
    ]


def _for_learners(path):
    """Returns what learners get of a file, as bytes: lessons lose outputs.

    Solutions keep theirs: whoever opens them wants to see the answer.
    """
    content = path.read_bytes()
    if path.suffix != ".ipynb" or path.parent.name == "solutions":
        return content
    notebook = json.loads(content)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    return f"{text}\n".encode()


def _give(workbook, name, content, given):
    """Puts one file into the workbook, and notes it in `given`.

    Returns:
        The name under which it was put beside the learner's own, or `None`.
    """
    known, new = given.get(name), _digest(content)
    target = workbook / name
    target.parent.mkdir(parents=True, exist_ok=True)
    here = _digest(target.read_bytes()) if target.exists() else None
    put = None
    if here is None or here == known != new:
        files.replace(target, content)
    elif here != new and known != new:
        put = _put_beside(workbook, name, content, given)
    given[name] = new
    return put


def _put_beside(workbook, name, content, given):
    """Puts a file beside one of a learner's, under a name that is free.

    A version put there before that was never touched makes room.
    """
    path = pathlib.PurePosixPath(name)
    number = 1
    while True:
        end = "-new" if number == 1 else f"-new-{number}"
        other = path.with_stem(path.stem + end).as_posix()
        target = workbook / other
        if not target.exists() or (
            _digest(target.read_bytes()) == given.get(other)
        ):
            files.replace(target, content)
            given[other] = _digest(content)
            return other
        number += 1


def _digest(content):
    """Returns a name for what a file says.

    Jupyter writes into the metadata of a notebook that is only opened; that is
    not the learner's doing. Outputs are: they are what the learner measured.
    """
    try:
        cells = json.loads(content)["cells"]
        cells = [[_joined(c.get(k)) for k in _OF_A_CELL] for c in cells]
        content = json.dumps(cells, sort_keys=True).encode()
    except (ValueError, TypeError, KeyError, AttributeError):
        pass  # It is no notebook.
    return hashlib.sha256(content).hexdigest()


def _joined(value):
    """Returns a text that may be stored as a list of lines as one string."""
    if isinstance(value, list) and all(isinstance(x, str) for x in value):
        return "".join(value)
    return value or ""


def _noted(workbook):
    """Returns what was given: a dict from names to digests.

    Where that is lost, nothing is taken for untouched.
    """
    try:
        given = json.loads((workbook / _NOTE).read_bytes())["given"]
        return {str(name): str(digest) for name, digest in given.items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _note(workbook, given):
    text = json.dumps({"version": 1, "given": given}, indent=1, sort_keys=True)
    files.replace(workbook / _NOTE, f"{text}\n")


def _said(is_new, beside):
    sentences = []
    if is_new:
        sentences.append(
            f"Your workbook is the folder {FOLDER}/: the lessons without "
            "their outputs. What you write there is never overwritten."
        )
    if beside:
        pairs = ", ".join(
            f"{FOLDER}/{name} ({FOLDER}/{other})"
            for name, other in beside.items()
        )
        sentences.append(
            "Changed since you began, with the new version in brackets and "
            f"yours as you left it: {pairs}."
        )
    return sentences
