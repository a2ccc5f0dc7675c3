"""Which modules go to which worker, and what weights they have."""

import itertools
from typing import NamedTuple

from dni_lesson.checks import is_int
from dni_lesson.interfaces import needs_output_gradient
from dni_lesson.schedules.cuts import best_ends

import keras
import tensorflow as tf


class Part(NamedTuple):
    """The neighbouring modules of one worker.

    Attributes:
        modules: List of Keras layers, from input to output.
        inner: List with the interface above each of them but the last; `None`
            where the true gradient passes.
        interface: The `Interface` between this part and the next, or
            `None`.
        is_first: Boolean, whether the part reads the network's input.
        is_last: Boolean, whether the part ends in the loss.
    """

    modules: list
    inner: list
    interface: keras.layers.Layer | None
    is_first: bool
    is_last: bool

    def variables(self):
        """Returns all Keras variables of the layers."""
        layers = [*self.modules, *self.inner, self.interface]
        return [
            v for layer in layers if layer is not None for v in layer.variables
        ]

    def weights(self):
        """Returns a list of arrays, the values of all variables."""
        return [variable.numpy() for variable in self.variables()]

    def set_weights(self, weights):
        """Takes over the `weights` of a part of the same build."""
        for variable, value in zip(self.variables(), weights, strict=True):
            variable.assign(value)

    def copied(self, device):
        """Returns a part with copies of the built layers, on a TensorFlow
        device of this name."""
        with tf.device(device):
            return self._replace(
                modules=[_copy(layer) for layer in self.modules],
                inner=[_copy(layer) for layer in self.inner],
                interface=_copy(self.interface),
            )


def _copy(layer):
    if layer is None:
        return None
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    if not copy.built:
        copy.build_from_config(layer.get_build_config())
    copy.set_weights(layer.get_weights())
    return copy


def partition(model, schedule, modules=None):
    """Returns the list of `Part`s, one per worker, from input to output.

    A model with interfaces can be cut there and nowhere else, under every
    schedule, so that schedules are compared over the same cut. A model without
    interfaces, which no decoupled schedule can train, can be cut anywhere.

    Args:
        model: `DecoupledModel`.
        schedule: `Schedule`.
        modules: Integer, the number of workers: they get about equally many
            weights. Or a list with the number of modules of each worker.
            Default `None`: a cut wherever it is possible.

    Raises:
        ValueError: If the model cannot be cut so.
    """
    cuts = _possible_cuts(model)
    if schedule.synthetic and any(
        model.interfaces[k - 1] is None for k in cuts
    ):
        raise ValueError(
            "`model`. Expected a model with interfaces: without them the "
            f'schedule "{schedule.name}" has no predictors. Received: '
            f"interfaces={model.interfaces}"
        )
    if schedule.synthetic and any(map(needs_output_gradient, model.interfaces)):
        raise ValueError(
            "`model`. Expected interfaces that do not wait for the output: "
            f'workers of the schedule "{schedule.name}" do not. Received: '
            f"interfaces={model.interfaces}"
        )
    if isinstance(modules, list | tuple):
        ends = _ends(model, cuts, modules)
    elif modules is None:
        ends = [*cuts, len(model.modules)]
    else:
        ends = _balanced_ends(model, cuts, modules)
    starts = [0, *ends[:-1]]
    parts = [
        Part(
            model.modules[start:end],
            model.interfaces[start : end - 1],
            model.interfaces[end - 1] if end < len(model.modules) else None,
            is_first=start == 0,
            is_last=end == len(model.modules),
        )
        for start, end in zip(starts, ends, strict=True)
    ]
    if schedule.synthetic:
        _check_nobody_waits(parts, schedule)
    _check_nothing_is_shared(parts)
    return parts


def _check_nobody_waits(parts, schedule):
    for number, part in enumerate(parts, 1):
        if part.interface is not None and part.interface.waits:
            raise ValueError(
                "`model`. Expected interfaces that do not wait for a gradient, "
                f'as workers of the schedule "{schedule.name}" do not: '
                "share=0. Received: the layer "
                f"'{part.interface.name}' above worker {number}"
            )


def _check_nothing_is_shared(parts):
    owners = {}
    for number, part in enumerate(parts, 1):
        for variable in part.variables():
            owner = owners.setdefault(id(variable), number)
            if owner != number:
                raise ValueError(
                    "`model`. Expected modules and predictors that share no "
                    "weights with those of another worker. Received: "
                    f"{variable.path} in workers {owner} and {number}"
                )


def _possible_cuts(model):
    boundaries = range(1, len(model.modules))
    at_interfaces = [
        k for k in boundaries if model.interfaces[k - 1] is not None
    ]
    return at_interfaces or list(boundaries)


def _ends(model, cuts, sizes):
    fits = sizes and all(is_int(size) and size >= 1 for size in sizes)
    # Integers of NumPy would overflow.
    ends = list(itertools.accumulate(map(int, sizes))) if fits else []
    if not fits or ends[-1] != len(model.modules) or set(ends[:-1]) - set(cuts):
        raise ValueError(
            f"`modules`. Expected sizes with the sum {len(model.modules)} that "
            f"end after modules {cuts}. Received: modules={sizes!r}"
        )
    return ends


def _balanced_ends(model, cuts, workers):
    if not is_int(workers) or not 1 <= workers <= len(cuts) + 1:
        raise ValueError(
            "`modules`. Expected the number of workers, an integer from 1 to "
            f"{len(cuts) + 1} for this model. Received: modules={workers!r}"
        )
    sizes = [
        sum(layer.count_params() for layer in stage if layer is not None)
        for stage in model.stages()
    ]

    def weights(start, end):
        return sum(sizes[start:end])

    return best_ends(weights, [*cuts, len(sizes)], int(workers))
