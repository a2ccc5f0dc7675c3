"""A learner looks a word up, answers, and finds all of it again."""

import json
import shutil

from dni_lesson.kit import workbook

import browser
import lessons

pytestmark = browser.MARKS

LESSON, PAGE = "00_start_here.ipynb", "glossary.md"
ANSWER = 'dni.check("00-2", "B)"); dni.check("00-2", "a"); dni.progress()'


def test_a_learner_works_in_the_workbook(chromium, server, root):
    for name in (LESSON, PAGE, f"solutions/{LESSON}"):
        (root / "notebooks" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(lessons.NOTEBOOKS / name, root / "notebooks" / name)
    workbook.prepare(root)
    lab = browser.Lab(chromium, server, root, f"workbook/{LESSON}")
    page = lab.page

    page.locator(".jp-MarkdownOutput a", has_text="boundary").first.click()
    heading = page.locator(".jp-MarkdownViewer h3", has_text="boundary")
    heading.wait_for()
    page.wait_for_function(
        "heading => Math.abs(heading.getBoundingClientRect().top) < 300",
        arg=heading.element_handle(),
    )
    page.get_by_role("tab", name=LESSON).click()

    opened = lab.save()  # Nothing was written in it yet.
    assert not any(cell.get("outputs") for cell in opened.cells)
    notebook = lessons.read(root / "notebooks" / LESSON)
    notebook.cells[-1].source += "\n4. A new line."
    lessons_file = root / "notebooks" / LESSON
    lessons_file.write_text(lessons.dumps(notebook), encoding="utf-8")
    assert workbook.prepare(root) == []
    assert "A new line." in lab.file.read_text("utf-8")

    lab.close()
    lab = browser.Lab(chromium, server, root, f"workbook/{LESSON}")
    lab.run_cell(0)
    lab.wait_until_idle()
    lab.page.locator(".jp-CodeCell").nth(4).locator(".cm-content").fill(ANSWER)
    told = lab.run_cell(4).inner_text()
    assert "You said b. The predictors know nothing yet" in told
    assert "Exercise 00-2: right. You said b first." in told
    assert "00      1 of 4  00-1 00-3 00-4" in told
    kept = json.loads((root / "workbook" / "progress.json").read_text())
    assert kept["exercises"]["00-2"]["solved"]

    wrote = lab.save()
    notebook.cells[-1].source += "\n5. Another."
    lessons_file.write_text(lessons.dumps(notebook), encoding="utf-8")
    (sentence,) = workbook.prepare(root)
    assert "workbook/00_start_here-new.ipynb" in sentence
    assert lessons.read(lab.file) == wrote
