"""How much memory an arm needs, measured in a process of its own.

Arms that take turns in one process share its memory, so none of them can be
told from the others there. `peak_mib` runs this file as a program.
"""

import functools
import pathlib
import re
import subprocess
import sys

from dni_lesson.experiments.experiment import Experiment, Group
from dni_lesson.experiments.lineup import make_arm

import psutil
import tensorflow as tf

_STEPS = 5


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
    with tf.device(device):
        x = tf.zeros((int(batch_size), 784))
        y = tf.zeros((int(batch_size),), "int64")
        arm = make_arm(
            name,
            Experiment(device=device),
            Group(int(depth), int(units), 1.0, 0),
        )
        arm.compile_steps(x, y)
        for _ in range(_STEPS):
            arm.step(x, y)
    if device == "GPU":
        return sum(
            tf.config.experimental.get_memory_info(f"GPU:{number}")["peak"]
            for number in range(len(tf.config.list_logical_devices("GPU")))
        )
    return _peak_of_process()


def _peak_of_process():
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    if sys.platform == "darwin":
        import resource  # Not on Windows.

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux's ru_maxrss would count the process that started this one.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


if __name__ == "__main__":
    print(_peak_bytes(*sys.argv[1:]))
