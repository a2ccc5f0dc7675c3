"""Which device, such as a GPU or cores of its own, each worker has."""

import contextlib
import os

from dni_lesson.checks import check_int

import tensorflow as tf


def on_device(device):
    """Returns a context for work on a device; `None` for where it is now."""
    return contextlib.nullcontext() if device is None else tf.device(device)


def threads_per_call(count):
    """Says on how many threads a compiled call may run; for the start.

    By default TensorFlow spreads one matrix product over all cores. The size
    of its pool of threads, which XLA uses too, is fixed when TensorFlow runs
    its first operation, so this is for programs, not for functions that users
    call.

    Args:
        count: Integer >= 1.

    Raises:
        RuntimeError: If TensorFlow has run an operation already.
    """
    tf.config.threading.set_intra_op_parallelism_threads(count)


def worker_devices(count):
    """Gives each worker on threads a CPU device of its own; for the start.

    By default all workers of a process share one pool of threads. A compiled
    call gives the pool what can be done beside its own work, waits for it, and
    so waits for the other workers' calls: even on a pool of one thread two
    workers kept two cores busy for 1.4 of 2 seconds (8 layers of 1,024 units).
    Here every worker gets a logical device with one thread, as a process or a
    machine of its own would give it. The setting holds for the whole process:
    whatever else it computes runs on one thread as well.

    Args:
        count: Integer >= 1, the number of workers.

    Returns:
        A list of names, for the argument `devices` of `fit_async`.

    Raises:
        ValueError: If `count` is out of its range.
        RuntimeError: If TensorFlow has run an operation already.

    Example, at the start of a program:

        devices = dni.worker_devices(2)
        model = dni.mlp()
        model.compile("adam", loss)
        dni.fit_async(model, x, y, modules=2, devices=devices)
    """
    count = check_int("count", count, at_least=1)
    cpu = tf.config.list_physical_devices("CPU")[0]
    each = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(cpu, each)
        threads_per_call(1)
    except RuntimeError as error:
        raise RuntimeError(
            "`worker_devices` must be called before TensorFlow computes "
            "anything: first in a program, or after a restart of the kernel."
        ) from error
    # TensorFlow reads it when it makes its devices.
    os.environ["TF_OVERRIDE_GLOBAL_THREADPOOL"] = "1"
    return [f"CPU:{k}" for k in range(count)]


def devices_of(devices, count, workers):
    """Returns a list of a device name or `None` for each worker.

    Args:
        devices, workers: As in `fit_async`.
        count: Integer, the number of workers.

    Raises:
        ValueError: If a device is not known, or there are not as many as
            workers.
    """
    if workers == "ray":
        if devices is not None:
            raise ValueError(
                '`devices`. Expected None for workers="ray", whose processes '
                f"Ray places. Received: devices={devices!r}"
            )
        return [None] * count
    if devices is None:
        gpus = tf.config.list_logical_devices("GPU")
        if len(gpus) < 2:
            return [None] * count
        return [gpus[k % len(gpus)].name for k in range(count)]
    if not isinstance(devices, list | tuple) or len(devices) != count:
        raise ValueError(
            f"`devices`. Expected one for each of {count} workers. "
            f"Received: devices={devices!r}"
        )
    known = {
        device.name.removeprefix("/device:").lower(): device.name
        for device in tf.config.list_logical_devices()
    }
    names = []
    for device in devices:
        short = str(device).lower().removeprefix("/").removeprefix("device:")
        if short not in known:
            raise ValueError(
                f"`devices`. Expected some of {list(known.values())}. "
                f"Received: {device!r}"
            )
        names.append(known[short])
    return names
