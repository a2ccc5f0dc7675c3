"""The machine behind a result: what it is, and how much memory an arm needs.

Arms that take turns in one process share its memory, so none of them can be
told from the others there. `peak_mib` runs this file as a program.
"""

import functools
import math
import os
import pathlib
import platform
import re
import subprocess
import sys

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
    "cores_worth": Column(float, later=True),
}
# What tells machines apart. The others differ between rows of one machine: code
# goes on, and no two measurements are the same.
SAME_MACHINE = [
    name for name in ENVIRONMENT if name not in ("commit", "cores_worth")
]


def environment(device="GPU"):
    """Returns a dict of what a reader needs to compare results.

    Keys: `device_name` (`"CPU"`, or the names of the GPUs if they were used),
    `cpu` (model), `cores`, `threads` (of TensorFlow, within an operation),
    `python`, `tensorflow`, `keras`, `commit` (of this repository, `"-"` if
    unknown; `+` marks changes that are not committed), `cores_worth` (how many
    workers' work two workers do at once, each with a thread of its own; `None`
    if that could not be measured).
    """
    # Here, as a table's columns are read where neither is needed.
    from dni_lesson.workers.sharing import measured_alone

    import keras
    import tensorflow as tf

    worth = measured_alone()
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
        "cores_worth": None if math.isnan(worth) else round(worth, 2),
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


@functools.cache
def peak_mib(name, depth, units, batch_size, device):
    """Returns the peak memory in MiB of training one arm alone.

    On GPUs it is what TensorFlow took there at the most. On a CPU it is the
    most that a fresh process had in memory, Python, TensorFlow and the
    compilation of the steps included, data left out: compare arms.

    Args:
        name: String, one of `ARMS`.
        depth: Integer, the number of weight layers.
        units: Integer, the width of the hidden layers.
        batch_size: Integer.
        device: `"CPU"` or `"GPU"`.
    """
    settings = map(str, (name, depth, units, batch_size, device))
    command = [sys.executable, "-m", __spec__.name, *settings]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"Measuring the memory of {name!r} failed:\n{done.stderr[-2000:]}"
        )
    return int(done.stdout.split()[-1]) / 2**20


def _peak_bytes(name, depth, units, batch_size, device):
    from dni_lesson.experiments.arms import make_arm, take_turn
    from dni_lesson.experiments.experiment import Experiment, Group

    import numpy as np
    import tensorflow as tf

    with tf.device(device):
        group = Group(int(depth), int(units), 1.0, 0)
        arm = make_arm(name, Experiment(device=device), group)
        x = np.zeros((int(batch_size), *arm.model.modules[0].input_shape[1:]))
        examples = x.astype("float32"), np.zeros(len(x), "int64")
        arm.compile(*map(tf.constant, examples))
        rows = np.tile(np.arange(len(x)), (5, 1))
        take_turn(arm, examples, rows, np.zeros((5, arm.calls)))
    if device == "GPU":
        return sum(
            tf.config.experimental.get_memory_info(f"GPU:{number}")["peak"]
            for number in range(len(tf.config.list_logical_devices("GPU")))
        )
    return _peak_of_process()


def _peak_of_process():
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    if sys.platform == "darwin":
        import resource  # Not on Windows.

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux's ru_maxrss would count the process that started this one.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


if __name__ == "__main__":
    print(_peak_bytes(*sys.argv[1:]))
