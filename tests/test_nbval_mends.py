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
    """Returns pytest's exit code and output for one notebook."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "nbval_mends", "--nbval"]
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


def test_nbval_agrees_with_what_jupyter_stored(stored, tmp_path):
    path = tmp_path / "small.ipynb"
    path.write_text(lessons.dumps(stored), encoding="utf-8")
    code, output = run_nbval(path)
    assert code == 0, output
    assert f"{len(CELLS)} passed" in output


def test_nbval_sees_a_changed_number_and_a_changed_picture(stored, tmp_path):
    changed = nbformat.from_dict(stored)
    changed.cells[0].outputs[0].text = "4\n"
    fig, ax = plt.subplots(figsize=(4, 3))
    ax.plot([3, 2, 3])
    fig.savefig(tmp_path / "other.png", bbox_inches="tight")
    picture = base64.b64encode((tmp_path / "other.png").read_bytes()).decode()
    changed.cells[-1].outputs[-1].data["image/png"] = picture
    path = tmp_path / "small.ipynb"
    nbformat.write(changed, path)
    code, output = run_nbval(path)
    assert code == 1
    assert f"2 failed, {len(CELLS) - 2} passed" in output


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


def beginning_with_a_number(notebook):
    """Returns a notebook up to the first stored number, and that output."""
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if re.search(r"\d", output.get("text", "")):
                notebook.cells = notebook.cells[: index + 1]
                return notebook, output
    return None, None


@pytest.mark.slow
def test_nbval_sees_a_changed_number_in_a_real_lesson(tmp_path):
    for path in lessons.find():
        notebook, output = beginning_with_a_number(lessons.read(path))
        if notebook:
            break
    else:
        pytest.skip("no lesson prints a number yet")
    output.text = re.sub(
        r"\d", lambda digit: str((int(digit[0]) + 1) % 10), output.text, count=1
    )
    changed = tmp_path / path.name
    nbformat.write(notebook, changed)
    code, text = run_nbval(changed)
    assert code == 1, text
    assert "1 failed" in text
