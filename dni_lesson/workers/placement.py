"""Parts of a network on devices of their own, such as one GPU each."""

import contextlib

import keras
import tensorflow as tf


def on_device(device):
    """Returns a context for work on a device; `None` for where it is now."""
    return contextlib.nullcontext() if device is None else tf.device(device)


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


def copy_weights(source, target):
    """Copies the weights of one part to another of the same build."""
    for one, other in zip(_layers(source), _layers(target), strict=True):
        if one is not None:
            other.set_weights(one.get_weights())


def _layers(part):
    return [*part.modules, *part.inner, part.interface]


def _copy(layer):
    if layer is None:
        return None
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    if not copy.built:
        copy.build_from_config(layer.get_build_config())
    copy.set_weights(layer.get_weights())
    return copy
