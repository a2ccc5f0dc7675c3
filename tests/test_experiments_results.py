"""Which runs are there, which are begun, and which may stand side by side."""

import pathlib

from dni_lesson.experiments.experiment import Experiment, Group
from dni_lesson.experiments.results import COLUMNS, Results
from dni_lesson.experiments.store import ResultsError

import pandas as pd
import pytest

STORED = pathlib.Path(__file__).parent.parent / "data/results"
EXPERIMENT = Experiment(
    arms=("backprop", "cdni", "dni"), epochs=2, rounds=2, device="CPU"
)
GROUP = Group(2, 8, 0.2, 0)
MACHINE = {
    "device_name": "CPU",
    "cpu": "001",
    "cores": 2,
    "threads": 2,
    "python": "3.11.7",
    "tensorflow": "2.21.0",
    "keras": "3.15.1",
    "commit": "1e5",
}


def rows(rounds=4, arms=("backprop", "cdni"), run="001", **other):
    return [
        {
            "run": run,
            "arm": arm,
            **GROUP._asdict(),
            **EXPERIMENT.settings(),
            "round": number,
            "step": 5 * number,
            "seconds": 0.5,
            "layer_updates": 10,
            "macs": 100,
            "peak_mib": 80.5 if number == 2 else None,
            "validation_error": 9.5,
            "test_error": 10,
            **MACHINE,
            **other,
        }
        for number in range(1, rounds + 1)
        for arm in arms
    ]


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path / "rows.csv")


def rest(results, **machine):
    return results.rest(EXPERIMENT, GROUP, {**MACHINE, **machine})


def test_rows_survive_the_file(results):
    results.add(rows())
    again = Results(results.path)
    assert again.rows == results.rows and list(again.frame) == list(COLUMNS)
    assert set(again.frame["run"]) == {"001"}  # No number.
    (left,) = rest(again)
    assert left.arms == ("dni",) and left.done == 0 and left.run != "001"


def test_a_run_goes_on_where_it_stopped_with_those_that_came_as_far(results):
    results.add(rows(rounds=1))
    begun, new = rest(results)
    assert begun == ("001", 1, ("backprop", "cdni"))
    assert (new.done, new.arms) == (0, ("dni",))
    results.add(rows(rounds=3))
    assert rest(results)[0] == ("001", 3, ("backprop", "cdni"))
    results.add(rows(rounds=4, arms=("cdni",)))
    assert [one.arms for one in rest(results)] == [("backprop",), ("dni",)]


def test_only_whole_runs_are_reported(results):
    results.add(rows(rounds=4, arms=("cdni",)) + rows(3, ("backprop",)))
    assert len(results.rows) == 7
    assert set(results.frame["arm"]) == {"cdni"} and len(results.frame) == 4


@pytest.mark.parametrize(
    "machine", [{"keras": "3.14.0"}, {"tensorflow": "2.20.0"}, {"cpu": "1"}]
)
def test_rows_of_an_older_version_or_another_machine_are_not_done(
    results, machine
):
    results.add(rows(**machine))
    assert [one.arms for one in rest(results)] == [EXPERIMENT.arms]
    results.add(rows(run="002"))  # Both may be there.
    assert [one.arms for one in rest(results)] == [("dni",)]
    assert [one.arms for one in rest(results, commit="2e5")] == [("dni",)]


def test_what_another_benchmark_wrote_meanwhile_is_kept(results):
    other = Results(results.path)
    other.add(rows(seed=1))
    for writer in (results, other):  # At the second time they are there.
        writer.add(rows())
        frame = Results(results.path).frame
        assert frame["seed"].tolist() == [1] * 8 + [0] * 8
        pd.testing.assert_frame_equal(writer.frame, frame)


def test_a_run_that_another_benchmark_began_is_the_others(results):
    results.add(rows(rounds=1))
    late = Results(results.path)
    for number in (1, 2):
        late.add(rows(number, run="late")[-2:])
    results.add(rows(rounds=4))
    assert [one["run"] for one in Results(results.path).rows] == ["001"] * 8


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: lines[:3] + lines[5:], "round 3 of 4 as number 2"),
        (lambda lines: [*lines, lines[-1]], "lines 9 and 10 of one run"),
        (lambda lines: [lines[0].upper(), *lines[1:]], "the columns"),
    ],
)
def test_a_damaged_file_is_refused_and_left_alone(results, damage, message):
    results.add(rows())
    lines = results.path.read_text().splitlines()
    before = "\n".join(damage(lines)) + "\n"
    results.path.write_text(before)
    with pytest.raises(ResultsError, match=message):
        Results(results.path)
    assert results.path.read_text() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"arm": "sgd"},
        {"epochs": "1000000000000"},
        {"epochs": "1e12"},
        {"epochs": "0"},
        {"seconds": "inf"},
        {"seconds": "-1.0"},
        {"macs": "nan"},
        {"test_error": "101"},
        {"depth": "1"},
        {"p": "0"},
        {"p": "1.5"},
        {"seed": "4294967296"},
        {"learning_rate": "0.0"},
        {"data": ""},
        {"commit": ""},
        {"device": "TPU"},
        {"run": ""},
    ],
)
def test_a_value_that_no_benchmark_writes_is_refused(results, wrong):
    results.add(rows())
    frame = pd.read_csv(results.path, dtype=str, keep_default_na=False)
    ((name, value),) = wrong.items()
    frame.loc[4, name] = value
    frame.to_csv(results.path, index=False)
    with pytest.raises(ResultsError, match=f"{value!r} as {name} in line 6"):
        Results(results.path)


def test_a_file_that_went_away_amid_a_run_is_no_half_run(results):
    results.add(rows(rounds=2))
    results.path.unlink()
    with pytest.raises(ResultsError, match="round 3 of 4 as number 1"):
        results.add(rows(rounds=3)[-2:])
    assert not results.path.exists()


@pytest.mark.parametrize("name", ["benchmark", "forensic", "wide"])
def test_the_stored_rows_are_whole_runs(name):
    path = STORED / f"{name}.csv"
    frame = pd.read_csv(path, dtype={"run": str, "commit": str})
    found = Results(path).frame
    assert set(found) - set(frame) <= {"cores_worth"}  # It came later.
    pd.testing.assert_frame_equal(found[list(frame)], frame, check_dtype=False)
