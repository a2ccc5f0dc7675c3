"""The command, and the files that it looks at before it works for them."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile

from dni_lesson.experiments import command, running
from dni_lesson.experiments.experiment import PLACED, Experiment

import keras
import pandas as pd
import pytest
import tensorflow as tf


def test_a_report_of_another_kind_is_refused_before_anything_runs(
    tmp_path, capsys
):
    rows = tmp_path / "rows.csv"
    options = ["--out", str(rows), "--report", "report.pdf"]
    assert command.main(options) == 2
    printed = capsys.readouterr()
    assert "`report`. Expected a file name that ends with" in printed.err
    assert printed.out == "" and not rows.exists()
    options[-1] = str(tmp_path / "nowhere" / "report.md")
    assert command.main(options) == 2
    assert "a folder that exists" in capsys.readouterr().err


def test_rows_that_could_not_be_written_are_refused_before_anything_runs(
    tmp_path, capsys
):
    (tmp_path / "file").touch()
    for out in ("file/rows.csv", "rows.csv.gz", "."):
        assert command.main(["--out", str(tmp_path / out)]) == 2
        printed = capsys.readouterr()
        assert "`out`. Expected" in printed.err and printed.out == ""
    same = tmp_path / "report.md"
    same.symlink_to(tmp_path / "rows.csv")
    options = ["--out", str(tmp_path / "rows.csv"), "--report", str(same)]
    assert command.main(options) == 2
    assert "Expected another file" in capsys.readouterr().err


def test_settings_that_would_fail_in_training_are_refused(tmp_path, capsys):
    out = ["--dry-run", "--out", str(tmp_path / "rows.csv")]
    for name, value in (("depths", 501), ("seeds", 2**32)):
        assert command.main([f"--{name}", str(value), *out]) == 2
        assert f"`{name}`. Expected an integer" in capsys.readouterr().err


PROGRAM = """
import sys
sys.modules.update(dict.fromkeys(["tensorflow", "keras", "numpy", "pandas"]))
from dni_lesson.__main__ import main
sys.exit(main(["benchmark", *sys.argv[1:]]))
"""


def without_tensorflow(*arguments):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )


def test_help_and_the_list_of_arms_need_nothing_that_is_installed():
    done = without_tensorflow("--help")
    assert done.returncode == 0 and "--preset {quick" in done.stdout
    done = without_tensorflow("--list")
    assert done.returncode == 0 and "backprop-logged" in done.stdout


def test_without_tensorflow_two_sentences_say_what_to_do(tmp_path):
    done = without_tensorflow("--out", str(tmp_path / "rows.csv"))
    first, second = done.stderr.splitlines()
    assert done.returncode == 1 and "cannot be loaded: import of" in first
    assert "python -m dni_lesson doctor" in second
    assert not any(pathlib.Path(tmp_path).iterdir())


def test_rows_of_another_commit_count_and_it_is_said(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(running, "peak_mib", lambda *arm: 100.0)
    options = ["--arms", "backprop", "--depths", "2", "--units", "8"]
    options += ["--seeds", "0", "--epochs", "1", "--batch-size", "1000"]
    options += ["--out", str(tmp_path / "rows.csv")]
    assert command.main(options) == 0
    assert "name another file" not in capsys.readouterr().out
    path = tmp_path / "rows.csv"
    pd.read_csv(path).assign(commit="old").to_csv(path, index=False)
    assert command.main(options) == 0
    assert "of commit old, and count: name another" in capsys.readouterr().out


def test_rows_that_cannot_be_written_are_one_sentence(
    tmp_path, capsys, monkeypatch
):
    def fail(*arguments):
        raise PermissionError("no right to write")

    monkeypatch.setattr(running, "run_rounds", fail)
    options = ["--depths", "2", "--units", "8", "--seeds", "0"]
    assert command.main([*options, "--out", str(tmp_path / "rows.csv")]) == 2
    assert capsys.readouterr().err == "no right to write\n"


def test_several_gpus_get_the_arms_that_use_them(monkeypatch):
    parse = command._parser().parse_args
    several = {"GPU": ["0", "1"], "CPU": ["0"]}.get
    for name in ("list_physical_devices", "list_logical_devices"):
        monkeypatch.setattr(tf.config, name, several)
    assert command._experiment(parse(["--device", "GPU"])).arms[-2:] == PLACED
    chosen = parse(["--device", "GPU", "--arms", "cdni"])
    assert command._experiment(chosen).arms == ("cdni",)
    on_cpu = parse(["--device", "CPU"])
    assert not set(PLACED) & set(command._experiment(on_cpu).arms)


def check_out(path):
    command.check_file("out", path, (".csv",), makes_folder=True)


def check_report(path, rows=None):
    command.check_file("report", path, command.REPORTS, rows)


def test_rows_may_go_to_a_new_folder_and_nothing_is_made_yet(tmp_path):
    check_out(tmp_path / "new" / "folder" / "rows.csv")
    check_report(tmp_path / "report.md", tmp_path / "new" / "rows.csv")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows", "rows.txt", "csv"])
def test_rows_of_another_kind_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="`out`. Expected .* ends with .csv"):
        check_out(tmp_path / name)


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(ValueError, match="`out`. Expected a file. Received"):
        check_out(tmp_path / "folder.csv")
    with pytest.raises(ValueError, match="`report`. Expected a file. Received"):
        check_report(tmp_path / "folder.md")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="`out`. Expected a folder in which"):
        check_out(tmp_path / "file" / "rows.csv")
    with pytest.raises(ValueError, match="`report`. Expected .* that exists"):
        check_report(tmp_path / "file" / "report.md")


def test_a_folder_or_file_without_the_right_to_write_is_refused(
    tmp_path, monkeypatch
):
    def refuse(**where):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "rows.csv"
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", refuse)
        with pytest.raises(ValueError, match="rows.csv: Permission denied"):
            check_out(path)
        with pytest.raises(ValueError, match="`report`.*: Permission denied"):
            check_report(tmp_path / "report.md")
    path.touch()
    monkeypatch.setattr(os, "access", lambda *right: False)
    with pytest.raises(ValueError, match="`out`. Expected a file that may be"):
        check_out(path)


def test_rows_and_report_are_two_files_whatever_they_are_called(tmp_path):
    rows, report = tmp_path / "rows.csv", tmp_path / "report.md"
    report.symlink_to(rows)
    for _ in range(2):
        with pytest.raises(ValueError, match="`report`. Expected another file"):
            check_report(report, rows)
        rows.touch()
    report.unlink()
    os.link(rows, report)
    with pytest.raises(ValueError, match="`report`. Expected another file"):
        check_report(report, rows)


def test_every_setting_of_an_experiment_is_an_option():
    options = vars(command._parser().parse_args(["--p", "0.5", "1"]))
    assert {field.name for field in dataclasses.fields(Experiment)} < {*options}
    assert options["p"] == [0.5, 1.0] and options["batch_size"] is None


def test_progress_goes_on_when_nobody_reads_any_more(monkeypatch, capsys):
    def closed(*arguments, **how):
        raise BrokenPipeError

    bar, said = keras.utils.Progbar(2), []
    monkeypatch.setattr(command, "say", said.append)
    command._advance(bar)
    assert "1/2" in capsys.readouterr().out and not said
    monkeypatch.setattr("sys.stdout.write", closed)
    command._advance(bar)
    assert said == [""]
