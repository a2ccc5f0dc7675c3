"""The files that set the kit up must agree with one another."""

import importlib.metadata
import pathlib
import re
import stat
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging import requirements

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
GPU_LOCK = (REPOSITORY / "requirements-gpu.lock").read_text(encoding="utf-8")
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
ENVIRONMENT_TEXT = (REPOSITORY / "environment.yml").read_text("utf-8")
ENVIRONMENT = yaml.safe_load(ENVIRONMENT_TEXT)
ENTRY = re.compile(r"^([a-z0-9][a-z0-9-]*)==(\S+)", re.MULTILINE)

# Where packages are fetched from is each user's own setting.
HOSTS = re.compile(r"https?://|file:|index-url|find-links|trusted-host")


def locked(lock=LOCK):
    """Returns a lock as a dict: name to the set of its versions."""
    versions = {}
    for name, version in ENTRY.findall(lock):
        versions.setdefault(name, set()).add(version)
    return versions


def direct():
    """Returns the requirements of pyproject.toml that the lock holds."""
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"]]
    for extra in ("course", "cluster", "test"):
        wanted += extras[extra]
    return dict(re.match(r"([\w-]+)(.*)", line).groups() for line in wanted)


def conda_pins():
    """Returns the pip part of environment.yml as a dict: name to version."""
    (pip,) = [d for d in ENVIRONMENT["dependencies"] if isinstance(d, dict)]
    pins = [line for line in pip["pip"] if not line.startswith("-")]
    return dict(pin.split("==") for pin in pins)


def as_numbers(version):
    return tuple(int(part) for part in re.findall(r"\d+", version))


def test_lock_holds_every_direct_requirement_within_its_bounds():
    for name, bounds in direct().items():
        (version,) = locked()[name]
        for sign, bound in re.findall(r"(>=|<)([\d.]+)", bounds):
            above = as_numbers(version) >= as_numbers(bound)
            assert above == (sign == ">="), f"{name} {version} {bounds}"


def entries(lock):
    """Returns the text of each package in a lock."""
    return re.split(r"\n(?=[a-z0-9])", lock)[1:]


@pytest.mark.parametrize(("lock", "fewest"), [(LOCK, 100), (GPU_LOCK, 10)])
def test_every_entry_of_a_lock_has_hashes(lock, fewest):
    assert len(entries(lock)) == len(ENTRY.findall(lock)) > fewest
    for block in entries(lock):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block


def test_locks_and_environment_name_no_registry_host():
    for text in (LOCK, GPU_LOCK, ENVIRONMENT_TEXT):
        assert not HOSTS.search(text)


def test_the_lock_for_gpus_adds_what_tensorflow_asks_for_on_linux_alone():
    assert not set(locked(GPU_LOCK)) & set(locked())
    for block in entries(GPU_LOCK):
        assert "sys_platform == 'linux'" in block.splitlines()[0]
    for line in importlib.metadata.requires("tensorflow"):
        wanted = requirements.Requirement(line)
        if "and-cuda" in str(wanted.marker):
            (version,) = locked(GPU_LOCK)[wanted.name]
            assert wanted.specifier.contains(version), line


@pytest.mark.parametrize("package", ["colorama", "pywinpty", "appnope"])
def test_lock_serves_windows_and_macos_too(package):
    assert package in locked()


def test_conda_gets_the_versions_of_the_lock():
    assert set(conda_pins()) == set(direct())
    for name, version in conda_pins().items():
        assert {version} == locked()[name]


def test_conda_takes_everything_else_from_the_lock():
    (pip,) = [d for d in ENVIRONMENT["dependencies"] if isinstance(d, dict)]
    assert pip["pip"][0] == "-c requirements.lock"


def test_every_line_of_environment_says_what_it_is_for():
    for line in ENVIRONMENT_TEXT.splitlines():
        if re.match(r" +- \w[\w-]*[=>]", line):
            assert "  # " in line, line


def test_makefile_checks_the_pythons_of_pyproject():
    assert PYPROJECT["project"]["requires-python"] == ">=3.11,<3.14"
    assert "(3, 11) <= sys.version_info[:2] < (3, 14)" in MAKEFILE


def test_readme_names_only_targets_that_make_has():
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    text = README + (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
    used = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)", text, re.MULTILINE))
    named = {first or second for first, second in used}
    assert {"lab", "test", "lessons", "help", "doctor"} <= named <= targets


def test_make_help_names_every_target():
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split()
    for target in set(phony) - {"help"}:
        assert f'@echo "make {target} ' in MAKEFILE


def test_readme_names_only_commands_that_the_package_has():
    done = subprocess.run(
        [sys.executable, "-m", "dni_lesson", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    for command in re.findall(r"python -m dni_lesson (\w+)", README):
        assert command in done.stdout


def test_files_that_readme_and_contributing_name_exist():
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not target.startswith("http"):
                assert (REPOSITORY / target).exists(), target


def test_readme_example_prints_what_it_says():
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    output = re.search(r"```text\n(.*?)```", README, re.DOTALL)[1]
    assert len(example.strip().splitlines()) <= 10
    done = subprocess.run(
        [sys.executable, "-c", example],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == output


def test_contributing_fits_on_one_screen():
    lines = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8").splitlines()
    assert len(lines) <= 60


def test_versions_and_licences_agree():
    project = PYPROJECT["project"]
    text = (REPOSITORY / "CITATION.cff").read_text("utf-8")
    citation = yaml.safe_load(text)
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    for name in project["license-files"]:
        assert (REPOSITORY / name).is_file()
    changelog = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    assert f"## {project['version']}" in changelog


def test_ci_runs_make_test_last():
    script = REPOSITORY / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR or sys.platform == "win32"
    last = script.read_text("utf-8").rstrip().splitlines()[-1]
    assert "make" in last and " test" in last
