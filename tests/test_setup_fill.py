"""What a newcomer sees while packages are installed, and if that fails."""

import importlib.metadata
import pathlib
import re
import sysconfig

from setup import fill

import pytest

LOCK = pathlib.Path(__file__).parent.parent / "requirements.lock"
COLLECTED = """\
Looking in indexes: https://index.invalid/simple
Ignoring appnope: markers 'sys_platform == "darwin"' don't match your system
Collecting absl-py==2.5.1 (from -r requirements.lock (line 3))
  Downloading absl_py-2.5.1-py3-none-any.whl (137 kB)
Processing /wheels/jupyter_lsp-2.3.1-py3-none-any.whl (from -r x)
"""
NAMES = ["six", "jupyter-lsp", "absl-py"]
UNPACKED = COLLECTED + f"Installing collected packages: {', '.join(NAMES)}\n"
NO_NETWORK = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConn'
ERROR: Could not find a version that satisfies the requirement absl-py==2.5.1
ERROR: No matching distribution found for absl-py==2.5.1
"""


@pytest.fixture
def pip_that(monkeypatch, tmp_path):
    """Returns a function that puts a program in the place of pip."""
    monkeypatch.setattr(fill, "DOWNLOADS", tmp_path / "tmp")

    def replace(program):
        (tmp_path / "pip.py").write_text(program)
        monkeypatch.setattr(fill, "PIP", str(tmp_path / "pip.py"))

    return replace


def test_a_download_is_told_with_its_number_of_those_for_this_system():
    assert fill.progress("", 4, set()) == "asking the package index"
    told = fill.progress(COLLECTED, 4, set())
    assert told == "downloading 2 of 3: jupyter_lsp"


def test_the_name_stands_before_the_version():
    told = fill.progress("Collecting absl-py==2.5.1 (from x)\n", 3, set())
    assert told == "downloading 1 of 3: absl-py"


def test_unpacking_counts_from_one_to_all():
    for done in range(len(NAMES) + 1):
        told = fill.progress(UNPACKED, 4, {"pip", *NAMES[:done]})
        number = min(done + 1, len(NAMES))
        assert told == f"unpacking {number} of 3: {NAMES[number - 1]}"


def test_silence_of_the_index_is_told():
    told = fill.progress(COLLECTED + NO_NETWORK.splitlines()[0], 4, set())
    assert told.startswith("no answer")


def test_installed_packages_have_the_names_that_pip_gives_them():
    # Of this environment alone: Ray brings packages in a folder of its own.
    folder = sysconfig.get_path("purelib")
    there = importlib.metadata.distributions(path=[folder])
    names = {re.sub("[_.]+", "-", one.name).lower() for one in there}
    locked = set(re.findall(r"^([a-z0-9-]+)==", LOCK.read_text(), re.M))
    assert locked & names <= fill.installed()


def test_a_file_gets_at_most_one_line_in_ten_seconds(capsys):
    told = 0
    for half_seconds in range(201):
        told = fill.tell("at work", half_seconds / 2, told)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[-1] == "  1:40  at work"


@pytest.mark.parametrize(
    ("log", "space", "word"),
    [
        (NO_NETWORK, 1e12, "network"),
        (COLLECTED, 0, "disk"),
        ("OSError: [Errno 28] No space left on device", 1e12, "disk"),
        ("ERROR: hashes differ", 1e12, "above"),
    ],
)
def test_the_remedy_fits_the_cause(log, space, word):
    assert word in fill.remedy(log, space)


def test_success_needs_no_words(pip_that):
    pip_that("print('Successfully installed')")
    assert fill.fill(LOCK) is None


def test_what_pip_complains_of_is_shown(pip_that, capsys):
    pip_that(f"print({COLLECTED + NO_NETWORK!r}); raise SystemExit(1)")
    assert "starts afresh" in fill.fill(LOCK)
    shown = capsys.readouterr().out
    assert NO_NETWORK.split("\n", 1)[1] in shown
    assert "Collecting" not in shown
    assert not fill.DOWNLOADS.exists()


def test_an_interrupt_ends_pip_too(pip_that, monkeypatch):
    started = []
    start = fill.start

    def remember(lock):
        started.append(start(lock))
        return started[0]

    def interrupt(*_):
        raise KeyboardInterrupt

    pip_that("import time; time.sleep(600)")
    monkeypatch.setattr(fill, "start", remember)
    monkeypatch.setattr(fill, "tell", interrupt)
    assert "interrupted" in fill.fill(LOCK)
    assert started[0][0].poll() is not None
