"""The laws of a file of rows, whoever adds to it and whatever interrupts."""

import os
import stat
import subprocess
import sys
import warnings

from dni_lesson.experiments.store import Column, ResultsError, Store

import numpy as np
import pandas as pd
import pytest

COLUMNS = {
    "name": Column(optional=True),
    "kind": Column(choices=("a", "b")),
    "number": Column(int, 1, 500),
    "seconds": Column(float),
    "guess": Column(float, optional=True),
}


def store(path):
    return Store(path, COLUMNS, ["name", "kind", "number"])


def row(number=1, **other):
    made = {"name": "x", "kind": "a", "number": number, "seconds": 0.1}
    return {**made, "guess": None, **other}


ROWS = [
    row(35, name='32, "so" ü'),
    row(3, seconds=1e-12),
    row(35, kind="b", guess=2.5),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "rows.csv"


@pytest.mark.parametrize("value", [32, "32", np.int64(32), np.uint8(32)])
def test_a_key_is_the_same_before_and_after_the_file(path, value):
    store(path).add([row(name=value, number=value)])
    again = store(path)
    assert again.has(name=value, number=value, kind="a")
    again.add([row(name=32, number=32, seconds=7)])
    assert [one["seconds"] for one in store(path).rows] == [0.1]


def test_numbers_survive_to_the_last_digit(path):
    values = [0.1 + 0.2, np.float64(1) / 3, 5e-324, 1.7976931348623157e308, 7]
    store(path).add([row(k, seconds=v) for k, v in enumerate(values, 1)])
    assert [one["seconds"] for one in store(path).rows] == values


def test_a_file_cut_anywhere_is_completed_to_the_same_file(path):
    store(path).add(ROWS)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        try:
            part = whole[:cut].decode("utf-8")
        except UnicodeDecodeError:  # Half a letter is no text.
            with pytest.raises(ResultsError, match="no text"):
                store(path)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kept = store(path)
            lines = max(part.count("\n") - 1, 0)
            assert kept.rows == [kept.as_read(one) for one in ROWS[:lines]]
            kept.add(ROWS)
        assert path.read_bytes() == whole


def test_half_a_last_row_is_told_and_swallows_nothing(path):
    store(path).add(ROWS[:2])
    with open(path, "a") as file:
        file.write("x,b,3")
    with pytest.warns(UserWarning, match="Half a last row, 'x,b,3', is left"):
        cut = store(path)
    with pytest.warns(UserWarning):
        cut.add(ROWS[2:])
    assert [one["number"] for one in store(path).rows] == [35, 3, 35]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x,a,2,inf,", "'inf' as seconds in line 3, where a number from 0"),
        ("x,a,2,nan,", "'nan' as seconds in line 3"),
        ("x,a,2,-1,", "'-1' as seconds in line 3"),
        ("x,a,2,,", "'' as seconds in line 3"),
        ("x,a,2,1,inf", "'inf' as guess in line 3"),
        ("x,c,2,1,", "'c' as kind in line 3, where one of a, b"),
        ("x,a,1e2,1,", "'1e2' as number in line 3, where an integer from 1 to"),
        ("x,a,1000000000000,1,", "as number in line 3"),
        ("x,a,0,1,", "'0' as number in line 3"),
        ("x,a,2,1", "4 fields instead of 5 in line 3"),
        ("x,a,2,1,,", "6 fields instead of 5 in line 3"),
        ('x,a,2,1,"', "unexpected end of data in line 3"),
        ("x,a,1,9,", "lines 2 and 3 of one run"),
    ],
)
def test_a_row_that_cannot_be_is_refused_and_left_alone(path, line, message):
    store(path).add([row()])
    with open(path, "a") as file:
        file.write(f"{line}\n")
    before = path.read_bytes()
    with pytest.raises(ResultsError, match=message):
        store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,kind,number,seconds\n", r"without \['guess'\]"),
        ("name,kind,number,seconds,guess,new\n", r"with \['new'\]"),
        ("kind,name,number,seconds,guess\n", "the columns"),
        ("# A read-me that ends without a line's end", "the columns"),
        ("\n", "the columns"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(
    tmp_path, text, message
):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(ResultsError, match=message):
        store(path)
    assert path.read_text() == text


def test_an_empty_file_and_what_windows_makes_of_one_are_read(path):
    store(path).add(ROWS[:1])
    text = path.read_text("utf-8")
    path.write_text("")
    assert store(path).rows == []
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    windows = store(path)
    windows.add(ROWS[1:])
    assert [one["number"] for one in store(path).rows] == [35, 3, 35]


@pytest.mark.parametrize(
    "bad", [{"seconds": float("nan")}, {"kind": "z"}, {"name": "two\nlines"}]
)
def test_rows_are_added_all_or_none(path, bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"`{name}`. Expected .* Received"):
        store(path).add([row(1), row(2, **bad)])
    assert not path.exists()


ADDS = """
import sys, time
from dni_lesson.experiments.store import Store
from test_experiments_store import row, store

new_rows = Store.new_rows

def late(*arguments):
    time.sleep(0.005)  # Between reading and writing.
    return new_rows(*arguments)

Store.new_rows = late
print("ready", flush=True)
sys.stdin.readline()
for number in range(1, 16):
    store(sys.argv[1]).add([row(number, name=sys.argv[2])])
"""


def test_two_programs_that_add_at_the_same_time_lose_nothing(path):
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", ADDS, str(path), name],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for program in programs:
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        program.stdin.write("\n")
        program.stdin.flush()
    for program in programs:
        program.communicate()
        assert program.returncode == 0
    found = {(one["name"], one["number"]) for one in store(path).rows}
    assert len(found) == 30


@pytest.mark.skipif(os.name == "nt", reason="modes and links of Unix")
def test_a_link_and_a_mode_stay(tmp_path):
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    link.symlink_to(target)
    store(link).add(ROWS[:1])
    target.chmod(0o640)
    store(link).add(ROWS[1:])
    assert link.is_symlink() and not target.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert len(store(target).rows) == 3


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    store(path).add(ROWS[:1])
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        store(path).add(ROWS)
    assert path.read_bytes() == before
    kept = {one.name for one in path.parent.iterdir()}
    assert kept == {"rows.csv", ".rows.csv.lock"}


def test_a_table_has_what_another_program_added(path):
    mine = store(path)
    assert list(mine.table()) == list(COLUMNS) and mine.table().empty
    store(path).add(ROWS)
    table = mine.table()
    pd.testing.assert_frame_equal(table, pd.read_csv(path))


LATER = {**COLUMNS, "worth": Column(float, later=True)}


def test_a_file_from_before_a_column_is_read_and_added_to(path):
    store(path).add(ROWS[:2])
    now = Store(path, LATER, ["name", "kind", "number"])
    assert [one["worth"] for one in now.rows] == [None, None]
    now.add([row(5, worth=1.5)])
    assert [one["worth"] for one in now.rows] == [None, None, 1.5]
    rest = [{k: one[k] for k in COLUMNS} for one in now.rows[:2]]
    assert rest == [now.as_read(one) for one in ROWS[:2]]


def test_a_row_of_before_among_those_of_now_is_damage(path):
    now = Store(path, LATER, ["name", "kind", "number"])
    now.add([row(5, worth=1.5)])
    path.write_text(path.read_text() + "x,a,6,0.1,\n")
    with pytest.raises(ResultsError, match="5 fields instead of 6"):
        now.rows
