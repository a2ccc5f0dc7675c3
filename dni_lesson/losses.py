"""What a compiled loss asks of labels, and how much it weighs each example."""

import keras
from keras import ops


def the_loss(loss):
    """Returns the one loss of a model: a `keras.losses.Loss` or a function.

    Args:
        loss: As `keras.Model.compile` takes it: a name, function or object, or
            a list or dict with one of them; or `None`.

    Raises:
        ValueError: If there are several losses, or it is none that Keras
            knows.
    """
    found = keras.tree.flatten(loss)
    if len(found) > 1:
        raise ValueError(
            "`loss`. Expected one loss, as the model has one output. "
            f"Received: {len(found)}"
        )
    try:
        return keras.losses.get(found[0]) if found else None
    except ValueError as error:
        raise ValueError(
            "`loss`. Expected the name of a Keras loss, a function or a "
            f"keras.losses.Loss. Received: loss={loss!r}"
        ) from error


def wants_integers(loss):
    """Returns whether a loss takes class numbers as labels."""
    return isinstance(loss, keras.losses.SparseCategoricalCrossentropy) or (
        loss is keras.losses.sparse_categorical_crossentropy
    )


def wants_one_hot(loss):
    """Returns whether a loss takes a probability of each class as labels."""
    kinds = (
        keras.losses.CategoricalCrossentropy,
        keras.losses.CategoricalFocalCrossentropy,
    )
    return isinstance(loss, kinds) or loss in (
        keras.losses.categorical_crossentropy,
        keras.losses.categorical_focal_crossentropy,
    )


def ignored_class(loss):
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
    ignored = ignored_class(loss)
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
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync
