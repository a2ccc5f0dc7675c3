"""A command's work does not hang on who reads what it prints."""

import io
import os
import subprocess
import sys

from dni_lesson import terminal


def test_letters_that_the_terminal_lacks_are_written_out(monkeypatch):
    raw = io.BytesIO()
    ascii_only = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)
    terminal.prepare()
    terminal.say("rows in \u00fc/\u65e5.csv, \udcff")
    assert raw.getvalue() == b"rows in \\xfc/\\u65e5.csv, \\udcff\n"


def test_streams_that_cannot_be_prepared_are_left(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", None)
    terminal.prepare()


# As a program the package comes without TensorFlow.
TALKS = """
import sys
from dni_lesson.terminal import say

for number in range(100):
    say(f"{number:1000}")
with open(sys.argv[1], "w") as file:
    file.write("done")
"""


def test_work_goes_on_when_nobody_reads_any_more(tmp_path):
    program = subprocess.Popen(
        [sys.executable, "-c", TALKS, str(tmp_path / "work")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    program.stdout.readline()
    program.stdout.close()
    assert (program.stderr.read(), program.wait()) == ("", 0)
    program.stderr.close()
    assert (tmp_path / "work").read_text() == "done"
