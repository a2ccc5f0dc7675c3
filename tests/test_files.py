"""A file is written whole or not at all."""

import errno
import stat
import sys

from dni_lesson import files

import pytest


def fail(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("content", ["grün\n\r\n", b"\x89PNG\n\xff"])
def test_what_is_written_is_what_is_there(tmp_path, content):
    target = tmp_path / "one"
    for _ in range(2):
        files.replace(target, content)
        written = content.encode() if isinstance(content, str) else content
        assert target.read_bytes() == written


@pytest.mark.parametrize("moment", ["os.fsync", "os.replace"])
def test_a_failed_write_leaves_the_file_and_nothing_beside(
    tmp_path, monkeypatch, moment
):
    target = tmp_path / "one"
    target.write_text("before")
    monkeypatch.setattr(moment, fail)
    with pytest.raises(OSError, match="No space"):
        files.replace(target, "after")
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are of POSIX")
def test_a_file_keeps_its_mode(tmp_path):
    target = tmp_path / "one"
    target.write_text("before")
    target.chmod(0o640)
    files.replace(target, "after")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
