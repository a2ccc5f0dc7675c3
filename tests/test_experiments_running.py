import subprocess
import sys
import time

from dni_lesson.experiments import command, running
from dni_lesson.experiments.currencies import summary
from dni_lesson.experiments.experiment import Experiment
from dni_lesson.experiments.results import CELL, COLUMNS, Rest, Results

import pandas as pd
import pytest
from races import sign

SMALL = {"units": (8,), "depths": (2,), "seeds": (0,), "batch_size": 500}
COMMAND = [
    *("--arms", "backprop", "cdni", "--depths", "2", "--units", "8"),
    *("--seeds", "0", "1", "--epochs", "1", "--batch-size", "500"),
]


@pytest.fixture(scope="module", autouse=True)
def no_memory_is_measured():
    """A process for each arm does that, which tests of its own look at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "peak_mib", lambda *arm: 100.0)
        yield


@pytest.fixture(scope="module")
def rows():
    experiment = Experiment(arms=("backprop", "cdni"), epochs=2, **SMALL)
    data = running.load(experiment)
    group = experiment.groups()[0]
    return running.run_group(experiment, group, experiment.arms, data)


def test_each_arm_has_a_row_for_each_round(rows):
    frame = pd.DataFrame(rows)
    assert list(frame.columns.sort_values()) == sorted(COLUMNS)
    for _, arm in frame.groupby("arm"):
        assert arm["round"].tolist() == [1, 2, 3, 4]
        assert arm["step"].tolist() == [4, 7, 11, 14]  # 7 batches an epoch.
        assert (arm["seconds"] > 0).all()
        assert arm["layer_updates"].tolist() == [8, 6, 8, 6]
        assert arm["test_error"].iloc[-1] < 90  # Chance.


def test_a_rule_of_ones_own_is_measured_beside_the_others():
    experiment = Experiment(arms=("backprop",), epochs=1, **SMALL)
    (group,) = experiment.groups()
    data = running.load(experiment)
    arms, models = ("backprop", "sign"), {"sign": sign}
    rows = running.run_group(experiment, group, arms, data, models)
    frame = pd.DataFrame(rows)
    assert frame["arm"].tolist() == ["backprop", "sign"] * 2
    assert frame["layer_updates"].tolist() == [8, 8, 6, 6]
    table = summary(frame).set_index("arm")
    assert list(table.index) == list(arms)
    assert table["peak_mib"].isna().tolist() == [False, True]
    with pytest.raises(ValueError, match="`arms`. Expected one of .*'sign'"):
        running.run_group(experiment, group, ("sgd",), data, models)


def test_the_validation_digits_are_no_training_digits():
    data = running.load(Experiment())
    assert [len(data[k][1]) for k in ("train", "validation", "test")] == [
        3500,
        500,
        1000,
    ]
    train = {image.tobytes() for image in data["train"][0]}
    assert not any(x.tobytes() in train for x in data["validation"][0])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"validation": 4000}, "`validation`. Expected to leave"),
        ({"rounds": 14}, "`rounds`. Expected at most 13"),
    ],
)
def test_settings_that_do_not_fit_the_data_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        running.load(Experiment(**setting))


def test_memory_is_measured_once_for_each_arm_and_not_at_first(rows):
    frame = pd.DataFrame(rows).pivot(
        index="round", columns="arm", values="peak_mib"
    )
    assert frame.notna().sum(axis=1).tolist() == [0, 0, 0, 2]
    assert (frame.loc[4] == 100.0).all()


def test_memory_can_be_left_out():
    experiment = Experiment(arms=("backprop",), epochs=1, **SMALL)
    (group,) = experiment.groups()
    data = running.load(experiment)
    rows = running.run_group(
        experiment, group, experiment.arms, data, memory=False
    )
    assert [row["peak_mib"] for row in rows] == [None, None]


def test_a_round_that_is_done_is_trained_again_and_not_measured_again(rows):
    experiment = Experiment(arms=("backprop", "cdni"), epochs=2, **SMALL)
    data = running.load(experiment)
    (group,) = experiment.groups()
    rest = Rest("r", 3, experiment.arms)
    (last,) = running.run_rounds(experiment, group, rest, data)
    assert [row["peak_mib"] for row in last] == [100.0, 100.0]
    for name in (*CELL, "round", "step", "layer_updates", "macs"):
        assert [row[name] for row in last] == [row[name] for row in rows[-2:]]
    for name in ("validation_error", "test_error"):
        # To the digit; two processes might disagree about one.
        assert [row[name] for row in last] == pytest.approx(
            [row[name] for row in rows[-2:]], abs=0.2
        )


def test_an_interrupted_benchmark_goes_on_and_counts_nothing_twice(
    tmp_path, monkeypatch, capsys
):
    path, add = tmp_path / "new" / "rows.csv", Results.add
    added = []

    def interrupt_after_three_rounds(results, rows):
        add(results, rows)
        added.append(rows)
        if len(added) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Results, "add", interrupt_after_three_rounds)
    arguments = [*COMMAND, "--out", str(path)]
    assert command.main(arguments) == 130
    first = path.read_text()
    assert "4 of 4 runs to do" in capsys.readouterr().out
    monkeypatch.setattr(Results, "add", add)
    assert command.main(arguments) == 0
    assert path.read_text().startswith(first) and first.count("\n") == 7
    assert "2 of 4 runs to do" in capsys.readouterr().out
    whole = path.read_text()
    assert command.main(arguments) == 0
    output = capsys.readouterr().out
    assert path.read_text() == whole and whole.count("\n") == 9
    assert "0 of 4 runs to do" in output and "## 2 layers of 8 units" in output


STAYS_AFTER_ONE_ROUND = """
import sys, time
from dni_lesson.experiments import command, running
from dni_lesson.experiments.currencies import summary
from dni_lesson.experiments.results import Results

