"""Tests of what runs a notebook for nbval: its cells, its errors."""

import browser
import nbval_kernels
import pytest
from nbformat import v4


def told(kernel, source):
    """Returns the messages that nbval gets for a cell, without the last."""
    kernel.execute_cell_input(source)
    messages = []
    while True:
        message = kernel.get_message("iopub")
        assert message["parent_header"] == {"msg_id": "a cell"}
        if message["msg_type"] == "status":
            assert message["content"]["execution_state"] == "idle"
            return messages
        messages.append((message["msg_type"], message["content"]))


def test_a_solution_prints_and_keeps_its_names():
    kernel = nbval_kernels.ThisProcess()
    ((kind, output),) = told(kernel, "x = 6\nprint(x)\nprint('a')")
    assert (kind, output["name"]) == ("stream", "stdout")
    assert output["text"] == "6\na\n"
    ((_, output),) = told(kernel, "def f():\n    return 7 * x\nprint(f())")
    assert output["text"] == "42\n"
    assert told(kernel, "x = 1") == []


def test_a_solution_knows_of_no_answer_that_was_given_before_it():
    ask = "import dni_lesson as dni\ndni.check('00-2', '{}')"
    told(nbval_kernels.ThisProcess(), ask.format("b"))
    ((_, output),) = told(nbval_kernels.ThisProcess(), ask.format("a"))
    assert output["text"].startswith("Exercise 00-2: right. Before training")


def test_a_solution_that_fails_is_seen_after_what_it_printed():
    kernel = nbval_kernels.ThisProcess()
    printed, (kind, error) = told(kernel, "print(1)\n1 / 0")
    assert printed[1]["text"] == "1\n"
    assert (kind, error["ename"]) == ("error", "ZeroDivisionError")
    assert "division by zero" in "".join(error["traceback"])


@pytest.mark.parametrize(
    "run", [pytest.param(nbval_kernels.Browser, marks=browser.MARKS)]
)
def test_a_lesson_that_fails_is_seen_and_what_did_not_run(run, tmp_path):
    sources = "print(6 * 7)", "import sys\nprint(1, file=sys.stderr)"
    cells = [v4.new_code_cell(c) for c in (*sources, "1 / 0", "print(2)")]
    browser.store(cells, tmp_path / "failing.ipynb")
    kernel = run(tmp_path / "failing.ipynb")
    # The first cell is passed over, as if pytest had been told to.
    (written,) = kernel.outputs(sources[1])
    assert (written.name, written.text) == ("stderr", "1\n")
    assert kernel.outputs("1 / 0")[0].ename == "ZeroDivisionError"
    assert kernel.outputs("print(2)")[0]["ename"] == "NotRun"
