"""Every word of the course is explained once, and linked where it is first."""

import re

import lessons
import pytest
from links import anchors, broken_links

PAGE = lessons.NOTEBOOKS / "glossary.md"
WORDS, SOURCES = PAGE.read_text(encoding="utf-8").split("\n## Sources\n")
ENTRIES = dict(
    re.findall(
        r"^### ([^\n]+)\n(.+?)(?=\n### |\Z)", WORDS, re.MULTILINE | re.DOTALL
    )
)
LESSONS = [path for path in lessons.find() if path.parent == lessons.NOTEBOOKS]


def linked(path):
    text = "\n".join(cell.source for cell in lessons.read(path).cells)
    return set(re.findall(r"\(glossary\.md#([^)]+)\)", text))


@pytest.mark.parametrize("word", ENTRIES)
def test_the_lesson_that_a_word_names_is_the_first_to_link_to_it(word):
    (first,) = re.findall(r"\[\d\d\]\((\S+)\)\n*\Z", ENTRIES[word])
    anchor = word.replace(" ", "-")
    users = [path.name for path in LESSONS if anchor in linked(path)]
    assert users and users[0] == first


@pytest.mark.parametrize("word", ENTRIES)
def test_a_word_is_explained_in_few_words(word):
    assert word == word.lower()  # So anchors are the same everywhere.
    assert 10 <= len(ENTRIES[word].split()) <= 60


def test_words_stand_in_order_and_lead_somewhere():
    assert list(ENTRIES) == sorted(ENTRIES)
    assert len(ENTRIES) == len(re.findall("^### ", WORDS, re.MULTILINE)) > 30
    assert broken_links(PAGE) == []
    for path in LESSONS:
        assert linked(path) <= anchors(PAGE)


def test_every_source_that_is_named_is_listed_and_no_other():
    named = set(re.findall(r"([A-Z]\w+ \d{4})", WORDS))
    assert named == set(re.findall(r"\*\*(.+?)\*\*", SOURCES))
