"""Tests of `make lessons` on notebooks of a few cells."""

import lessons
import nbformat
import pytest
from nbformat import v4


def make_notebook(*sources):
    cells = [v4.new_code_cell(source) for source in sources]
    return v4.new_notebook(cells=cells)


def run_cell(cell, count, *outputs):
    cell.execution_count = count
    cell.outputs = list(outputs)


def stdout(text):
    return v4.new_output("stream", name="stdout", text=text)


def test_two_runs_give_the_same_file(tmp_path):
    texts = []
    for _ in range(2):
        notebook = make_notebook("1 + 1", "print('a')\nprint('b')")
        notebook.cells[0].id, notebook.cells[1].id = "first", "second"
        lessons.run(notebook, tmp_path)
        lessons.normalise(notebook, "07_name")
        texts.append(lessons.dumps(notebook))
    assert texts[0] == texts[1]
    assert texts[0].endswith("}\n")
    outputs = [cell.outputs[0] for cell in notebook.cells]
    assert outputs[0].data["text/plain"] == "2"
    assert outputs[1].text == "a\nb\n"


def test_cell_ids_are_kept_if_valid_and_else_named_after_the_lesson():
    notebook = make_notebook("1", "2", "3")
    for cell, cell_id in zip(notebook.cells, ("a", "a", "b c"), strict=True):
        cell.id = cell_id
    for count, cell in enumerate(notebook.cells, start=1):
        run_cell(cell, count)
    lessons.normalise(notebook, "07_name")
    assert [c.id for c in notebook.cells] == ["a", "07_name-01", "07_name-02"]


def test_metadata_of_the_run_is_removed_and_tags_are_kept():
    notebook = make_notebook("1  \n2")
    notebook.metadata = nbformat.from_dict({"widgets": {}, "toc": 1})
    notebook.cells[0].metadata = nbformat.from_dict(
        {"tags": ["exercise"], "execution": {"iopub": "now"}}
    )
    run_cell(notebook.cells[0], 1)
    lessons.normalise(notebook, "07_name")
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.cells[0].metadata == {"tags": ["exercise"]}
    assert notebook.cells[0].source == "1\n2"


@pytest.mark.parametrize(
    "data", [{"text/plain": "Panel"}, {"image/png": "x"}, {}]
)
def test_a_widget_view_is_removed_if_something_else_is_left(data):
    notebook = make_notebook("panel")
    view = {lessons.WIDGET_VIEW: {"model_id": "1"}}
    output = v4.new_output("display_data", data={**data, **view})
    run_cell(notebook.cells[0], 1, output)
    lessons.normalise(notebook, "07_name")
    assert notebook.cells[0].outputs[0].data == (data or view)


def test_stream_pieces_are_joined():
    notebook = make_notebook("1")
    run_cell(notebook.cells[0], 1, stdout("a\n"), stdout("b\n"))
    lessons.normalise(notebook, "07_name")
    assert [o.text for o in notebook.cells[0].outputs] == ["a\nb\n"]


@pytest.mark.parametrize(
    ("count", "outputs", "message"),
    [
        (None, [], "was not run in its turn"),
        (2, [], "was not run in its turn"),
        (1, [v4.new_output("stream", name="stderr", text="!")], "to stderr: !"),
        (1, [v4.new_output("error", ename="KeyError")], "failed: KeyError"),
    ],
)
def test_a_bad_cell_is_refused(count, outputs, message):
    notebook = make_notebook("1")
    run_cell(notebook.cells[0], count, *outputs)
    with pytest.raises(lessons.LessonError, match=message):
        lessons.normalise(notebook, "07_name")


def test_an_empty_code_cell_is_refused():
    with pytest.raises(lessons.LessonError, match="code cell 1 is empty"):
        lessons.normalise(make_notebook(" \n"), "07_name")


def test_main_renews_checks_and_finds_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lessons, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(lessons.find, "__defaults__", ((), tmp_path))
    for name in ("00_one", "01_two"):
        nbformat.write(make_notebook("1 + 1"), tmp_path / f"{name}.ipynb")
    assert lessons.main(["--check", "00"]) == 1
    assert "code cell 1 was not run in its turn" in capsys.readouterr().out
    assert lessons.main(["00"]) == 0
    assert "1 code cells" in capsys.readouterr().out
    assert lessons.main(["--check", "00_one.ipynb"]) == 0
    assert lessons.main(["--check"]) == 1
    assert lessons.main(["09"]) == 1


def test_a_lesson_that_fails_is_left_as_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lessons, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(lessons.find, "__defaults__", ((), tmp_path))
    path = tmp_path / "00_one.ipynb"
    nbformat.write(make_notebook("1 / 0"), path)
    before = path.read_bytes()
    assert lessons.main([]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_solutions_come_after_the_lessons(tmp_path):
    (tmp_path / "solutions").mkdir()
    names = ["01_b.ipynb", "00_a.ipynb", "solutions/00_a.ipynb"]
    for name in names:
        (tmp_path / name).touch()
    found = lessons.find(folder=tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in found] == [
        "00_a.ipynb",
        "01_b.ipynb",
        "solutions/00_a.ipynb",
    ]


STUB = """\
# Exercise 04-1: double a number
def double(x):
    factor = 2
    ...
    raise NotImplementedError("return x times factor")
"""


def test_a_solution_fits_its_stub():
    solution = STUB.replace("    ...\n", "").replace(
        'raise NotImplementedError("return x times factor")',
        "return x * factor",
    )
    assert lessons.lines_without_match(STUB, solution) == []


@pytest.mark.parametrize("change", ["def double(x)", "factor = 2", "double a"])
def test_a_solution_that_no_longer_fits_is_found(change):
    solution = STUB.replace(change, "something else")
    (line,) = lessons.lines_without_match(STUB, solution)
    assert change in line


def test_exercises_are_found_by_their_first_line():
    notebook = make_notebook("x = 1", STUB)
    assert lessons.exercises(notebook) == {"04-1": STUB}
    with pytest.raises(lessons.LessonError, match="04-1 is there twice"):
        lessons.exercises(make_notebook(STUB, STUB))
