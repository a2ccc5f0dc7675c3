"""The machine and the versions behind a result."""

import os
import pathlib
import platform
import subprocess

from dni_lesson.experiments.store import Column

# What `environment` returns, as columns of a results file.
ENVIRONMENT = {
    "device_name": Column(),
    "cpu": Column(),
    "cores": Column(int, 1),
    "threads": Column(int, 1),
    "python": Column(),
    "tensorflow": Column(),
    "keras": Column(),
    "commit": Column(),
}


def environment(device="GPU"):
    """Returns a dict of what a reader needs to compare results.

    Keys: `device_name` (`"CPU"`, or the names of the GPUs if they were used),
    `cpu` (model), `cores`, `threads` (of TensorFlow, within an operation),
    `python`, `tensorflow`, `keras`, `commit` (of this repository, `"-"` if
    unknown; `+` marks changes that are not committed).
    """
    # Here, as a table's columns are read where neither is needed.
    import keras
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU") if device == "GPU" else []
    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in gpus
    ]
    # 0 is TensorFlow's word for "as many threads as there are cores".
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return {
        "device_name": ", ".join(names) or "CPU",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": threads or os.cpu_count(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "commit": _commit(),
    }


def _cpu():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "-"


def _commit():
    here = pathlib.Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty=+"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "-"
    return done.stdout.strip() or "-"
