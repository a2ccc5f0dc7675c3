from dni_lesson.benchmark import command


def test_a_report_of_another_kind_is_refused_before_anything_runs(
    tmp_path, capsys
):
    rows = tmp_path / "rows.csv"
    options = ["--out", str(rows), "--report", "report.pdf"]
    assert command.main(options) == 2
    printed = capsys.readouterr()
    assert "`report`. Expected a file name that ends with" in printed.err
    assert printed.out == "" and not rows.exists()
