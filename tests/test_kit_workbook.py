"""What a learner wrote is never lost, and what they see is up to date."""

import contextlib
import errno
import json
import pathlib
import shutil
import subprocess
import threading

from dni_lesson.kit import lab, workbook

import lessons
import pytest
from links import broken_links

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
ONE, TWO, SOLVED = "00_one.ipynb", "01_two.ipynb", "solutions/00_one.ipynb"


def notebook(*sources):
    """Returns a lesson: code cells that were run, and printed their source."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": number,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": [source]}
            ],
            "source": [source],
        }
        for number, source in enumerate(sources, 1)
    ]
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole)


@pytest.fixture
def repository(tmp_path):
    put(tmp_path, ONE, notebook("a = ...", "print(a)"))
    put(tmp_path, TWO, notebook("b = ..."))
    put(tmp_path, SOLVED, notebook("a = 1"))
    put(tmp_path, "images/x.png", "a picture")
    return tmp_path


def put(repository, name, text, folder="notebooks"):
    path = repository / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write(repository, name, text):
    put(repository, name, text, "workbook")


def held(repository):
    """Returns what lies in the workbook, by name; what is hidden is ours."""
    folder = repository / "workbook"
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_a_first_start_makes_a_copy_and_says_where(repository):
    (sentence,) = workbook.prepare(repository)
    assert "Your workbook is the folder workbook/" in sentence
    assert sorted(held(repository)) == sorted(
        [ONE, TWO, SOLVED, "images/x.png"]
    )
    assert workbook.prepare(repository) == []


def test_lessons_have_no_outputs_and_solutions_keep_theirs(repository):
    workbook.prepare(repository)
    lesson = json.loads(held(repository)[ONE])
    assert [c["source"] for c in lesson["cells"]] == [["a = ..."], ["print(a)"]]
    assert all(
        c["outputs"] == [] and c["execution_count"] is None
        for c in lesson["cells"]
    )
    solved = json.loads(held(repository)[SOLVED])
    assert solved["cells"][0]["outputs"]


def test_the_lessons_themselves_are_left_as_they_are(repository):
    before = (repository / "notebooks" / ONE).read_bytes()
    workbook.prepare(repository)
    assert (repository / "notebooks" / ONE).read_bytes() == before


@pytest.mark.parametrize("name", [ONE, TWO, SOLVED, "images/x.png", "own.txt"])
@pytest.mark.parametrize("note", ["kept", "lost", "damaged", "of another kind"])
@pytest.mark.parametrize("start", ["same", "changed"])
def test_what_a_learner_wrote_is_never_lost(repository, name, note, start):
    workbook.prepare(repository)
    wrote = notebook("mine") if name.endswith("ipynb") else "mine"
    write(repository, name, wrote)
    noted = repository / "workbook" / workbook._NOTE
    if note == "lost":
        noted.unlink()
    elif note != "kept":
        noted.write_text('{"given"' if note == "damaged" else "[1]")
    for number in range(3):
        if start == "changed":
            put(repository, ONE, notebook(f"version {number}"))
            put(repository, "images/x.png", f"version {number}")
        workbook.prepare(repository)
        assert held(repository)[name] == wrote


def test_a_learners_outputs_are_theirs_too(repository):
    workbook.prepare(repository)
    ran = json.loads(held(repository)[ONE])
    ran["cells"][0]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": ["measured"]}
    ]
    write(repository, ONE, json.dumps(ran))
    put(repository, ONE, notebook("changed"))
    workbook.prepare(repository)
    assert json.loads(held(repository)[ONE]) == ran


def test_an_untouched_copy_is_replaced_in_silence(repository):
    workbook.prepare(repository)
    for number in range(2):
        put(repository, ONE, notebook(f"version {number}"))
        assert workbook.prepare(repository) == []
        assert f"version {number}" in held(repository)[ONE]
    assert len(held(repository)) == 4


def test_a_copy_that_jupyter_only_opened_is_untouched(repository):
    workbook.prepare(repository)
    opened = json.loads(held(repository)[ONE])
    opened["metadata"] = {"language_info": {"version": "3.12.1"}}
    for cell in opened["cells"]:  # Jupyter stores lines; nbformat one text.
        cell["source"] = "".join(cell["source"])
    write(repository, ONE, json.dumps(opened))
    put(repository, ONE, notebook("changed"))
    assert workbook.prepare(repository) == []
    assert "changed" in held(repository)[ONE]


def test_a_new_version_is_put_beside_a_touched_copy_once(repository):
    workbook.prepare(repository)
    write(repository, ONE, notebook("mine"))
    put(repository, ONE, notebook("changed"))
    (sentence,) = workbook.prepare(repository)
    assert f"workbook/{ONE} (workbook/00_one-new.ipynb)" in sentence
    assert "changed" in held(repository)["00_one-new.ipynb"]
    assert workbook.prepare(repository) == []
    (repository / "workbook" / "00_one-new.ipynb").unlink()  # No, thanks.
    assert workbook.prepare(repository) == []
    assert "00_one-new.ipynb" not in held(repository)


def test_a_version_beside_makes_room_only_while_it_is_untouched(repository):
    workbook.prepare(repository)
    write(repository, ONE, notebook("mine"))
    for number in (1, 2):
        put(repository, ONE, notebook(f"version {number}"))
        workbook.prepare(repository)
    assert "version 2" in held(repository)["00_one-new.ipynb"]
    write(repository, "00_one-new.ipynb", notebook("mine, too"))
    put(repository, ONE, notebook("version 3"))
    (sentence,) = workbook.prepare(repository)
    assert "workbook/00_one-new-2.ipynb" in sentence
    assert "mine, too" in held(repository)["00_one-new.ipynb"]
    assert "version 3" in held(repository)["00_one-new-2.ipynb"]


def test_a_copy_that_is_taken_away_comes_back_fresh(repository):
    workbook.prepare(repository)
    write(repository, ONE, notebook("mine"))
    folder = repository / "workbook"
    (folder / ONE).rename(folder / "old.ipynb")
    assert workbook.prepare(repository) == []
    assert "a = ..." in held(repository)[ONE]
    assert "mine" in held(repository)["old.ipynb"]


@pytest.mark.parametrize("after", range(5))
def test_a_full_disk_loses_nothing_and_the_next_start_goes_on(
    repository, monkeypatch, after
):
    workbook.prepare(repository)
    write(repository, TWO, notebook("mine"))
    for name in (ONE, TWO, SOLVED):
        put(repository, name, notebook("changed"))
    written, replace = [], workbook.files.replace

    def fill(target, content):
        written.append(target)
        if len(written) > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(target, content)

    monkeypatch.setattr(workbook.files, "replace", fill)
    with (
        contextlib.suppress(OSError)
        if after == 4
        else (pytest.raises(OSError)) as caught
    ):
        workbook.prepare(repository)
    monkeypatch.undo()
    if after < 4:
        told = workbook.what_to_do(caught.value, repository)
        assert "No space left on device. Make room on the disk" in told
    assert "mine" in held(repository)[TWO]
    workbook.prepare(repository)
    assert "mine" in held(repository)[TWO]
    beside = [name for name in held(repository) if name.startswith("01_two-")]
    assert beside
    for name in (ONE, SOLVED, *beside):
        assert "changed" in held(repository)[name]


def test_where_nothing_can_be_written_lab_says_what_to_do(
    repository, monkeypatch, capsys
):
    (repository / "notebooks" / lab.LESSON).write_text(notebook("first"))
    (repository / "workbook").write_text("a file where the folder should be")
    monkeypatch.setattr(lab, "REPOSITORY", repository)
    assert lab.main([]) == 1
    told = capsys.readouterr().out
    assert "cannot be written" in told
    assert "into a folder of your own where you may write" in told


def test_two_that_start_at_once_make_one_workbook(repository):
    trouble = []

    def start():
        try:
            workbook.prepare(repository)
        except Exception as error:
            trouble.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not trouble
    assert len(held(repository)) == 4


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A workbook of the real lessons, under a path that is not a plain one."""
    place = tmp_path_factory.mktemp("grüner Ordner")
    shutil.copytree(REPOSITORY / "notebooks", place / "notebooks")
    for name in ("data", "README.md"):
        (place / name).symlink_to(REPOSITORY / name)
    workbook.prepare(place)
    return place / "workbook"


