"""How long a step takes one process, which may use all cores.

The rivals of workers: backprop over the same modules, by `fit`. Where this
process has one thread for each worker, a process of its own measures it; run as
a program this file is that process.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from dni_lesson.model import DecoupledModel
from dni_lesson.stepping import STEPS_AT_ONCE
from dni_lesson.stochastic import same_optimizer

import keras
import numpy as np
import tensorflow as tf

_SPAN, _MOST = 0.5, 64  # seconds and steps of an epoch that is measured


def plain(model, steps_per_execution=STEPS_AT_ONCE, jit_compile=True):
    """Returns the modules without interfaces, compiled as the model is.

    Args:
        model: `DecoupledModel`, compiled.
        steps_per_execution, jit_compile: As in `compile`; nothing is compiled
            by XLA that the model would not have.
    """
    made = DecoupledModel(model.modules, [None] * (len(model.modules) - 1))
    made.compile(
        same_optimizer(model.optimizer),
        model.only_loss,
        loss_weights=[model.loss_factor],
        steps_per_execution=steps_per_execution,
        jit_compile=jit_compile and model.jit_compile,
    )
    return made


def seconds_a_step(model, x, y, batch_size):
    """Returns what a step takes this process at its best, in seconds.

    Which way to compile is the fastest depends on the layers: in a loop of
    XLA's, for one, convolutions are slow. It trains the model: see to it that
    its weights are put back.

    Args:
        model: `DecoupledModel`, compiled.
        x, y: Arrays; they are repeated, if they are too few.
        batch_size: Integer, at most the number of examples.
    """
    ways = {(STEPS_AT_ONCE, True), (1, True), (1, False)}
    rivals = [plain(model, *way) for way in sorted(ways)]
    found = [
        _seconds(rival, x, y, batch_size, STEPS_AT_ONCE) for rival in rivals
    ]
    best = min(found)
    steps = int(min(_SPAN / best, _MOST)) // STEPS_AT_ONCE * STEPS_AT_ONCE
    if steps <= STEPS_AT_ONCE:
        return best
    return _seconds(rivals[found.index(best)], x, y, batch_size, steps)


def _seconds(model, x, y, batch_size, steps):
    """Returns the median seconds of a step in epochs after the first."""
    ends = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: ends.append(time.perf_counter())
    )
    rows = np.arange(steps * batch_size) % len(x)
    model.fit(
        x[rows], y[rows], batch_size, epochs=4, verbose=0, callbacks=[clock]
    )
    return statistics.median(np.diff(ends)) / steps


def best_seconds(model, x, y, batch_size):
    """Returns the seconds of a step of the best process that could be tried.

    Args:
        model, x, y, batch_size: As in `seconds_a_step`.

    Returns:
        Pair of a float and of a boolean, whether it could use all cores.
    """
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    if 0 < threads < os.cpu_count():
        elsewhere = _elsewhere(model, x, y, batch_size)
        if elsewhere is not None:
            return elsewhere, True
        return seconds_a_step(model, x, y, batch_size), False
    return seconds_a_step(model, x, y, batch_size), True


def _elsewhere(model, x, y, batch_size):
    """Returns the seconds of a process of its own, `None` if it fails."""
    env = dict(os.environ)
    env.pop("TF_OVERRIDE_GLOBAL_THREADPOOL", None)
    with tempfile.TemporaryDirectory() as folder:
        try:
            saved = plain(model)
            saved.build_for(x)
            saved.save(pathlib.Path(folder) / "model.keras")
            np.savez(pathlib.Path(folder) / "examples.npz", x=x, y=y)
            done = subprocess.run(
                [sys.executable, "-m", __name__, folder, str(batch_size)],
                capture_output=True,
                text=True,
                env=env,
                check=True,
            )
            return float(done.stdout.split()[-1])
        except (OSError, TypeError, ValueError, subprocess.SubprocessError):
            return None  # A layer may be known in this process alone.


def main(folder, batch_size):
    model = keras.saving.load_model(pathlib.Path(folder) / "model.keras")
    with np.load(pathlib.Path(folder) / "examples.npz") as file:
        x, y = file["x"], file["y"]
    print(seconds_a_step(model, x, y, int(batch_size)))


if __name__ == "__main__":
    main(*sys.argv[1:])
