"""A reader opens each lesson in JupyterLab and chooses Run All Cells."""

import browser
import lessons
import pytest
from nbformat import v4

LESSONS = [path for path in lessons.find() if path.parent.name == "notebooks"]

pytestmark = browser.MARKS


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
    browser.store(cells, root / "small.ipynb")
    lab = browser.Lab(chromium, server, root, "small.ipynb")
    lab.run_all()
    lab.page.locator(".dni-slider .noUi-handle").focus()
    lab.page.keyboard.press("ArrowRight")
    lab.page.locator(".dni-text", has_text="4").wait_for()
    notebook = lab.save()
    assert notebook.cells[1].outputs[0].text == "42\n"
    assert browser.problems(notebook) == []
    lab.assert_quiet()


def test_a_failing_cell_would_be_seen(chromium, server, root):
    cells = [v4.new_code_cell("import sys\nprint(1, file=sys.stderr)\n1 / 0")]
    browser.store(cells, root / "failing.ipynb")
    lab = browser.Lab(chromium, server, root, "failing.ipynb")
    lab.run_all()
    assert len(browser.problems(lab.save())) == 2


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
    assert browser.problems(notebook) == []
    lab.assert_quiet()
