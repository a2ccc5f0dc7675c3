"""Tests that nbval, as mended in nbval_mends.py, sees what a reader sees."""

import base64
import io
import os
import pathlib
import re
import subprocess
import sys

from dni_lesson.plots.png import png_metadata

import lessons
import matplotlib.pyplot as plt
import nbformat
import pytest
from nbformat import v4
from nbval_mends import compare_pictures

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent

CELLS = (
    "x = 3\nprint(x)",
    "x;",
    "import os\nassert 'PYTEST_CURRENT_TEST' not in os.environ",
    "import ipywidgets\nout = ipywidgets.Output()\n"
    "with out:\n    print('hidden')\nprint('shown')",
    "ipywidgets.interact(lambda n: print(n), n=4);",
    "import matplotlib.pyplot as plt\n"
    "fig, ax = plt.subplots(figsize=(4, 3))\nax.plot([1, 2, 3]);",
)


def run_nbval(path):
    """Returns pytest's exit code and output for notebooks."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "nbval_mends", "--nbval", "-v"]
        + ["-c", "pyproject.toml", "-p", "no:cacheprovider", str(path)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": "tests", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A small notebook as `make lessons` stores it."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = v4.new_notebook(cells=[v4.new_code_cell(c) for c in CELLS])
    lessons.run(notebook, folder)
    lessons.normalise(notebook, "small")
    return notebook


@pytest.fixture(scope="module")
def outcomes(stored, tmp_path_factory):
    """What became of each cell, of notebooks that one pytest looked at."""
    folder = tmp_path_factory.mktemp("notebooks")
    made = {
        "same": stored,
        "changed": with_a_changed_number_and_picture(stored),
        "lesson": a_lesson_with_a_changed_number(),
    }
    for name, notebook in made.items():
        path = folder / f"{name}.ipynb"
        path.write_text(lessons.dumps(notebook), encoding="utf-8")
    code, output = run_nbval(folder)
    assert code == 1, output
    words = re.findall(r"(\w+)\.ipynb::Cell \d+ (PASSED|FAILED)", output)
    return {name: [word for of, word in words if of == name] for name in made}


def with_a_changed_number_and_picture(stored):
    changed = nbformat.from_dict(stored)
    changed.cells[0].outputs[0].text = "4\n"
    fig, ax = plt.subplots(figsize=(4, 3))
    ax.plot([3, 2, 3])
    buffer = io.BytesIO()
    fig.savefig(buffer, bbox_inches="tight")
    picture = base64.b64encode(buffer.getvalue()).decode()
    changed.cells[-1].outputs[-1].data["image/png"] = picture
    return changed


def a_lesson_with_a_changed_number():
    """Returns the first lesson up to its first number, which is changed."""
    for path in lessons.find():
        notebook = lessons.read(path)
        for index, cell in enumerate(notebook.cells):
            for output in cell.get("outputs", []):
                if digit := re.search(r"\d", output.get("text", "")):
                    at, other = digit.start(), (int(digit[0]) + 1) % 10
                    text = output.text
                    output.text = f"{text[:at]}{other}{text[at + 1 :]}"
                    notebook.cells = notebook.cells[: index + 1]
                    return notebook
    raise AssertionError("no lesson prints a number")


def test_nbval_agrees_with_what_jupyter_stored(outcomes):
    assert outcomes["same"] == ["PASSED"] * len(CELLS)


def test_nbval_sees_a_changed_number_and_a_changed_picture(outcomes):
    between = ["PASSED"] * (len(CELLS) - 2)
    assert outcomes["changed"] == ["FAILED", *between, "FAILED"]


def test_nbval_sees_a_changed_number_in_a_real_lesson(outcomes):
    *before, last = outcomes["lesson"]
    assert last == "FAILED" and set(before) <= {"PASSED"}


def test_a_cell_saved_without_having_been_run_is_an_error(stored, tmp_path):
    changed = nbformat.from_dict(stored)
    changed.cells[1].execution_count = None
    path = tmp_path / "small.ipynb"
    nbformat.write(changed, path)
    code, output = run_nbval(path)
    assert code == 2
    assert "Cell 1 was saved without having been run" in output


def picture(*curves, text="", described=True):
    """Returns a PNG in base64 of two curves, or more."""
    figure, ax = plt.subplots(figsize=(4, 3))
    for label, values in curves:
        ax.plot(values, label=label)
    ax.set(xlabel="epoch", ylim=(0, 1))
    ax.text(0, 0, text)
    if curves:
        ax.legend()
    metadata = png_metadata(figure) if described else {}
    buffer = io.BytesIO()
    figure.savefig(buffer, metadata=metadata)
    return base64.b64encode(buffer.getvalue()).decode()


BACKPROP, CDNI = ("backprop", [0.6, 0.9, 0.9]), ("cDNI", [0.2, 0.5, 0.9])
LATER = "cDNI", [0.3, 0.6, 0.8]  # The same rule on another machine.


@pytest.mark.parametrize(
    ("curves", "text"),
    [
        ([BACKPROP], "read: 3"),
        ([CDNI, BACKPROP], "read: 3"),
        ([BACKPROP, ("DNI", CDNI[1])], "read: 3"),
        ([], "read: 3"),
        ([BACKPROP, CDNI, LATER], "read: 3"),
        ([BACKPROP, CDNI], "seen: 3"),
    ],
    ids=["missing", "swapped", "renamed", "empty", "one more", "other words"],
)
def test_a_trained_picture_must_say_the_same(curves, text):
    stored = picture(BACKPROP, CDNI, text="read: 3")
    fresh = picture(*curves, text=text)
    told = compare_pictures([stored], [fresh], trained=True)
    assert told.startswith("picture 1: --- stored")


def test_a_trained_picture_may_show_other_values():
    stored = picture(BACKPROP, CDNI, text="read: 3 \N{CHECK MARK}")
    fresh = picture(BACKPROP, LATER, text="read: 5 \N{BALLOT X}")
    assert compare_pictures([stored], [fresh], trained=True) is None


def test_pixels_count_where_nothing_was_trained():
    stored, fresh = picture(BACKPROP, CDNI), picture(BACKPROP, LATER)
    assert compare_pictures([stored], [stored]) is None
    assert "grey levels" in compare_pictures([stored], [fresh])


def test_a_trained_picture_without_a_description_is_refused():
    stored = picture(BACKPROP, described=False)
    assert compare_pictures([stored], [stored]) is None
    told = compare_pictures([stored], [stored], trained=True)
    assert "it has no description" in told
    assert compare_pictures([picture(BACKPROP)], [stored])


def test_a_picture_too_few_or_too_many_is_seen():
    assert "1 pictures are stored, 0" in compare_pictures(["x"], [])
