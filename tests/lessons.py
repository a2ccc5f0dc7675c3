"""Runs the lessons and stores them in one agreed form: `make lessons`.

A lesson is committed with its outputs, so that it can be read without running
it, and so that the tests can compare them with fresh ones. To keep changes
readable, whatever differs from run to run without meaning anything is removed.
This file stands in tests/ because only a maintainer needs it, and because the
tests of the lessons use its functions.

    python tests/lessons.py                 all lessons and solutions
    python tests/lessons.py 02 03           those whose names begin so
    python tests/lessons.py --check         run nothing, only compare the form
"""

import argparse
import os
import pathlib
import re
import sys
import tempfile
import time

import nbclient
import nbformat
from lesson_client import LessonClient

NOTEBOOKS = pathlib.Path(__file__).resolve().parent.parent / "notebooks"
SECONDS_PER_CELL = 300
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
_EXERCISE = re.compile(r"# Exercise (\d\d-\d): \S")
_GAP = re.compile(r"\.\.\.|raise NotImplementedError")
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class LessonError(Exception):
    """A lesson that must not be stored as it is."""


def find(names=(), folder=NOTEBOOKS):
    """Returns the paths of the lessons and then of the solutions, in order.

    Args:
        names: Strings. Beginnings of file names, such as `"02"`, or paths;
            all notebooks if empty.
        folder: Path of the folder with the lessons.
    """
    paths = [*sorted(folder.glob("*.ipynb"))]
    paths += sorted((folder / "solutions").glob("*.ipynb"))
    starts = tuple(pathlib.Path(name).stem for name in names)
    return [path for path in paths if not names or path.stem.startswith(starts)]


def read(path):
    """Returns the notebook in a file."""
    return nbformat.read(path, as_version=4)


def run(notebook, folder):
    """Runs all cells in a fresh kernel and returns the seconds it took.

    Args:
        notebook: `nbformat.NotebookNode`, changed in place.
        folder: Path. Where the kernel works.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell raises an error.
    """
    start = time.perf_counter()
    client = LessonClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        # Without it nbclient fails on a print into an Output widget; the
        # state is dropped when the notebook is normalised.
        store_widget_state=True,
    )
    environment = dict(os.environ)
    # With this variable set, ipykernel lets C-level stderr pass unseen.
    environment.pop("PYTEST_CURRENT_TEST", None)
    # No own IPython profile of the maintainer may colour the outputs.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        environment["IPYTHONDIR"] = home
        client.execute(env=environment)
    return time.perf_counter() - start


def normalise(notebook, name):
    """Brings a notebook into the agreed form, in place.

    Args:
        notebook: `nbformat.NotebookNode`.
        name: String. The file name without its ending; names new cells.

    Raises:
        LessonError: If a cell is empty, was not run in its turn, failed or
            printed to stderr.
    """
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen = set()
    count = 0
    for index, cell in enumerate(notebook.cells):
        cell_id = cell.get("id", "")
        if not _CELL_ID.fullmatch(cell_id) or cell_id in seen:
            cell.id = f"{name}-{index:02d}"[-64:]
        seen.add(cell.id)
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        cell.source = re.sub(r"[ \t]+$", "", cell.source, flags=re.MULTILINE)
        cell.source = cell.source.strip("\n")
        if cell.cell_type == "code":
            count += 1
            _normalise_outputs(cell, count, name)


def _normalise_outputs(cell, count, name):
    where = f"{name}, code cell {count}"
    if not cell.source:
        raise LessonError(f"{where} is empty")
    if cell.execution_count != count:
        raise LessonError(f"{where} was not run in its turn")
    outputs = []
    for output in cell.outputs:
        if output.output_type == "error":
            raise LessonError(f"{where} failed: {output.ename}")
        if output.output_type == "stream":
            if output.name == "stderr":
                raise LessonError(f"{where} printed to stderr: {output.text}")
            previous = outputs[-1] if outputs else {}
            if previous.get("name") == "stdout":
                previous.text += output.text
                continue
        else:
            _normalise_data(output)
        if output.output_type == "execute_result":
            output.execution_count = count
        outputs.append(output)
    cell.outputs = outputs


def _normalise_data(output):
    data = output.data
    # A view without its kernel shows an error; a still picture or text does
    # not. nbval never compares views.
    if WIDGET_VIEW in data and len(data) > 1:
        del data[WIDGET_VIEW]
    if "image/png" in data:
        data["image/png"] = data["image/png"].replace("\n", "")


def exercises(notebook):
    """Returns a dict: number of an exercise, such as `"04-1"`, to its cell.

    Such a cell begins with a comment like `# Exercise 04-1: name the rule`, in
    the lesson with a stub below it, in `solutions/` with its solution.
    """
    found = {}
    for cell in notebook.cells:
        match = _EXERCISE.match(cell.source)
        if cell.cell_type == "code" and match:
            if match[1] in found:
                raise LessonError(f"exercise {match[1]} is there twice")
            found[match[1]] = cell.source
    return found


def lines_without_match(stub, solution):
    """Returns the stub's lines that its solution does not hold in this order.

    A line with `...` or `raise NotImplementedError` is the gap that the reader
    fills; blank lines do not count. All others must be found again.

    Args:
        stub: String. The exercise cell of the lesson.
        solution: String. The exercise cell of the solutions.
    """
    lines = [line.rstrip() for line in solution.splitlines()]
    missing, start = [], 0
    for line in map(str.rstrip, stub.splitlines()):
        if not line or _GAP.search(line):
            continue
        if line in lines[start:]:
            start = lines.index(line, start) + 1
        else:
            missing.append(line)
    return missing


def dumps(notebook):
    """Returns the text of the notebook's file."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def check(path):
    """Returns why a notebook is not in the agreed form, or `None`."""
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    try:
        normalise(notebook, path.stem)
    except LessonError as error:
        return str(error)
    if dumps(notebook) != text:
        return f"{path.stem} is not in the form that `make lessons` writes"
    return None


def _renew(path):
    notebook = read(path)
    seconds = run(notebook, path.parent)
    normalise(notebook, path.stem)
    text = dumps(notebook)
    # Written whole or not at all: a stop must not leave half a lesson.
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8", newline="\n")
    new.replace(path)
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    name = path.relative_to(NOTEBOOKS).with_suffix("")
    print(
        f"{name!s:<40} {seconds:5.1f} s {len(text) / 1024:6.0f} KB "
        f"{cells:3d} code cells",
        flush=True,
    )


def main(arguments=None):
    """Renews or checks notebooks; returns 1 if one is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="beginnings of file names")
    parser.add_argument("--check", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    failed = False
    paths = find(options.names)
    if not paths:
        print(f"no such notebook in {NOTEBOOKS}: {' '.join(options.names)}")
        return 1
    for path in paths:
        try:
            problem = check(path) if options.check else _renew(path)
        except (LessonError, nbclient.exceptions.CellExecutionError) as error:
            problem = f"{path.stem}: {error}"
        if problem:
            print(problem)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
