"""A reader opens each lesson in JupyterLab and chooses Run All Cells."""

import browser
from nbformat import v4

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
