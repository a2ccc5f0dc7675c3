import os
import pathlib
import subprocess
import sys

import dni_lesson as dni

import pytest
import tensorflow as tf

# Threads of a process that has computed on four devices.
COUNT = """
import pathlib, sys
import dni_lesson as dni
import tensorflow as tf
names = dni.worker_devices(4)
if sys.argv[1] == "shared":
    import os
    del os.environ["TF_OVERRIDE_GLOBAL_THREADPOOL"]
for name in names:
    with tf.device(name):
        tf.ones((8, 8)) @ tf.ones((8, 8))
print(len(list(pathlib.Path("/proc/self/task").iterdir())))
"""


def threads(mode):
    told = subprocess.run(
        [sys.executable, "-c", COUNT, mode],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    return int(told.stdout)


@pytest.mark.skipif(
    not pathlib.Path("/proc/self/task").is_dir(),
    reason="only Linux lists the threads of a process in /proc",
)
def test_worker_devices_do_not_share_one_pool_of_threads():
    assert threads("own") == threads("shared") + 3


def test_worker_devices_too_late_are_refused_with_what_to_do():
    tf.ones(())
    with pytest.raises(RuntimeError, match="first in a program, or after a"):
        dni.worker_devices(2)


@pytest.mark.parametrize("count", [0, 1.5, "two"])
def test_a_wrong_number_of_worker_devices_is_named(count):
    with pytest.raises(ValueError, match="^`count`. Expected"):
        dni.worker_devices(count)
