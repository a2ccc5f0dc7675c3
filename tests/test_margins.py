"""Tests of the program that measures the margins of the lessons' verdicts."""

import lessons
import margins
import numpy as np
import pandas as pd
import pytest
from nbformat import v4

VERDICTS = """\
import numpy as np
x = np.random.default_rng(0).normal(size=3)
print("small:", bool(np.all(x < 5)), 1 < 2)
"""
FAILS = "assert x[0] < -5\nprint('never')"


def make_notebook(*sources):
    cells = [v4.new_code_cell(source) for source in sources]
    return v4.new_notebook(cells=cells)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("set_random_seed(n)", "set_random_seed(n + 2)"),
        ("f(a, seed=3)", "f(a, seed=3 + 2)"),
        ("dni.mlp(depth=3)", "dni.mlp(depth=3, seed=2)"),
        ("race.fields['seed'].value = s", "race.fields['seed'].value = s + 2"),
        ("y = h * (h > 0)", "y = h * (h > 0)"),
        ("y = a[a > 0]", "y = a[a > 0]"),
        ("np.mean(a == b)", "np.mean(a == b)"),
        ("a is b", "a is b"),
    ],
)
def test_seeds_are_shifted_and_only_verdicts_noted(source, expected):
    assert margins.instrument(source, offset=2) == expected


@pytest.mark.parametrize(
    "source", ["1 < 2 < 3", "3 > 2 > 2", "a < 2", "a == a", "'x' == 1"]
)
def test_an_instrumented_comparison_gives_what_it_gave(source):
    names = {"a": np.arange(4), "_margins": margins}
    result = eval(margins.instrument(source), names)
    np.testing.assert_array_equal(result, eval(source, names))


def test_distances_are_noted_and_a_failure_ends_only_its_cell(tmp_path):
    notebook = make_notebook(VERDICTS, FAILS, "1 + 1")
    found, printed = margins.measure(notebook, tmp_path, offset=4)
    x = np.random.default_rng(4).normal(size=3)
    assert found == [
        [0, "x < 5", pytest.approx(np.min(5 - x)), True],
        [0, "1 < 2", 1.0, True],
        [1, "x[0] < -5", pytest.approx(-5 - x[0]), False],
    ]
    assert printed == {
        0: ["small: True True"],
        1: ["AssertionError: "],
        2: ["2"],
    }


def test_the_least_margin_comes_first_and_what_never_varies_is_left_out():
    rows = [
        *[("a", 0, "x > 1", 0, distance, True) for distance in (3, 4, 5)],
        *[("a", 1, "x > 2", 0, d, d > 0) for d in (-1, -2, 0.5)],
        *[("a", 2, "1 > 0", 0, 1, True) for _ in range(3)],
    ]
    columns = [*margins.KEY, "distance", "holds"]
    table = margins.summarise(pd.DataFrame(rows, columns=columns))
    assert list(table.index.get_level_values("cell")) == [1, 0]
    assert list(table["same"]) == ["2/3", "3/3"]
    assert list(table["min"]) == [-0.5, 3]
    assert list(table["mean/sd"]) == pytest.approx([0.66227, 4], abs=1e-5)


def test_main_tells_margins_and_changed_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lessons, "NOTEBOOKS", tmp_path)
    path = tmp_path / "00_one.ipynb"
    path.write_text(lessons.dumps(make_notebook(VERDICTS, "print(x[0] > 0)")))
    out = tmp_path / "rows.csv"
    margins.main(["00", "--seeds", "2", "--out", str(out)])
    assert len(pd.read_csv(out)) == 6
    text = capsys.readouterr().out
    assert "x < 5" in text
    assert "1 < 2" not in text
