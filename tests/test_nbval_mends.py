"""Tests that nbval, as mended in nbval_mends.py, sees what a reader sees."""

import base64
import os
import pathlib
import re
import subprocess
import sys

import lessons
import nbformat
import pytest
from nbformat import v4

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
    import matplotlib.pyplot as plt

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