running.peak_mib = lambda *arm: 100.0
add = Results.add

def stay(results, rows):
    add(results, rows)
    time.sleep(600)

Results.add = stay
command.main(sys.argv[1:])
"""


def test_a_killed_benchmark_keeps_the_round_that_was_over(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    arguments = ["--arms", "backprop", *COMMAND[3:], "--out", str(path)]
    program = [sys.executable, "-c", STAYS_AFTER_ONE_ROUND, *arguments]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL) as process:
        while not path.exists() and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    assert process.returncode != 0
    first = path.read_text()
    assert first.count("\n") == 2
    assert command.main(arguments) == 0
    assert "2 of 2 runs to do" in capsys.readouterr().out
    assert path.read_text().startswith(first)
    rounds = Results(path).frame.groupby("seed").size()
    assert rounds.to_dict() == {0: 2, 1: 2}


def test_runs_that_another_benchmark_began_are_no_success(
    tmp_path, monkeypatch, capsys
):
    path, add = tmp_path / "rows.csv", Results.add

    def add_after_another(results, rows):
        if not path.exists():
            add(Results(path), [{**row, "run": "other"} for row in rows])
        add(results, rows)

    monkeypatch.setattr(Results, "add", add_after_another)
    arguments = [*COMMAND, "--seeds", "0", "--out", str(path)]
    assert command.main(arguments) == 2
    assert "had begun 2 of these runs" in capsys.readouterr().err
    assert {row["run"] for row in Results(path).rows} == {"other"}


def test_a_dry_run_says_what_would_run_and_writes_nothing(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    assert command.main([*COMMAND, "--dry-run", "--out", str(path)]) == 0
    assert "seed=1): 2 rounds of backprop, cdni\n" in capsys.readouterr().out
    assert not path.exists()


def test_a_bad_setting_is_one_sentence(capsys):
    assert command.main(["--p", "2"]) == 2
    assert capsys.readouterr().err.startswith("`p`. Expected a number > 0")
