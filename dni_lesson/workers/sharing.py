"""How many cores the cores of this machine are worth.

Two cores of a machine may be two halves of one: they share its arithmetic, or
its memory, or heat and so a clock. Then each of two compiled calls at once
takes longer than it does alone. How much longer no data sheet says, so it is
measured. Run as a program this file prints it; each worker then has a thread of
its own.
"""

import functools
import math
import os
import statistics
import subprocess
import sys
import threading
import time

from dni_lesson.checks import check_int, check_positive
from dni_lesson.workers.devices import on_device, worker_devices

import numpy as np
import tensorflow as tf

TURNS = 5
_UNITS, _LAYERS, _BATCH = 256, 4, 64  # of the call that is measured


def cores_worth(workers=2, seconds=2.0, devices=None):
    """Returns how many workers' work that many workers do at once.

    Each repeats a compiled call of its own, the forward and the backward pass
    of 4 layers of 256 units, alone and beside the others, in turns.

    Args:
        workers: Integer >= 1. Default `2`.
        seconds: Float > 0, about how long it may take. Default `2.0`.
        devices: List of TensorFlow device names, one for each, as for
            `fit_async`. Default: no device is prescribed, and calls share the
            threads of TensorFlow.

    Returns:
        Float in `(0, workers]`. At `workers` they do not disturb each other; at
        1 they are as good as one.
    """
    workers = check_int("workers", workers, at_least=1)
    seconds = check_positive("seconds", seconds)
    calls = [_call(device) for device in devices or [None] * workers]
    return workers / slowdown(calls, seconds)


@functools.cache
def measured_alone(workers=2):
    """Returns `cores_worth` as a fresh process finds it.

    There each worker has a thread of its own, whatever this process has set;
    NaN if that process fails.
    """
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(workers)],
        capture_output=True,
        text=True,
        env=env,
    )
    return float(done.stdout.split()[-1]) if done.returncode == 0 else math.nan


def slowdown(calls, seconds=2.0):
    """Returns how many times as long calls take beside each other as alone.

    Args:
        calls: List of functions without arguments, compiled before.
        seconds: Float > 0, about how long it may take. Default `2.0`.

    Returns:
        Float >= 1: the median over turns, in each of which every call is
        repeated alone and then all of them at once; of several calls the
        geometric mean.
    """
    if len(calls) == 1:
        return 1.0
    span = seconds / TURNS / (len(calls) + 1)
    ratios = []
    for _ in range(TURNS):
        alone = [_repeated(call, span) for call in calls]
        beside = _at_once(calls, span)
        shares = np.divide(beside, alone)
        ratios.append(float(np.exp(np.log(shares).mean())))
    return max(statistics.median(ratios), 1.0)


def _repeated(call, span):
    """Returns the mean seconds of a call that is repeated for a span."""
    count, begin = 0, time.perf_counter()
    while (now := time.perf_counter()) < begin + span or count == 0:
        call()
        count += 1
    return (now - begin) / count


def _at_once(calls, span):
    """Returns the same for calls that are repeated at once, a thread each."""
    found, start = [math.nan] * len(calls), threading.Barrier(len(calls))

    def work(k):
        start.wait()
        found[k] = _repeated(calls[k], span)

    threads = [
        threading.Thread(target=work, args=(k,)) for k in range(len(calls))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _call(device):
    """Returns a call: forward and backward pass of a small network."""
    with on_device(device):
        h = tf.random.stateless_normal((_BATCH, _UNITS), (0, 0))
        weights = tf.random.stateless_normal((_LAYERS, _UNITS, _UNITS), (0, 1))

        @tf.function(jit_compile=True, autograph=False)
        def gradient(h, weights):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                for layer in tf.unstack(weights):
                    h = tf.nn.relu(h @ layer) / 16.0
            return tape.gradient(h, weights)

    def call():
        with on_device(device):
            gradient(h, weights)

    call()  # Compilation.
    return call


def main(workers):
    workers = int(workers)
    print(cores_worth(workers, devices=worker_devices(workers)))


if __name__ == "__main__":
    main(*sys.argv[1:])
