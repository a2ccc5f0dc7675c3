"""Checks of arguments and data, with errors that a reader can act on.

Keras and TensorFlow notice most bad input too, but from deep inside a compiled
step; labels out of range and NaN they do not notice at all. Every check here
names the argument, what was expected and what was received.
"""

import math
import numbers
import operator
import sys

import keras
import numpy as np


def is_int(value):
    """Returns whether `value` is one integer; a boolean is none."""
    try:
        operator.index(value)
    except TypeError:
        return False
    return not isinstance(value, bool)


def check_int(name, value, at_least, at_most=sys.maxsize):
    """Returns `value`, an integer in `[at_least, at_most]`, as Python's.

    An integer of NumPy overflows where Python's does not.

    Raises:
        ValueError: If it is no such integer.
    """
    if not is_int(value) or not at_least <= int(value) <= at_most:
        is_small = is_int(value) and int(value) < at_least
        is_bounded = at_most < sys.maxsize or (is_int(value) and not is_small)
        bound = f" and <= {at_most}" if is_bounded else ""
        raise ValueError(
            f"`{name}`. Expected an integer >= {at_least}{bound}. "
            f"Received: {name}={value!r}"
        )
    return int(value)


def check_bool(name, value):
    """Returns `value`, one of true and false, as Python's.

    Raises:
        ValueError: If it is neither.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(
            f"`{name}`. Expected True or False. Received: {name}={value!r}"
        )
    return bool(value)


def check_positive(name, value, at_most=sys.float_info.max):
    """Returns `value`, a number in `(0, at_most]`, as Python's float.

    Raises:
        ValueError: If it is no such number.
    """
    number = _as_float(value)
    if not 0 < number <= at_most:
        bound = "< inf" if at_most == sys.float_info.max else f"<= {at_most}"
        raise ValueError(
            f"`{name}`. Expected a number > 0 and {bound}. "
            f"Received: {name}={value!r}"
        )
    return number


def check_not_negative(name, value, at_most=sys.float_info.max):
    """Returns `value`, a number in `[0, at_most]`, as Python's float.

    Raises:
        ValueError: If it is no such number.
    """
    number = _as_float(value)
    if not 0 <= number <= at_most:
        bound = "" if at_most == sys.float_info.max else f" and <= {at_most}"
        raise ValueError(
            f"`{name}`. Expected a finite number >= 0{bound}. "
            f"Received: {name}={value!r}"
        )
    return number


def _as_float(value):
    """Returns a number as Python's float, NaN if it is none."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def check_choice(name, value, choices):
    """Raises `ValueError` unless `value` is one of the strings `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"`{name}`. Expected one of {', '.join(map(repr, choices))}. "
            f"Received: {name}={value!r}"
        )


def check_widths(name, value):
    """Returns a sequence of integers >= 1 as a tuple of Python's.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(value, list | tuple):
        raise ValueError(
            f"`{name}`. Expected a tuple of integers >= 1, one per hidden "
            f"layer. Received: {name}={value!r}"
        )
    return tuple(check_int(name, width, at_least=1) for width in value)


