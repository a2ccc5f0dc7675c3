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
            the end and the loss, a scalar. The steps of the last window are
            not known where `time` is not.
        arrays: List of tensors `(batch, time, ...)` or `None`, which stays
            `None`. The first is one.
        window: Integer >= 1, the steps of a window.
        state: Nested list of tensors.
        output: `KerasTensor` such as the outputs are.

    Returns:
        The outputs of all steps, `(batch, time, ...)`, and the sum of losses.
    """
    batch, time = ops.shape(arrays[0])[:2]
    cuts = (time - 1) // window
    before = cuts * window
    last = _each(lambda one: one[:, before:], arrays)
    if isinstance(cuts, int) and cuts == 0:
        outputs, _, loss = update(last, state, is_last=True)
        return outputs, loss
    stacked = _each(lambda one: _stack(one[:, :before], cuts, window), arrays)
    # No `TensorArray`: one without elements has no shape.
    seen = ops.zeros((cuts, batch, window, *output.shape[2:]), output.dtype)

    def body(k, state, seen, total):
        part = _each(lambda one: one[k], stacked)
        outputs, state, loss = update(part, state, is_last=False)
        seen = tf.tensor_scatter_nd_update(seen, [[k]], outputs[None])
        return k + 1, state, seen, total + loss

    _, state, seen, total = tf.while_loop(
        lambda k, *_: k < cuts, body, (0, state, seen, ops.zeros(()))
    )
    outputs, _, loss = update(last, state, is_last=True)
    seen = ops.moveaxis(seen, 0, 1)
    seen = ops.reshape(seen, (batch, before, *output.shape[2:]))
    return ops.concatenate([seen, outputs], axis=1), total + loss


def _each(function, arrays):
    return [None if one is None else function(one) for one in arrays]


def _stack(array, cuts, window):
    """Returns `(cuts, batch, window, ...)` of `(batch, cuts * window, ...)`."""
    batch, _, *rest = ops.shape(array)
    array = ops.reshape(array, (batch, cuts, window, *rest))
    return ops.moveaxis(array, 1, 0)
