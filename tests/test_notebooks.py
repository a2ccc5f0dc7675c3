"""Guards: every lesson keeps the form that CONTRIBUTING.md describes.

They look at the stored files only. That the stored outputs are also right is
nbval's business, which runs every lesson when pytest runs.
"""

import base64
import pathlib
import re

import lessons
import pytest
from links import CODE, broken_links
from nbval_mends import TRAINED, open_picture, pictures

LESSONS = [path for path in lessons.find() if path.parent.name == "notebooks"]
SOLUTIONS = [path for path in lessons.find() if path not in LESSONS]

MOST_LINES = 25
COMPARED_SHARE = 0.6
MARKDOWN_PER_CODE = (0.9, 1.6)
LARGEST_PICTURE = 500 * 1024
SHORTEST_ALT = 30

NUMBER = re.compile(r"\d\d")
# Title, what it is about, what one can do afterwards, minutes, what is needed.
OPENING = re.compile(
    r"# \d\d · .+\n\n.+ After this lesson you will be able to\n\n(- .+\n)+"
    r"\n\*\*\d+ minutes\*\*.+You need .+"
)


def each(paths):
    """Parametrises a test with `path`, one test for each notebook."""
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def cells(path, cell_type):
    return [c for c in lessons.read(path).cells if c.cell_type == cell_type]


def tags(cell):
    return cell.metadata.get("tags", [])


def is_compared(cell):
    """Whether nbval compares some text of this cell."""
    if "nbval-ignore-output" in tags(cell) or "NBVAL_" in cell.source:
        return False
    texts = [output.get("text", "") for output in cell.outputs]
    texts += [o.data.get("text/plain", "") for o in cell.outputs if "data" in o]
    return any(text.strip() for text in texts)


@each(LESSONS + SOLUTIONS)
def test_notebook_is_stored_as_make_lessons_stores_it(path):
    assert lessons.check(path) is None


@each(LESSONS + SOLUTIONS)
def test_no_cell_is_too_long(path):
    for cell in cells(path, "code"):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= MOST_LINES, cell.source


@each(LESSONS + SOLUTIONS)
def test_nothing_is_hidden_from_nbval(path):
    ignored = 0
    for cell in cells(path, "code"):
        marks = [*tags(cell), *re.findall(r"# *(NBVAL_\w+)", cell.source)]
        marks = [mark.lower().replace("_", "-") for mark in marks]
        assert "nbval-skip" not in marks
        assert "raises-exception" not in marks
        assert "nbval-raises-exception" not in marks
        ignored += "nbval-ignore-output" in marks
    assert ignored <= 1


@each(LESSONS)
def test_nbval_compares_text_in_most_cells(path):
    code = cells(path, "code")
    silent = [cell.source for cell in code if not is_compared(cell)]
    share = 1 - len(silent) / len(code)
    assert share >= COMPARED_SHARE, "\n---\n".join(silent)


@each(LESSONS)
def test_text_and_code_are_in_balance(path):
    ratio = len(cells(path, "markdown")) / len(cells(path, "code"))
    assert MARKDOWN_PER_CODE[0] <= ratio <= MARKDOWN_PER_CODE[1]


@each(LESSONS)
def test_lesson_opens_and_closes_in_the_agreed_way(path):
    markdown = [cell.source for cell in cells(path, "markdown")]
    assert OPENING.fullmatch(markdown[0]), markdown[0]
    place = LESSONS.index(path)
    for other in (LESSONS[:place][-1:], LESSONS[place + 1 :][:1]):
        for neighbour in other:
            assert f"]({neighbour.name})" in markdown[0]
            assert f"]({neighbour.name})" in "\n".join(markdown[-3:])
    headings = re.findall(r"^## (.+)$", "\n".join(markdown), re.MULTILINE)
    assert "Summary" in headings
    assert headings[-1] == "References"


@each(LESSONS + SOLUTIONS)
def test_outputs_name_no_folder_of_the_machine(path):
    for cell in cells(path, "code"):
        for output in cell.outputs:
            text = output.get("text", "") + str(output.get("data", {}))
            assert not re.search(r"(/home/|/root/|/tmp/|/Users/)\w", text)


