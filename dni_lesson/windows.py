"""Episodes cut into windows of steps, and the loop over these."""

import tensorflow as tf
from keras import ops


def over_windows(update, arrays, window, state, output):
    """Calls a function on each window of episodes, one after the other.

    The last window may be shorter than the others. These run in one loop, so
    that a graph does not grow with the number of windows.

    Args:
        update: Function of a list of arrays `(batch, steps, ...)`, a state and
            `is_last`. It returns outputs `(batch, steps, ...)`, the state at
            the end and the loss, a scalar.
        arrays: List of tensors `(batch, time, ...)` or `None`, which stays
            `None`. The first is one and its `time` is known.
        window: Integer >= 1, the steps of a window.
        state: Nested list of tensors.
        output: `KerasTensor` such as the outputs are.

    Returns:
        The outputs of all steps, `(batch, time, ...)`, and the sum of losses.
    """
    batch, time = arrays[0].shape[:2]
    cuts = (time - 1) // window
    last = _each(lambda one: one[:, cuts * window :], arrays)
    if not cuts:
        outputs, _, loss = update(last, state, is_last=True)
        return outputs, loss
    stacked = _each(lambda one: _stack(one[:, : cuts * window], cuts), arrays)
    seen = tf.TensorArray(
        output.dtype, cuts, element_shape=(batch, window, *output.shape[2:])
    )

    def body(k, state, seen, total):
        part = _each(lambda one: one[k], stacked)
        outputs, state, loss = update(part, state, is_last=False)
        return k + 1, state, seen.write(k, outputs), total + loss

    _, state, seen, total = tf.while_loop(
        lambda k, *_: k < cuts, body, (0, state, seen, ops.zeros(()))
    )
    outputs, _, loss = update(last, state, is_last=True)
    return ops.concatenate([_unstack(seen.stack()), outputs], 1), total + loss


def _each(function, arrays):
    return [None if one is None else function(one) for one in arrays]


def _stack(array, cuts):
    """Returns `(cuts, batch, window, ...)` of `(batch, cuts * window, ...)`."""
    batch, time, *rest = ops.shape(array)
    array = ops.reshape(array, (batch, cuts, time // cuts, *rest))
    return ops.moveaxis(array, 1, 0)


def _unstack(windows):
    """Returns what `_stack` was made from."""
    cuts, batch, window, *rest = ops.shape(windows)
    array = ops.moveaxis(windows, 0, 1)
    return ops.reshape(array, (batch, cuts * window, *rest))
