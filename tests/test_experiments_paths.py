"""Files that cannot be written are refused before there is work to lose."""

import os
import tempfile

from dni_lesson.experiments.paths import check_out, check_report

import pytest


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