def test_links_lead_somewhere_in_the_workbook_too(real):
    copies = sorted(real.rglob("*.ipynb"))
    assert len(copies) == len(lessons.find())
    for path in copies:
        assert broken_links(path) == []


def test_no_answer_stands_below_its_question(real):
    for path in real.glob("*.ipynb"):
        for cell in lessons.read(path).cells:
            assert not cell.get("outputs")


def test_git_does_not_see_a_workbook():
    ignored = subprocess.run(
        ["git", "check-ignore", "workbook/00.ipynb", "notebooks/progress.json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if ignored.returncode == 128:
        pytest.skip("this is no clone")
    assert len(ignored.stdout.split()) == 2


def test_make_clean_leaves_a_workbook_alone(tmp_path):
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    kept = ["workbook/a.ipynb", "workbook/.ipynb_checkpoints/a.ipynb"]
    gone = [
        "notebooks/.ipynb_checkpoints/a.ipynb",
        "build/x",
        "a/__pycache__/x",
    ]
    for name in kept + gone:
        put(tmp_path, name, "text", folder=".")
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not here")
    subprocess.run([make, "clean"], cwd=tmp_path, check=True)
    assert all((tmp_path / name).exists() for name in kept)
    assert not any((tmp_path / name).exists() for name in gone)
