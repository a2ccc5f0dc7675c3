"""Parts of a network on cores and devices, such as one GPU each."""

import contextlib

import keras
import tensorflow as tf


def on_device(device):
    """Returns a context for work on a device; `None` for where it is now."""
    return contextlib.nullcontext() if device is None else tf.device(device)


def threads_per_call(count):
    """Says on how many threads a compiled call may run; for the start.

    By default TensorFlow spreads one matrix product over all cores, out of a
    pool that all workers of a process share: on a machine with as many workers
    as cores they then disturb each other. The size of this pool, which XLA
    uses too, is fixed when TensorFlow runs its first operation, so this is for
    programs, not for functions that users call.

    Args:
        count: Integer >= 1.

    Raises:
        RuntimeError: If TensorFlow has run an operation already.
    """
    tf.config.threading.set_intra_op_parallelism_threads(count)


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
    return [one.numpy() for one in _variables(part)]


def set_weights_of(part, weights):
    """Gives a part what `weights_of` a part of the same build returned."""
    for variable, value in zip(_variables(part), weights, strict=True):
        variable.assign(value)


def _variables(part):
    layers = [*part.modules, *part.inner, part.interface]
    return [
        variable
        for layer in layers
        if layer is not None
        for variable in layer.variables
    ]


def _copy(layer):
    if layer is None:
        return None
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    if not copy.built:
        copy.build_from_config(layer.get_build_config())
    copy.set_weights(layer.get_weights())
    return copy
