"""The arguments of `fit_async`: what can be asked for."""

from dni_lesson.checks import check_choice, check_int
from dni_lesson.model import DecoupledModel

import keras
import tensorflow as tf

# Seconds, 32 years: the clocks of threads and of Ray take no more than some
# hundred years.
LONGEST = 1e9

SCHEDULES = ("decoupled", "locked", "gpipe", "delayed")


def check_model(model):
    """Raises a `ValueError` if workers cannot train the model."""
    if not isinstance(model, DecoupledModel) or not model.built:
        raise ValueError(
            f"`model`. Expected a built DecoupledModel. Received: {model!r}"
        )
    if not model.compiled or model.loss is None:
        raise ValueError(
            "`model`. Expected a model that was compiled with a loss. "
            f"Received: {model!r}"
        )
    if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            "`model`. Expected no float16: workers share no loss scale. "
            f"Received: optimizer={model.optimizer!r}"
        )


def check_arrays(x, y):
    """Raises a `ValueError` if examples are not in arrays."""
    for name, value in (("x", x), ("y", y)):
        if not isinstance(value, list | tuple) and not hasattr(
            value, "__array__"
        ):
            raise ValueError(
                f"`{name}`. Expected an array. Received: {value!r}"
            )


def check_callbacks(callbacks):
    """Raises a `ValueError` if these are no callbacks of Keras; returns them
    as a list."""
    given = keras.tree.flatten([] if callbacks is None else callbacks)
    for one in given:
        if not isinstance(one, keras.callbacks.Callback):
            raise ValueError(
                "`callbacks`. Expected a list of Keras callbacks. "
                f"Received: {one!r}"
            )
    return given


def check_schedule(schedule, queue_size, microbatches, steps_per_execution):
    """Returns the three numbers as Python's.

    Raises:
        ValueError: If this is no schedule of `fit_async`.
    """
    check_choice("schedule", schedule, SCHEDULES)
    queue_size = check_int("queue_size", queue_size, at_least=1)
    microbatches = check_int("microbatches", microbatches, at_least=1)
    steps_per_execution = check_int(
        "steps_per_execution", steps_per_execution, at_least=1
    )
    if steps_per_execution > 1 and schedule != "decoupled":
        raise ValueError(
            "`steps_per_execution`. Expected 1, as only decoupled workers need "
            "not wait for a gradient after each step. Received: "
            f"{steps_per_execution} with schedule={schedule!r}"
        )
    if steps_per_execution > queue_size:
        raise ValueError(
            "`steps_per_execution`. Expected at most queue_size="
            f"{queue_size}. Received: {steps_per_execution}"
        )
    return queue_size, microbatches, steps_per_execution


class _MaskSeen(keras.layers.Layer):
    """Keeps the mask of what it is called with, or `None`."""

    def __init__(self):
        super().__init__(autocast=False)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        self.mask = mask
        return inputs


def check_masks(parts, x):
    """Raises a `ValueError` if a mask crosses a cut: messages carry none."""
    h = x[:1]
    for k, part in enumerate(parts[:-1], 1):
        for module in part.modules:
            h = module(h)
        seen = _MaskSeen()
        seen(h)
        if seen.mask is not None:
            raise ValueError(
                "`modules`. Expected cuts that no mask crosses, as messages "
                f"carry none. Received: a mask between workers {k} and {k + 1}"
            )


def devices_of(devices, parts, workers):
    """Returns a device name or `None` for each part.

    Args:
        devices, workers: As in `fit_async`.
        parts: List of `Part`.

    Raises:
        ValueError: If a device is not known, or there are not as many as parts.
    """
    if workers == "ray":
        if devices is not None:
            raise ValueError(
                '`devices`. Expected None for workers="ray", whose processes '
                f"Ray places. Received: devices={devices!r}"
            )
        return [None] * len(parts)
    if devices is None:
        gpus = tf.config.list_logical_devices("GPU")
        if len(gpus) < 2:
            return [None] * len(parts)
        return [gpus[k % len(gpus)].name for k in range(len(parts))]
    if not isinstance(devices, list | tuple) or len(devices) != len(parts):
        raise ValueError(
            f"`devices`. Expected one for each of {len(parts)} workers. "
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
