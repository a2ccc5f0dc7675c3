"""A .venv that was moved, or lacks something, is noticed and mended."""

import pathlib
import shutil
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
MOVED = REPOSITORY / "setup" / "moved.py"

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the folders have other names there"
)


@pytest.fixture
def place(tmp_path):
    """A folder with a .venv that has an empty pip and one script."""
    place = tmp_path / "old"
    command = [sys.executable, "-m", "venv", "--clear", "--without-pip"]
    subprocess.run([*command, place / ".venv"], check=True)
    (packages,) = place.glob(".venv/lib/python*/site-packages")
    (packages / "pip").mkdir()
    (packages / "pip" / "__init__.py").touch()
    script = place / ".venv" / "bin" / "ray"
    script.write_text(f"#!{place}/.venv/bin/python\n")
    (place / ".venv" / "locked.stamp").touch()
    return place


def moved(place, what):
    """Returns what `setup/moved.py` says with the Python of a .venv."""
    return subprocess.run(
        [place / ".venv" / "bin" / "python", "-I", MOVED, what],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_a_venv_in_its_place_is_good(place):
    assert moved(place, "state") == "good"
    assert moved(place, "relink") == ""


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_moved_or_copied_venv_is_linked_to_its_new_place(place, how):
    new = place.with_name("new")
    how(place, new, **({"symlinks": True} if how is shutil.copytree else {}))
    assert moved(new, "state") == "moved"
    assert str(new) in moved(new, "relink")
    assert moved(new, "state") == "good"
    script = new / ".venv" / "bin" / "ray"
    assert script.read_text() == f"#!{new}/.venv/bin/python\n"
    assert str(place) not in (new / ".venv/bin/activate").read_text()


def test_a_venv_of_another_python_is_broken(place):
    (packages,) = place.glob(".venv/lib/python*")
    packages.rename(packages.with_name("python3.0"))
    assert moved(place, "state") == "broken"


def steps(place, *options):
    """Returns the commands that `make lab` would give."""
    done = subprocess.run(
        ["make", "-n", "lab", f"VENV={place}/.venv", *options],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=True,
    )
    return done.stdout


def test_make_starts_anew_when_the_python_is_gone(place):
    for program in place.glob(".venv/bin/python*"):
        program.unlink()
    assert f"The Python of {place}/.venv is gone" in steps(place)
    assert "setup/fill.py requirements.lock" in steps(place)


def test_libraries_for_a_gpu_are_added_once_to_what_is_there(place):
    (place / ".venv" / "ready.stamp").touch()
    assert "fill.py" not in steps(place)
    added = steps(place, "GPU=1")
    assert added.count("setup/fill.py") == 1
    assert "setup/fill.py requirements-gpu.lock" in added
    assert "-m venv" not in added
    (place / ".venv" / "cuda.stamp").touch()
    assert "fill.py" not in steps(place, "GPU=1")
    assert "fill.py" not in steps(place)
