import subprocess
import sys
import time

from dni_lesson.benchmark import command, running
from dni_lesson.benchmark.experiment import Experiment, Group
from dni_lesson.benchmark.results import COLUMNS, Results, ResultsError

import pandas as pd
import pytest

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


def test_an_interrupted_benchmark_goes_on_and_counts_nothing_twice(
    tmp_path, monkeypatch, capsys
):
    path = tmp_path / "new" / "rows.csv"
    run_group, ran = running.run_group, []

    def interrupt_amid_the_second(experiment, group, arms, data, on_round):
        ran.append(group)

        def interrupting(done, total):
            if len(ran) == 2:
                raise KeyboardInterrupt
            on_round(done, total)

        return run_group(experiment, group, arms, data, interrupting)

    monkeypatch.setattr(running, "run_group", interrupt_amid_the_second)
    arguments = [*COMMAND, "--out", str(path)]
    assert command.main(arguments) == 130
    first = path.read_text()
    monkeypatch.setattr(running, "run_group", run_group)
    assert command.main(arguments) == 0
    assert path.read_text().startswith(first)
    assert "2 of 4 runs to do" in capsys.readouterr().out
    whole = path.read_text()
    assert command.main(arguments) == 0
    output = capsys.readouterr().out
    assert path.read_text() == whole
    assert "0 of 4 runs to do" in output and "## 2 layers of 8 units" in output


STAYS_IN_THE_SECOND = """
import sys, time
from dni_lesson.benchmark import command, running
run_group, ran = running.run_group, []

def stay(*arguments):
    if ran:
        time.sleep(600)
    ran.append(True)
    return run_group(*arguments)

running.run_group = stay
command.main(sys.argv[1:])
"""


def test_a_killed_benchmark_goes_on_where_it_stopped(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    arguments = ["--arms", "backprop", *COMMAND[3:], "--out", str(path)]
    program = [sys.executable, "-c", STAYS_IN_THE_SECOND, *arguments]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL) as process:
        while not path.exists() and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    assert process.returncode != 0
    first = path.read_text()
    assert command.main(arguments) == 0
    assert "1 of 2 runs to do" in capsys.readouterr().out
    assert path.read_text().startswith(first)
    rounds = Results(path).frame.groupby("seed").size()
    assert rounds.to_dict() == {0: 2, 1: 2}


def test_a_dry_run_writes_nothing(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    assert command.main([*COMMAND, "--dry-run", "--out", str(path)]) == 0
    assert not path.exists() and "about " in capsys.readouterr().out


def test_a_bad_setting_is_one_sentence(capsys):
    assert command.main(["--p", "2"]) == 2
    assert capsys.readouterr().err.startswith("`p`. Expected a number > 0")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "no number|not each|Error"),
        (lambda text: text.replace("test_error", "error", 1), "the columns"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "not each of 4"),
        (lambda text: text + text.splitlines()[-1] + "\n", "not each of 4"),
        (lambda text: "", "No columns"),
        (lambda text: text.replace(",digits,", ",,"), "no data in line 2"),
        (lambda text: text.rsplit(",", 1)[0], "no commit in line 9"),
        (lambda text: text.rsplit(",", 7)[0], "no cpu in line 9"),
    ],
)
def test_a_damaged_file_is_refused_and_left_alone(
    rows, tmp_path, damage, message
):
    path = tmp_path / "rows.csv"
    Results(path).add(rows)
    path.write_text(damage(path.read_text()))
    before = path.read_text()
    with pytest.raises(ResultsError, match=message):
        Results(path)
    assert path.read_text() == before


def test_what_another_benchmark_wrote_meanwhile_is_kept(rows, tmp_path):
    path = tmp_path / "rows.csv"
    one, other = Results(path), Results(path)
    other.add([{**row, "seed": 1} for row in rows])
    for writer in (one, other):  # At the second time they are there.
        writer.add(rows)
        frame = Results(path).frame
        assert frame["seed"].tolist() == [1] * len(rows) + [0] * len(rows)
        pd.testing.assert_frame_equal(writer.frame, frame, check_dtype=False)


def test_a_run_whose_name_is_all_digits_stays_one(rows, tmp_path):
    path = tmp_path / "rows.csv"
    Results(path).add([{**row, "run": "001234567890"} for row in rows])
    assert set(Results(path).frame["run"]) == {"001234567890"}


def test_rows_survive_the_file(rows, tmp_path):
    results = Results(tmp_path / "rows.csv")
    results.add(rows)
    again = Results(tmp_path / "rows.csv").frame
    pd.testing.assert_frame_equal(again, results.frame, check_dtype=False)
    experiment = Experiment(arms=("backprop", "cdni"), epochs=2, **SMALL)
    assert (
        Results(tmp_path / "rows.csv").missing(experiment, Group(2, 8, 0.2, 0))
        == []
    )


def test_a_failed_write_leaves_the_old_file(rows, tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    Results(path).add(rows)
    before = path.read_text()

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        Results(path).add(rows)
    assert path.read_text() == before
    assert [one.name for one in tmp_path.iterdir()] == ["rows.csv"]
