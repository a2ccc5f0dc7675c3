"""True gradients of states beside those that training by windows uses.

In a `TruncatedRNN` the boundary is a cut in time. What lies behind it is missed
by every step before it: the closer to the cut, the more. So each step of an
episode is asked for two gradients of its state: the true one, through all steps
that follow, and the one of training, through the steps of its window.
"""

from typing import NamedTuple

from dni_lesson.checks import check_that
from dni_lesson.examples import check_examples, check_weights
from dni_lesson.monitors import MEASURES, agreement
from dni_lesson.probing import ProbeMonitor, traced
from dni_lesson.recurrence import (
    Carried,
    TruncatedRNN,
    apart,
    check_shape,
    check_steps,
    side_by_side,
)

import keras
import numpy as np
import tensorflow as tf
from keras import ops


class StateGradient(NamedTuple):
    """The gradients of the loss of a batch at the state after one step.

    Attributes:
        step: Integer, counted from 1.
        to_cut: Integer, the steps from here to the end of the window; 0 at the
            cut. `None` in the last window, which ends with the episode.
        true: Array `(batch, units)`, by full backpropagation through time.
        used: Array `(batch, units)`, what training puts in its place: the
            gradient of the rest of the window and, with an interface, the
            synthetic gradient at the cut, pulled back through these steps.
    """

    step: int
    to_cut: int | None
    true: np.ndarray
    used: np.ndarray


def state_gradients(model, x, y, sample_weight=None):
    """Returns the true gradient of the state after each step, and the used one.

    Both are of the loss of a whole episode, a sum over steps and a mean over
    the batch, so they shrink with the batch. What layers do in training only,
    such as `Dropout`, is left out. Nothing is updated.

    Args:
        model: A compiled `TruncatedRNN`; it is built if it is not.
        x: Array `(batch, time, features)`.
        y: Array `(batch, time, ...)`, the labels.
        sample_weight: Array `(batch,)` or `(batch, time)`, as for `fit`, or
            `None`. Default `None`.

    Returns:
        A list of `StateGradient` with NumPy arrays, one for each step but the
        last, whose state nothing reads. All states of a cell are side by side,
        `h` and `c` of an LSTM.

    Raises:
        ValueError: If `model` is no compiled `TruncatedRNN`, or the arrays do
            not fit it.

    Example:

    >>> model = dni.TruncatedRNN(
    ...     keras.layers.GRUCell(4), keras.layers.Dense(1), window=2
    ... )
    >>> model.compile("adam", "mse")
    >>> found = dni.state_gradients(model, np.ones((8, 4, 2)), np.ones((8, 4)))
    >>> [(g.step, g.to_cut, g.true.shape) for g in found]
    [(1, 1, (8, 4)), (2, 0, (8, 4)), (3, None, (8, 4))]
    """
    probe = _check_probe(model, x, y, sample_weight)
    return _gradient_function(model)(*probe)


def _check_probe(model, x, y, sample_weight):
    """Returns the arrays that are there, as arrays."""
    is_compiled = getattr(model, "compiled", False) and model.loss is not None
    check_that(
        isinstance(model, TruncatedRNN) and is_compiled,
        "model",
        model,
        "a TruncatedRNN that was compiled with a loss",
    )
    sizes = keras.tree.flatten(model.cell.state_size)
    check_that(
        all(isinstance(size, int) for size in sizes),
        "model",
        model,
        "a cell whose states are vectors",
    )
    x, y = check_examples(model, x, y, "probe")
    check_shape(x.shape, model.features)
    check_steps(y, sample_weight, x.shape[1])
    if sample_weight is None:
        return x, y
    check_weights("sample_weight", sample_weight, len(x))
    return x, y, np.asarray(sample_weight, "float32")


