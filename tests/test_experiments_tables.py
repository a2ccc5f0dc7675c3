"""The programs in benchmarks/ continue their tables and nothing else."""

import importlib
import pathlib
import sys
from types import SimpleNamespace

from dni_lesson.experiments.store import Store

import pandas as pd
import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
ON_UNIX = [
    pytest.param(
        "link",
        marks=pytest.mark.skipif(sys.platform != "linux", reason="namespaces"),
    )
]


@pytest.fixture(autouse=True)
def beside_the_programs(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")


def emptied(module, folder, monkeypatch):
    """Gives a program an empty table of the same columns."""
    table = module.RESULTS
    empty = Store(folder / "rows.csv", table.columns, table.key)
    monkeypatch.setattr(module, "RESULTS", empty)
    return empty


@pytest.mark.parametrize(
    "name",
    [
        "accuracy",
        "agreement",
        "asynchrony",
        "copy_task",
        "messages",
        "opponents",
        "staleness",
        "tuned",
        "unlock",
        *ON_UNIX,
    ],
)
def test_what_is_stored_is_read(name):
    table = importlib.import_module(name).RESULTS
    frame = pd.read_csv(table.path)
    assert table.path == REPOSITORY / f"data/results/{name}.csv"
    wanted = [name for name, one in table.columns.items() if not one.later]
    assert list(frame) in (wanted, list(table.columns))
    assert len(table.rows) == len(frame)


def test_a_run_with_hidden_predictors_is_made_once(tmp_path, monkeypatch):
    accuracy = importlib.import_module("accuracy")
    table, trained = emptied(accuracy, tmp_path, monkeypatch), []
    monkeypatch.setattr(accuracy.dni, "load_mnist", lambda: None)
    monkeypatch.setattr(
        accuracy, "train", lambda data, *run: trained.append(run) or 1.5
    )
    options = ["--rules", "dni", "--depths", "3", "--seeds", "0"]
    for predictor in (["32"], ["32"], ["32-32"], ["softmax"], []):
        named = ["--predictor", *predictor] if predictor else []
        monkeypatch.setattr(sys, "argv", ["", *options, *named])
        accuracy.main()
    made = [row["predictor"] for row in table.rows]
    assert made == ["32", "32-32", "softmax", "linear"]
    assert len(trained) == 4


@pytest.mark.parametrize(
    ("option", "value"),
    [("seeds", "4294967296"), ("depths", "501"), ("rules", "sgd")],
)
def test_an_argument_that_no_row_can_hold_is_refused_at_once(
    option, value, monkeypatch, capsys
):
    accuracy = importlib.import_module("accuracy")
    monkeypatch.setattr(accuracy.dni, "load_mnist", None)
    monkeypatch.setattr(sys, "argv", ["", f"--{option}", value])
    with pytest.raises(SystemExit):
        accuracy.main()
    told = capsys.readouterr().err
    assert f"--{option}: expected" in told and f"received '{value}'" in told


class StandIn:
    """Workers that run for no time; they note the delays they are given."""

    def __init__(self):
        self.delays = []

    def steady(self, delay):
        self.delays.append(delay)
        return SimpleNamespace(seconds=0.25, records=[])


def test_a_delay_that_is_added_later_is_measured_too(tmp_path, monkeypatch):
    asynchrony = importlib.import_module("asynchrony")
    table = emptied(asynchrony, tmp_path, monkeypatch)
    monkeypatch.setattr(asynchrony, "costs", lambda teams, ran: {})
    monkeypatch.setattr(asynchrony, "predicted", lambda *_: None)
    cell = {"table": "links", "width": 8, "batch": 4, "workers": 2}
    measured = []
    for delays in ([0.0, 1.1], [0.0, 1.1], [0.0, 1.1, 5.0]):
        arm = StandIn()
        asynchrony.measure(cell, {"locked": arm}, None, 2, delays)
        measured.append(arm.delays)
    assert measured == [[0, 1.1e-3] * 2, [], [0, 5e-3] * 2]
    found = [(row["round"], row["delay_ms"]) for row in table.rows]
    assert found == [(1, 0), (1, 1.1), (2, 0), (2, 1.1), (1, 5), (2, 5)]


def test_an_arm_that_took_no_turn_in_a_round_is_told(tmp_path, monkeypatch):
    speed = importlib.import_module("speed")
    stored = speed.results()
    table = Store(tmp_path / "rows.csv", stored.columns, stored.key)
    assert speed.missing_rounds(table, {"cDNI": []}, 256, (1, 2)) == [1, 2]
    row = {name: 1 for name in table.columns}
    row |= {"units": 256, "arm": "cDNI"}
    table.add([row, {**row, "arm": "another"}])
    assert speed.missing_rounds(table, {"cDNI": []}, 256, (1, 2)) == [2]
    with pytest.raises(SystemExit, match="Round 1 has no rows of late"):
        speed.missing_rounds(table, {"cDNI": [], "late": []}, 256, (1, 2))


def test_a_damaged_table_is_one_sentence(tmp_path, monkeypatch):
    tables = importlib.import_module("tables")
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    (tmp_path / "x.csv").write_text("other\n")
    with pytest.raises(SystemExit, match="x.csv. Expected whole rows"):
        tables.table("x", {"round": tables.COUNT}, {"ms": tables.NUMBER})