@each(LESSONS + SOLUTIONS)
def test_every_picture_is_small_and_said_in_words(path):
    for cell in cells(path, "code"):
        for output in cell.outputs:
            metadata = output.get("metadata", {}).get("image/png", {})
            picture = output.get("data", {}).get("image/png")
            # A picture that was removed leaves its description behind.
            assert (picture is not None) == bool(metadata), cell.source
            if picture is None:
                continue
            assert len(base64.b64decode(picture)) <= LARGEST_PICTURE
            alt = metadata.get("alt", "")
            assert len(alt) >= SHORTEST_ALT, cell.source
            # JupyterLab shows no alt text: the text form must say the same.
            assert output.data["text/plain"].strip("'\"") == alt


@each(LESSONS + SOLUTIONS)
def test_every_picture_carries_what_it_says(path):
    for cell in cells(path, "code"):
        for png in pictures(cell.outputs):
            image = open_picture(png)
            assert image.info.get("Description"), cell.source


@each(LESSONS)
def test_a_trained_picture_stands_beside_a_claim_or_in_a_panel(path):
    for cell in cells(path, "code"):
        if TRAINED in tags(cell):
            assert pictures(cell.outputs), cell.source
            kinds = [output.output_type for output in cell.outputs]
            assert "stream" in kinds or kinds == ["execute_result"], cell.source


@each(LESSONS + SOLUTIONS)
def test_cells_have_no_other_tags(path):
    for cell in cells(path, "code"):
        assert set(tags(cell)) <= {TRAINED, "nbval-ignore-output"}


@each(LESSONS)
def test_every_picture_is_read_in_the_text_below_it(path):
    notebook = lessons.read(path)
    for cell, following in zip(
        notebook.cells, [*notebook.cells[1:], None], strict=True
    ):
        outputs = cell.get("outputs", [])
        if any("image/png" in output.get("data", {}) for output in outputs):
            assert following is not None
            assert following.cell_type == "markdown", cell.source


@each(LESSONS + SOLUTIONS)
def test_links_lead_somewhere(path):
    assert broken_links(path) == []


@each(LESSONS + SOLUTIONS)
def test_markdown_holds_no_picture_as_html(path):
    # Such a picture needs no alt text to be accepted, and escapes LINK.
    for cell in cells(path, "markdown"):
        assert "<img" not in CODE.sub("", cell.source)


@each(LESSONS)
def test_exercises_and_solutions_are_one_source(path):
    stubs = lessons.exercises(lessons.read(path))
    solved = path.parent / "solutions" / path.name
    assert bool(stubs) == solved.exists()
    solutions = lessons.exercises(lessons.read(solved)) if stubs else {}
    assert list(stubs) == list(solutions)
    for number, stub in stubs.items():
        assert number.startswith(NUMBER.match(path.stem)[0])
        assert "NotImplementedError" in stub
        assert "NotImplementedError" not in solutions[number]
        missing = lessons.lines_without_match(stub, solutions[number])
        assert missing == [], f"exercise {number}"


@each(LESSONS)
def test_every_exercise_is_checked_and_open_in_the_lesson(path):
    code = "\n".join(cell.source for cell in cells(path, "code"))
    for number in lessons.exercises(lessons.read(path)):
        assert f'dni.check("{number}"' in code


@each(SOLUTIONS)
def test_every_solution_is_checked_and_belongs_to_a_lesson(path):
    assert (path.parent.parent / path.name).exists()
    code = "\n".join(cell.source for cell in cells(path, "code"))
    for number in lessons.exercises(lessons.read(path)):
        assert f'dni.check("{number}"' in code
    for cell in cells(path, "code"):
        for output in cell.outputs:
            assert "Not solved yet" not in output.get("text", "")


def test_every_lesson_has_a_number_of_its_own():
    numbers = [int(NUMBER.match(path.stem)[0]) for path in LESSONS]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 0
    assert numbers[-1] <= 10


def test_broken_links_are_found(tmp_path):
    from nbformat import v4

    source = (
        "# One *two*\n[a](#One-two) [b](#None) [c](gone.ipynb) ![](x.png) "
        "`[d](e)` [f](https://arxiv.org/abs/1608.05343)"
    )
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(source)])
    path = pathlib.Path(tmp_path, "x.ipynb")
    path.write_text(lessons.dumps(notebook), encoding="utf-8")
    assert broken_links(path) == [
        "#None",
        "gone.ipynb",
        "no alt text: x.png",
        "x.png",
    ]
