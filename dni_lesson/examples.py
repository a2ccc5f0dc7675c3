"""What a model is trained on: examples, labels, and how the loss reads them.

Keras and TensorFlow notice most bad input too, but from deep inside a compiled
step; labels out of range and NaN they do not notice at all. Every check here
names the argument, what was expected and what was received.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops


class Labelled(NamedTuple):
    """What a training step calls the model with.

    Attributes:
        inputs: What `fit` got as `x`.
        labels: What `fit` got as `y`.
        gradient_scale: Tensor `(batch,)`.
    """

    inputs: Any
    labels: Any
    gradient_scale: Any


def check_examples(model, x, y=None, name=None):
    """Checks arrays against a model before it trains on them.

    Data sets and generators pass unchecked: looking at them would consume
    them. Their labels are checked batch by batch.

    Args:
        model: A `DecoupledModel`; it is built if it is not.
        x: Array or nested list `(examples, *features)` of finite numbers, or a
            list, tuple or dict of arrays where the first module takes several
            inputs; or a data set.
        y: Labels as the loss and the interfaces want them, see `check_labels`;
            `None` if there are none.
        name: String, how the error calls the argument. Default: `"x"`, `"y"`.

    Returns:
        `x` and `y`, lists as arrays; one-hot labels become integers where the
        loss wants integers.

    Raises:
        ValueError: If an array is empty, not finite, of the wrong shape, or
            labels are out of range.
    """
    if isinstance(x, list | tuple) and not _has_several_inputs(model, x):
        x = np.asarray(x)
    if not is_array(x):
        return x, y
    x_name, y_name = (name, name) if name else ("x", "y")
    arrays = keras.tree.flatten(x)
    for array in arrays:
        _check_array(x_name, array)
    examples = len(arrays[0])
    if any(len(array) != examples for array in arrays):
        raise ValueError(
            f"`{x_name}`. Expected as many examples in each array. "
            f"Received: {[len(array) for array in arrays]}"
        )
    features = _input_features(model)
    if features is not None and tuple(x.shape[1:]) != features:
        raise ValueError(
            f"`{x_name}`. Expected the shape (examples, "
            f"{', '.join(map(str, features))}). Received: {x.shape}"
        )
    model.build_for(x)
    if y is None:
        return x, None
    y = np.asarray(y) if isinstance(y, list | tuple) else y
    labels = _check_array(y_name, y)
    if len(labels) != examples:
        raise ValueError(
            f"`{y_name}`. Expected one label per example: {examples}. "
            f"Received: {len(labels)}"
        )
    return x, check_labels(model, y, y_name)


def check_weights(name, weights, examples):
    """Checks `sample_weight`: finite, one entry, or row, for each example.

    Raises:
        ValueError: If it is something else.
    """
    weights = _check_array(name, weights)
    if len(weights) != examples:
        raise ValueError(
            f"`{name}`. Expected one weight per example: {examples}. "
            f"Received: {len(weights)}"
        )


def is_array(x):
    """Returns whether `x` is an array or tensor, or a structure of them."""
    leaves = keras.tree.flatten(x)
    return bool(leaves) and all(hasattr(one, "__array__") for one in leaves)


def _has_several_inputs(model, x):
    """Returns whether a list holds inputs, rather than examples."""
    inputs = getattr(model.modules[0], "inputs", None)
    if inputs is not None:
        return len(inputs) > 1
    return any(getattr(one, "ndim", 0) > 1 for one in x)


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
    inputs = getattr(model.modules[0], "inputs", None) or ()
    if len(inputs) != 1 or any(size is None for size in inputs[0].shape[1:]):
        return None
    return tuple(inputs[0].shape[1:])


def check_labels(model, y, name="y"):
    """Checks labels against the loss and the interfaces of a built model.

    Class numbers have one entry for each example or each of its positions and
    lie in `[0, classes)`, but for the loss's `ignore_class`. One-hot and other
    rows have a value for each class in their last axis. What neither the loss
    nor an interface with `num_classes` reads passes as it is.

    Args:
        model: A built and compiled `DecoupledModel`.
        y: Array or tensor `(examples, ...)`.
        name: String, how the error calls the argument. Default `"y"`.

    Returns:
        `y`; one-hot labels as integers where the loss wants integers.

    Raises:
        ValueError: If there are labels that the loss or an interface cannot
            use; it says which.
    """
    loss, labels = model.only_loss, np.asarray(y)
    rank, classes = len(model.output_spec.shape), model.output_spec.shape[-1]
    numbers, rows = _wants_integers(loss), _wants_one_hot(loss)
    limits = [
        (f"the interface '{one.name}'", one.num_classes)
        for one in model.interfaces
        if one is not None and one.num_classes is not None
    ]
    if numbers and classes is not None:
        limits.append(("the loss", classes))
    if not (numbers or rows) and labels.dtype.kind in "iu":
        _ask_loss(model, name, np.unique(labels))
    if labels.ndim == rank and labels.shape[-1] == classes > 1 and numbers:
        is_one_hot = (labels.sum(-1) == 1) & (labels.max(-1) == 1)
        is_one_hot &= labels.min(-1) >= 0
        if not is_one_hot.all():
            wrong = labels[~is_one_hot][0].tolist()
            raise ValueError(
                f"`{name}`. Expected one-hot rows, one 1 and zeros. "
                f"Received: {wrong}"
            )
        y = labels = labels.argmax(axis=-1)
    for reader, count in limits:
        if numbers or not _are_rows(labels, count):
            _check_class_numbers(name, labels, reader, count, rank, loss)
    if rows and classes is not None and not _are_rows(labels, classes):
        raise ValueError(
            f"`{name}`. The loss expects one-hot labels of shape "
            f"({len(labels)}, {classes}). Received: integers of shape "
            f"{labels.shape}. Use keras.utils.to_categorical(y, "
            f"{classes}) or SparseCategoricalCrossentropy"
        )
    return y


def _are_rows(labels, classes):
    """Returns whether the last axis has a value for each class."""
    return labels.ndim > 1 and labels.shape[-1] == classes


def _ask_loss(model, name, values):
    """Lets a loss that is not known here say which labels it refuses.

    In a step that XLA compiles it could not: it would return NaN.
    """
    unknown = set(values.tolist()) - model.accepted_labels
    if model.only_loss is None or not unknown or len(unknown) > 1000:
        return
    unknown = np.array(sorted(unknown), values.dtype)
    outputs = np.full((len(unknown), *model.output_spec.shape[1:]), 0.5)
    with tf.device("CPU:0"):
        try:
            model.only_loss(tf.constant(unknown), tf.constant(outputs))
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"`{name}`. The loss refuses some of the labels "
                f"{unknown.tolist()}: {error.message}"
            ) from error
        except Exception:  # It cannot be asked in this form.
            return
    model.accepted_labels.update(unknown.tolist())


def _check_class_numbers(name, labels, reader, classes, rank, loss):
    places = labels.ndim - (labels.ndim > 1 and labels.shape[-1] == 1)
    if places > max(rank - 1, 1):
        raise ValueError(
            f"`{name}`. Expected integer labels of shape ({len(labels)},) or "
            f"one-hot labels of shape ({len(labels)}, {classes}). Received: "
            f"shape {labels.shape}, which {reader} cannot use"
        )
    low, high = labels.min(), labels.max()
    if labels.dtype.kind != "f" and 0 <= low and high < classes:
        return  # The usual case, asked in every batch of a data set.
    outside = (labels < 0) | (labels >= classes) | (labels % 1 != 0)
    ignored = _ignored_class(loss)
    if ignored is not None:
        outside &= labels != ignored
    if outside.any():
        raise ValueError(
            f"`{name}`. Expected integer labels in [0, {classes}). Received: "
            f"{labels[outside].ravel()[0].item()} among them, which {reader} "
            "cannot use"
        )


def the_loss(loss):
    """Returns the one loss of a model: a `keras.losses.Loss` or a function.

    Args:
        loss: As `keras.Model.compile` takes it: a name, function or object, or
            a list or dict with one of them; or `None`.

    Raises:
        ValueError: If there are several losses, or it is none that Keras
            knows.
    """
    losses = keras.tree.flatten(loss)
    if len(losses) > 1:
        raise ValueError(
            "`loss`. Expected one loss, as the model has one output. "
            f"Received: {len(losses)}"
        )
    try:
        return keras.losses.get(losses[0]) if losses else None
    except ValueError as error:
        raise ValueError(
            "`loss`. Expected the name of a Keras loss, a function or a "
            f"keras.losses.Loss. Received: loss={loss!r}"
        ) from error


def _wants_integers(loss):
    """Returns whether a loss takes class numbers as labels."""
    return isinstance(loss, keras.losses.SparseCategoricalCrossentropy) or (
        loss is keras.losses.sparse_categorical_crossentropy
    )


def _wants_one_hot(loss):
    """Returns whether a loss takes a probability of each class as labels."""
    kinds = (
        keras.losses.CategoricalCrossentropy,
        keras.losses.CategoricalFocalCrossentropy,
    )
    return isinstance(loss, kinds) or loss in (
        keras.losses.categorical_crossentropy,
        keras.losses.categorical_focal_crossentropy,
    )


def _ignored_class(loss):
    """Returns the class number that a loss leaves out, or `None`."""
    if isinstance(loss, keras.losses.SparseCategoricalCrossentropy):
        return loss.get_config().get("ignore_class")
    return None


def example_weights(loss, factor, y, sample_weight, batch, dtype):
    """Returns the derivative of a loss by the loss of each example.

    An example's own loss is what the loss would be of a batch of this example
    alone, unweighted and times 1.

    Args:
        loss: As from `the_loss`.
        factor: Float, the `loss_weights` of `compile`.
        y: Labels `(batch, ...)` or `None`. They count where the loss ignores a
            class.
        sample_weight: Tensor `(batch,)`, or `(batch, positions)` as `y`, or
            `None`.
        batch: Integer, or a scalar tensor, the number of examples.
        dtype: String, of the result.

    Returns:
        Tensor `(batch,)`.
    """
    weight = valid = ops.ones((batch, 1), dtype)
    if sample_weight is not None:
        weight = _by_example(sample_weight, batch, dtype)
    ignored = _ignored_class(loss)
    if ignored is not None and y is not None:
        is_valid = ops.not_equal(y, ops.cast(ignored, y.dtype))
        valid = _by_example(is_valid, batch, dtype)
    counted = ops.mean(weight * valid, axis=1)
    valid = ops.mean(valid, axis=1)
    reduction = getattr(loss, "reduction", "sum_over_batch_size")
    if reduction == "mean_with_sample_weight":
        scale = ops.divide_no_nan(counted, ops.sum(counted))
    elif reduction in ("sum_over_batch_size", "mean"):
        scale = ops.divide_no_nan(counted, ops.sum(valid))
    else:  # "sum", "none" and None: Keras differentiates the sum.
        return factor * ops.divide_no_nan(counted, valid)
    return factor * scale / _replicas()


def _by_example(values, batch, dtype):
    values = ops.cast(ops.convert_to_tensor(values), dtype)
    return ops.reshape(values, (batch, -1))


def _replicas():
    """Returns how many replicas share a batch; Keras divides means by it."""
    if keras.backend.backend() != "tensorflow":
        return 1
    return tf.distribute.get_strategy().num_replicas_in_sync