def check_examples(model, x, y=None, name=None):
    """Checks arrays against a model before it trains on them.

    Data sets and generators pass unchecked: looking at them would consume
    them.

    Args:
        model: A `DecoupledModel`.
        x: Array or nested list `(examples, *features)` of finite numbers; or a
            data set.
        y: Labels `(examples,)` or `(examples, 1)` as integers, or one-hot
            `(examples, num_classes)`, or any finite targets if neither the
            loss nor an interface needs classes; `None` if there are none.
        name: String, how the error calls the argument. Default: `"x"`, `"y"`.

    Returns:
        `x` and `y`, lists as arrays; one-hot labels become integers where the
        loss wants integers.

    Raises:
        ValueError: If an array is empty, not finite, of the wrong shape, or
            labels are out of range.
    """
    if isinstance(x, list | tuple):
        x = np.asarray(x)
    elif not hasattr(x, "__array__"):
        return x, y
    x_name, y_name = (name, name) if name else ("x", "y")
    _check_array(x_name, x)
    features = _input_features(model)
    if features is not None and tuple(x.shape[1:]) != features:
        raise ValueError(
            f"`{x_name}`. Expected the shape (examples, "
            f"{', '.join(map(str, features))}). Received: {x.shape}"
        )
    if y is None:
        return x, None
    y = np.asarray(y) if isinstance(y, list | tuple) else y
    labels = _check_array(y_name, y)
    if len(labels) != len(x):
        raise ValueError(
            f"`{y_name}`. Expected one label per example: {len(x)}. "
            f"Received: {len(labels)}"
        )
    num_classes = _num_classes(model)
    if num_classes is None:
        return x, y
    return x, _check_labels(y_name, y, labels, num_classes, model.loss)


def _check_array(name, value):
    array = np.asarray(value)
    if array.ndim == 0 or array.size == 0:
        raise ValueError(
            f"`{name}`. Expected at least one example. "
            f"Received: an array of shape {array.shape}"
        )
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"`{name}`. Expected numbers. Received: dtype {array.dtype}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        raise ValueError(
            f"`{name}`. Expected finite numbers. Received: {len(bad)} NaN or "
            f"infinite values, the first at index {tuple(bad[0].tolist())}"
        )
    return array


def _input_features(model):
    """Returns the feature shape the first module wants, `None` if any."""
    shape = getattr(model.modules[0], "input_shape", None)
    if shape is None or any(size is None for size in shape[1:]):
        return None
    return tuple(shape[1:])


def _num_classes(model):
    """Returns the number of classes, `None` if the task has no classes."""
    for interface in model.interfaces:
        if interface is not None and interface.num_classes is not None:
            return interface.num_classes
    classifies = _wants_integers(model.loss) or _wants_one_hot(model.loss)
    shape = getattr(model.modules[-1], "output_shape", None)
    return shape[-1] if classifies and shape else None


def _check_labels(name, y, labels, num_classes, loss):
    if labels.ndim == 2 and labels.shape[1] == num_classes > 1:
        is_one_hot = (labels.sum(axis=1) == 1) & (labels.max(axis=1) == 1)
        if not (is_one_hot.all() and (labels >= 0).all()):
            raise ValueError(
                f"`{name}`. Expected one-hot rows, one 1 and zeros. "
                f"Received: {labels[int(np.argmin(is_one_hot))].tolist()}"
            )
        return labels.argmax(axis=1) if _wants_integers(loss) else y
    if labels.ndim > 2 or (labels.ndim == 2 and labels.shape[1] != 1):
        raise ValueError(
            f"`{name}`. Expected integer labels of shape ({len(labels)},) or "
            f"one-hot labels of shape ({len(labels)}, {num_classes}). "
            f"Received: shape {labels.shape}"
        )
    outside = (labels < 0) | (labels >= num_classes) | (labels % 1 != 0)
    if outside.any():
        raise ValueError(
            f"`{name}`. Expected integer labels in [0, {num_classes}). "
            f"Received: {labels[outside].ravel()[0].item()} among them"
        )
    if _wants_one_hot(loss):
        raise ValueError(
            f"`{name}`. The loss expects one-hot labels of shape "
            f"({len(labels)}, {num_classes}). Received: integers of shape "
            f"{labels.shape}. Use keras.utils.to_categorical(y, "
            f"{num_classes}) or SparseCategoricalCrossentropy"
        )
    return y


def _wants_integers(loss):
    return isinstance(loss, keras.losses.SparseCategoricalCrossentropy) or (
        loss == "sparse_categorical_crossentropy"
    )


def _wants_one_hot(loss):
    return isinstance(loss, keras.losses.CategoricalCrossentropy) or (
        loss == "categorical_crossentropy"
    )
