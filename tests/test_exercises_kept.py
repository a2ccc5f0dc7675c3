"""What was solved is kept, whoever else writes and whatever the file holds."""

import errno
import json
import threading

import dni_lesson as dni
from dni_lesson.exercises import kept

import pytest

NAMES = ["00-1", "00-2", "01-1"]


@pytest.fixture(autouse=True)
def lessons_folder(tmp_path, monkeypatch):
    (tmp_path / "solutions").mkdir()
    for folder in (tmp_path, tmp_path / "solutions"):
        (folder / "00_start_here.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def solved(names=NAMES):
    path = kept.place()
    there = json.loads(path.read_text())["exercises"] if path.exists() else {}
    return [name for name in names if there.get(name, {}).get("solved")]


def test_progress_shows_lesson_by_lesson_what_is_solved(capsys):
    dni.check("02-3", "a")
    dni.check("02-3", "c")
    dni.check("02-4", 2)
    capsys.readouterr()
    dni.progress()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "lesson  solved  open"
    assert "02      1 of 4  02-1 02-2 02-4" in lines
    assert any(line.startswith("all     1 of ") for line in lines)
    assert lines[-1] == "What you said first: 02-3 a"


def test_nothing_is_kept_until_something_is_tried(capsys):
    dni.check("02-3", ...)
    dni.check("02-3", 7)  # It cannot be an answer.
    assert not kept.place().exists()
    dni.progress()
    assert "02      0 of 4  02-1 02-2 02-3 02-4" in capsys.readouterr().out


def test_what_is_solved_stays_solved():
    kept.note("00-1", None, True)
    before = kept.place().read_bytes()
    kept.note("00-1", None, False)
    assert solved() == ["00-1"]
    assert kept.place().read_bytes() == before


def test_the_first_guess_and_the_tries_are_kept():
    for guess, is_right in (("b", False), ("c", False), ("a", True)):
        kept.note("00-2", guess, is_right)
    there = json.loads(kept.place().read_text())
    assert there == {
        "version": 1,
        "exercises": {"00-2": {"tries": 3, "first": "b", "solved": True}},
    }


def test_two_lessons_at_once_lose_nothing_of_one_another():
    names = [f"{lesson:02}-{one}" for lesson in range(4) for one in range(9)]

    def solve(part):
        for name in part:
            kept.note(name, None, True)

    threads = [
        threading.Thread(target=solve, args=[names[start::4]])
        for start in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert solved(names) == names


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 2, "exercises": {}}',
        '{"version": 1}',
        '{"version": 1, "exercises": [1]}',
        '{"version": 1, "exercises": {"00-1": {"solved": 1}}}',
        '{"version": 1, "exercises": {"00-1": '
        '{"tries": 1, "first": 3, "solved": true}}}',
    ],
)
def test_a_damaged_file_is_named_and_set_aside(text, lessons_folder):
    kept.place().write_text(text)
    told = kept.note("00-1", None, True)
    assert "progress.json is damaged" in told
    assert "set aside as progress.json.damaged, and a new one begins" in told
    assert (lessons_folder / "progress.json.damaged").read_text() == text
    assert solved() == ["00-1"]
    assert kept.note("00-2", "a", True) == ""
    kept.place().write_text("again")
    assert "progress.json.damaged-2" in kept.table(NAMES)
    assert (lessons_folder / "progress.json.damaged").read_text() == text


def test_a_write_that_fails_says_so_and_keeps_what_was_there(monkeypatch):
    def fail(target, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    kept.note("00-1", None, True)
    monkeypatch.setattr(kept.files, "replace", fail)
    assert kept.note("00-2", None, True) == (
        "Your progress is not kept: progress.json cannot be written, No space "
        "left on device."
    )
    assert solved() == ["00-1"]


def test_what_the_solutions_solve_is_not_counted(lessons_folder, monkeypatch):
    monkeypatch.chdir(lessons_folder / "solutions")
    assert kept.note("00-1", None, True) == ""
    assert not list(lessons_folder.rglob("progress.json*"))
    assert "No progress is kept here" in kept.table(NAMES)
