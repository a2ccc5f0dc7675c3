"""Slides hold every picture of a lesson, its aims and what to remember."""

import runpy

import lessons
import pytest
from nbformat import v4
from test_setup_files import REPOSITORY

SLIDES = runpy.run_path(str(REPOSITORY / "docs" / "slides.py"))
LESSONS = [path for path in lessons.find() if path.parent.name == "notebooks"]


def shown(path):
    """Returns the texts of the slides of a lesson, without the notes."""
    cells = SLIDES["slides"](lessons.read(path)).cells
    return [
        cell.source
        for cell in cells
        if cell.metadata.slideshow.slide_type != "notes"
    ]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_s_slides_hold_its_title_pictures_and_summary(path):
    texts = shown(path)
    code = [c for c in lessons.read(path).cells if c.cell_type == "code"]
    alts = [
        output.metadata["image/png"]["alt"].strip("<>")
        for cell in code
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert texts[0].startswith("# ")
    pictures = [text for text in texts if "](data:image/png" in text]
    assert len(pictures) == len(alts)
    for picture, alt in zip(pictures, alts, strict=True):
        assert alt in picture.replace("\\", "")
    assert any(text.startswith("## Summary\n\n- ") for text in texts)
    assert not any("References" in text for text in texts)


def test_a_slide_keeps_what_is_seen_at_a_glance():
    source = (
        "## A thing\n\nIt is so. And so on.\n\n$$x$$\n\nMore of it. "
        "*Predict: what comes?* Think."
    )
    kept = "## A thing\n\nIt is so.\n\n$$x$$\n\n*Predict: what comes?* Think."
    assert SLIDES["glance"](source) == kept


def test_an_exercise_is_shown_whole_and_a_summary_by_sentences():
    exercise = "### Exercise 01-1 (to code)\n\nDo it. Then that."
    assert SLIDES["glance"](exercise) == exercise
    summary = "## Summary\n\nOne thing. Another.\n\nSolutions: there."
    assert SLIDES["glance"](summary) == "## Summary\n\n- One thing.\n- Another."


def test_slides_link_to_no_file_beside_the_lessons():
    text = "[a](b.ipynb) [c](../d.csv#e) [f](https://example.org)"
    (cell,) = SLIDES["slides"](
        v4.new_notebook(cells=[v4.new_markdown_cell(f"# T\n\n{text}")])
    ).cells[:1]
    assert cell.source == "# T\n\na c [f](https://example.org)"
