"""Parts of a network on cores and devices, such as one GPU each."""

import contextlib
import os

from dni_lesson.checks import check_int
from dni_lesson.workers.partition import variables_of

import keras
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


def copied(part, device):
    """Returns a part with copies of its layers, made on a device.

    Args:
        part: `Part` with built layers.
        device: String, the name of a TensorFlow device.
    """
    with tf.device(device):
        return part._replace(
            modules=[_copy(one) for one in part.modules],
            inner=[_copy(one) for one in part.inner],
            interface=_copy(part.interface),
        )


def weights_of(part):
    """Returns a list of arrays, all variables of a part's layers."""
    return [one.numpy() for one in variables_of(part)]


def set_weights_of(part, weights):
    """Gives a part what `weights_of` a part of the same build returned."""
    for variable, value in zip(variables_of(part), weights, strict=True):
        variable.assign(value)


def _copy(layer):
    if layer is None:
        return None
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    if not copy.built:
        copy.build_from_config(layer.get_build_config())
    copy.set_weights(layer.get_weights())
    return copy