def _gradient_function(model):
    """Returns `state_gradients` for one model, compiled for many calls."""

    @tf.function
    def compute(x, y, weight=None):
        with keras.StatelessScope(collect_losses=True):
            return [
                _of_states(model, x, y, weight, is_cut)
                for is_cut in (False, True)
            ]

    compiled = traced(compute)

    def call(x, *others):
        window = model.window
        last_cut = (x.shape[1] - 1) // window * window
        pairs = zip(*compiled(x, *others), strict=True)
        return [
            StateGradient(
                step,
                -step % window if step <= last_cut else None,
                true.numpy(),
                used.numpy(),
            )
            for step, (true, used) in enumerate(pairs, 1)
        ]

    return call


def _of_states(model, x, y, weight, is_cut):
    """Returns the gradient of the state after each step but the last."""
    state = model.modules[0].get_initial_state(ops.shape(x)[0])
    states, ends, outputs = [], [], []
    with tf.GradientTape() as tape:
        for step in range(x.shape[1]):
            if step:
                vector = side_by_side(state)
                tape.watch(vector)
                states.append(vector)
                if is_cut and step % model.window == 0:
                    ends.append(vector)
                    vector = ops.stop_gradient(vector)
                state = apart(vector, state)
            here, state = model(Carried(x[:, step : step + 1], state))
            outputs.append(here)
        outputs = ops.concatenate(outputs, axis=1)
        loss = model.compute_loss(x, y, outputs, weight, training=False)
    sent = [_sent_down(model, x, weight, end) for end in ends]
    return tape.gradient(
        [loss, *ends],
        states,
        output_gradients=[ops.ones_like(loss), *sent],
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )


def _sent_down(model, x, weight, end):
    """Returns what arrives at a state from behind its cut."""
    if model.interface is None:
        return ops.zeros_like(end)
    of_examples = weight is not None and len(weight.shape) == 1
    scale = model.gradient_scale(x, weight if of_examples else None)
    g_hat = model.interface.synthetic_gradient(
        end, gradient_scale=scale, training=True
    )
    return model.discount * ops.cast(g_hat, end.dtype)


class StateMonitor(ProbeMonitor):
    """Compares the gradients of states in a `TruncatedRNN` on a fixed probe.

    Training is left as it is, bit for bit. As a side effect `history` grows by
    one row for each distance to the cut at each measurement, in which all cuts
    of the episode are taken together. What it costs is about three training
    steps on a batch of the probe's size, and compiling when training begins.

    Args:
        x_probe: Array `(batch, time, features)`, with more steps than a window.
        y_probe: Array `(batch, time, ...)`, their labels.
        sample_weight: As in `state_gradients`. Default `None`.
        every: As in `GradientMonitor`; a step is a batch of episodes. Default
            `"epoch"`.

    Attributes:
        history: Dict of equal-length lists: `step` (batches of episodes since
            `fit` began), `to_cut` (steps to the end of the window, 0 at the
            cut), `cosine`, `sign_agreement`, `norm_ratio`, `relative_error`
            (see `agreement`). Begins anew with each `fit`.

    Raises:
        ValueError: If `every` is neither; at the start of training if the
            probe does not fit the model.

    Example:

    >>> monitor = dni.StateMonitor(np.ones((8, 4, 2)), np.ones((8, 4, 1)))
    """

    def __init__(self, x_probe, y_probe, sample_weight=None, every="epoch"):
        super().__init__(("to_cut", *MEASURES), every)
        self.probe = x_probe, y_probe, sample_weight

    def _begin(self):
        self._probe = _check_probe(self.model, *self.probe)
        self._gradients = _gradient_function(self.model)
        self._gradients(*self._probe)  # Compile now, not in the first epoch.

    def _rows(self):
        found = self._gradients(*self._probe)
        distances = {g.to_cut for g in found} - {None}
        for to_cut in sorted(distances):
            there = [g for g in found if g.to_cut == to_cut]
            yield {
                "to_cut": to_cut,
                **agreement([g.true for g in there], [g.used for g in there]),
            }
