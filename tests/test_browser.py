"""A reader opens each lesson in JupyterLab and chooses Run All Cells."""

import browser
import lab_server
import lessons
import nbformat
import pytest
from nbformat import v4

LESSONS = [path for path in lessons.find() if path.parent.name == "notebooks"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        browser.find_chromium() is None,
        reason="no Chromium; name one in DNI_CHROMIUM",
    ),
]


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def server(root, tmp_path_factory):
    with lab_server.serve(tmp_path_factory.mktemp("home"), root) as started:
        yield started


def store(cells, path):
    # Without a kernel's name JupyterLab would ask for one.
    nbformat.write(
        v4.new_notebook(cells=cells, metadata=lessons.METADATA), path
    )


def problems(notebook):
    """Returns the error and stderr outputs of a notebook's cells."""
    return [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


def assert_quiet(lab):
    """No pop-up is open, and nothing but our own server was asked."""
    assert lab.page.locator(".jp-Dialog, .Toastify__toast").count() == 0
    assert lab.hosts == {"127.0.0.1"}


def test_a_small_notebook_runs_and_its_slider_moves(chromium, server, root):
    source = (
        "import ipywidgets\n"
        "slider = ipywidgets.IntSlider(3)\n"
        "slider.add_class('dni-slider')\n"
        "text = ipywidgets.Label('3')\n"
        "text.add_class('dni-text')\n"
        "show = lambda change: setattr(text, 'value', str(change.new))\n"
        "slider.observe(show, 'value')\n"
        "ipywidgets.VBox([slider, text])"
    )
    cells = [v4.new_code_cell(source), v4.new_code_cell("print(6 * 7)")]
    store(cells, root / "small.ipynb")
    lab = browser.Lab(chromium, server, root, "small.ipynb")
    lab.run_all()
    lab.page.locator(".dni-slider .noUi-handle").focus()
    lab.page.keyboard.press("ArrowRight")
    lab.page.locator(".dni-text", has_text="4").wait_for()
    notebook = lab.save()
    assert notebook.cells[1].outputs[0].text == "42\n"
    assert problems(notebook) == []
    assert_quiet(lab)


def test_a_failing_cell_would_be_seen(chromium, server, root):
    cells = [v4.new_code_cell("import sys\nprint(1, file=sys.stderr)\n1 / 0")]
    store(cells, root / "failing.ipynb")
    lab = browser.Lab(chromium, server, root, "failing.ipynb")
    lab.run_all()
    assert len(problems(lab.save())) == 2


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs_from_top_to_bottom(chromium, server, root, path):
    name = f"notebooks/{path.name}"
    browser.copy_unrun(path, root / name)
    lab = browser.Lab(chromium, server, root, name)
    lab.run_all()
    lab.screenshot(path.stem)
    notebook = lab.save()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [c.execution_count for c in code] == [*range(1, len(code) + 1)]
    assert problems(notebook) == []
    assert_quiet(lab)
