from dni_lesson.benchmark import command, running
from dni_lesson.benchmark.experiment import PLACED

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


def test_rows_that_cannot_be_written_are_one_sentence(
    tmp_path, capsys, monkeypatch
):
    def fail(*arguments):
        raise PermissionError("no right to write")

    monkeypatch.setattr(running, "run_group", fail)
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
