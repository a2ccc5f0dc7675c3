"""Recurrent networks that are trained window by window.

Time is a chain of modules, too: the same cell at every step. Backpropagation
through time couples all steps; truncation cuts the chain, and an interface at
the cut sends down what the steps behind it would have said.

    steps    1 2 3 | 4 5 6 | 7        window=3
    updates      1       2   3        the state goes on over each `|`
"""

from typing import Any, NamedTuple

from dni_lesson.checks import check_int, check_not_negative, check_that
from dni_lesson.interfaces import Interface
from dni_lesson.model import DecoupledModel
from dni_lesson.predictors import with_layers
from dni_lesson.windows import over_windows

import keras
import tensorflow as tf
from keras import ops

LONGEST_UNROLLED = 20  # Longer windows run as a loop, to be compiled sooner.


@keras.saving.register_keras_serializable(package="dni_lesson")
class TruncatedRNN(DecoupledModel):
    """A recurrent network, trained by truncated backpropagation through time.

    `fit`, `evaluate`, `predict`, `save` and `keras.saving.load_model` work as
    for any Keras model of whole episodes. In training each episode is cut into
    windows of `window` steps, the last of which may be shorter. Each window is
    an update of its own, so `optimizer.iterations` counts windows. The state
    goes on from window to window and begins anew with each episode.

    Without an interface no gradient crosses a cut. With one, the state `s` at
    the end of a window receives the synthetic gradient `g_hat(s)`, and the
    predictor learns at the start of each window from what arrives there: the
    true gradient of the window's loss, plus the synthetic gradient at its end,
    pulled back through its steps. So news of a loss walks back one window in
    each episode. At the end of an episode nothing follows: zero arrives there.

    The loss of an episode is the sum over its steps, the mean over the batch:
    the compiled loss times the number of steps, in `fit` and in `evaluate`. So
    the losses of windows add up to that of the episode, and a synthetic
    gradient counts as much as the loss it stands for. Metrics are as in Keras;
    in training they see the outputs from before each window's update.

    The interface sees one vector: all states side by side, `h` and `c` of an
    LSTM. As everywhere, its predictor works in per-example units, here of the
    sum over the steps of an episode that are still to come. A weight for each
    example counts as how much the loss weighs it, a weight for each step as
    part of the example's own loss.

    The recurrence and the readout are the two `modules`, with no interface
    between them. They are no chain to be cut among workers: each window passes
    both.

    Args:
        cell: Keras layer, any cell that `keras.layers.RNN` takes, such as
            `keras.layers.GRUCell(64)` or `keras.layers.StackedRNNCells`.
        readout: Keras layer or model that maps `(batch, time, units)` to
            `(batch, time, ...)`, each step by itself.
        window: Integer >= 1, the steps between two cuts. As many as an episode
            has, or more, are full backpropagation through time.
        interface: `Interface` without `num_classes`, such as
            `SyntheticGradient()`, or `None` for plain truncation. Default
            `None`.
        discount: Number in `[0, 1]`, what the synthetic gradient is multiplied
            with where it is used. Below 1 what lies far ahead counts less, and
            predictions that rest on predictions are kept from growing;
            public implementations take 0.1. Default `1.0`.

    Call arguments:
        inputs: Float tensor `(episodes, time, features)`.
        training: Boolean. Default `False`.

    Input shape:
        `(episodes, time, features)`; other numbers of steps may follow.

    Output shape:
        `(episodes, time, ...)`, as the readout returns it.

    Raises:
        ValueError: If an argument is of the wrong type or out of its range; in
            `compile` if the loss is no mean; in `fit` and `evaluate` if labels
            or weights do not fit the steps.

    Example:

    >>> model = dni.TruncatedRNN(
    ...     keras.layers.LSTMCell(64),
    ...     keras.layers.Dense(10),
    ...     window=5,
    ...     interface=dni.SyntheticGradient(),
    ... )

    Reference:

    - Jaderberg et al., Decoupled Neural Interfaces using Synthetic Gradients,
      [arXiv 1608.05343](https://arxiv.org/abs/1608.05343), section 2.1.
    """

    is_chain = False

    def __init__(
        self, cell, readout, window, interface=None, discount=1.0, **kwargs
    ):
        _check_parts(cell, readout, interface)
        recurrence = keras.layers.RNN(
            cell, return_sequences=True, dtype=cell.dtype_policy
        )
        super().__init__([recurrence, readout], [None], **kwargs)
        self.cell, self.readout = cell, readout
        self.window = check_int("window", window, at_least=1)
        self.interface = interface
        self.discount = check_not_negative("discount", discount, at_most=1)
        self.windowed = keras.layers.RNN(
            cell,
            return_sequences=True,
            return_state=True,
            unroll=self.window <= LONGEST_UNROLLED,
            dtype=cell.dtype_policy,
        )

    def build(self, input_shape):
        check_shape(input_shape)
        self.features = input_shape[-1]
        super().build(input_shape)
        self.windowed.build(input_shape)
        if self.interface is not None and not self.interface.built:
            units = sum(keras.tree.flatten(self.cell.state_size))
            self.interface.build((None, units))

    def compile(self, *args, **kwargs):
        """Configures training, as `DecoupledModel.compile`.

        Raises:
            ValueError: If the loss is no mean over all steps, or under a
                `tf.distribute` strategy.
        """
        super().compile(*args, **kwargs)
        config = getattr(self.only_loss, "get_config", dict)()
        reduction = config.get("reduction", "sum_over_batch_size")
        check_that(
            reduction in ("sum_over_batch_size", "mean")
            and config.get("ignore_class") is None,
            "loss",
            self.only_loss,
            "a mean over examples and steps, of which this model makes the sum "
            "over steps: reduction='sum_over_batch_size', and `sample_weight` "
            "instead of `ignore_class`",
        )
        if self.is_distributed():
            raise ValueError(
                "A `TruncatedRNN` does not train under a `tf.distribute` "
                "strategy."
            )

    def call(self, inputs, labels=None, gradient_scale=None, training=False):
        if not isinstance(inputs, Carried):
            check_shape(inputs.shape, self.features)
            return super().call(inputs, labels, gradient_scale, training)
        x, state = inputs
        if x.shape[1] is None:  # Nothing to unroll; only a last window is so.
            recurrence = self.modules[0]
            h = recurrence(x, initial_state=state, training=training)
        else:
            h, *state = self.windowed(x, initial_state=state, training=training)
        return self.readout(h, training=training), state

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Returns Keras's loss times the number of steps."""
        check_steps(y, sample_weight, y_pred.shape[1])
        if sample_weight is not None and len(sample_weight.shape) == 1:
            sample_weight = ops.expand_dims(sample_weight, 1)
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        return loss * ops.cast(ops.shape(y_pred)[1], loss.dtype)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        check_steps(y, sample_weight, y_pred.shape[1])
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if not self.built:
            self.build(x.shape)
        if not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        check_shape(x.shape, self.features)
        check_steps(y, sample_weight, x.shape[1])
        y_pred, loss = self._over_windows(x, y, sample_weight)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=ops.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def _over_windows(self, x, y, sample_weight):
        """Updates the model at each window; returns all outputs and the loss.

        A weight for each example belongs to the scale, the same in all windows;
        weights for each step are cut as the steps are.
        """
        of_examples, of_steps = sample_weight, None
        if sample_weight is not None and len(sample_weight.shape) > 1:
            of_examples, of_steps = None, sample_weight
        scale = self.gradient_scale(x, of_examples)

        def update(part, state, is_last):
            x, y, weight = part
            weight = of_examples if weight is None else weight
            return self._update(x, y, weight, state, scale, is_last)

        return over_windows(
            update,
            [x, y, of_steps],
            self.window,
            self.modules[0].get_initial_state(ops.shape(x)[0]),
            self.output_spec,
        )

    def _update(self, x, y, weight, state, scale, is_last):
        """Takes one step of the optimizer; returns outputs, state and loss."""
        # Under float16 the optimizer multiplies the loss, hence the gradients.
        scale = self.optimizer.scale_loss(scale)
        variables = self.trainable_variables
        with tf.GradientTape() as tape:
            start = self._at_cut(state, scale)
            outputs, end = self(Carried(x, start), training=True)
            loss = self.compute_loss(x, y, outputs, weight)
            targets = [self.optimizer.scale_loss(loss)]
            end = keras.tree.pack_sequence_as(state, keras.tree.flatten(end))
            if self.interface is not None and not is_last:
                targets.append(side_by_side(end))
        gradients = [ops.ones_like(targets[0])]
        for vector in targets[1:]:
            g_hat = self.interface.synthetic_gradient(
                vector, gradient_scale=scale, training=True
            )
            gradients.append(self.discount * ops.cast(g_hat, vector.dtype))
        self.optimizer.apply(
            tape.gradient(targets, variables, output_gradients=gradients),
            variables,
        )
        return outputs, end, loss

    def _at_cut(self, state, scale):
        """Returns the state, where the interface learns from what arrives."""
        if self.interface is None:
            return state
        vector = self.interface(
            side_by_side(state), gradient_scale=scale, training=True
        )
        return apart(vector, state)

    def get_config(self):
        config = super().get_config()
        del config["modules"], config["interfaces"]
        serialize = keras.saving.serialize_keras_object
        return {
            **config,
            "cell": serialize(self.cell),
            "readout": serialize(self.readout),
            "window": self.window,
            "interface": self.interface and serialize(self.interface),
            "discount": self.discount,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**with_layers(config, "cell", "readout", "interface"))


class Carried(NamedTuple):
    """What the model is called with in a window.

    Attributes:
        inputs: Tensor `(batch, steps, features)`.
        state: Nested list of tensors `(batch, units)`.
    """

    inputs: Any
    state: Any


def _check_parts(cell, readout, interface):
    is_cell = isinstance(cell, keras.layers.Layer) and hasattr(
        cell, "state_size"
    )
    check_that(
        is_cell and not isinstance(cell, keras.layers.RNN),
        "cell",
        cell,
        "a Keras cell, such as keras.layers.GRUCell(64)",
    )
    check_that(
        isinstance(readout, keras.layers.Layer),
        "readout",
        readout,
        "a Keras layer or model",
    )
    check_that(
        isinstance(interface, Interface | None),
        "interface",
        interface,
        "an Interface layer or None",
    )
    if interface is None:
        return
    check_that(
        interface.num_classes is None and not interface.needs_output_gradient,
        "interface",
        interface,
        "one that needs the state alone: no label and no output belong to a "
        "cut in time",
    )
    check_that(
        not interface.waits,
        "interface",
        interface,
        "one with share=0: at the end of a window nothing has arrived",
    )
    check_that(
        all(isinstance(n, int) for n in keras.tree.flatten(cell.state_size)),
        "cell",
        cell,
        "a cell whose states are vectors, as there is an interface",
    )


def check_shape(shape, features=None):
    is_right = (
        hasattr(shape, "__len__")
        and len(shape) == 3
        and features in (shape[-1], None)
    )
    check_that(
        is_right,
        "x",
        shape,
        f"the shape (episodes, time, {features or 'features'})",
    )


def check_steps(y, sample_weight, steps):
    """Checks that labels, and weights of more than one axis, have all steps."""
    for name, array in (("y", y), ("sample_weight", sample_weight)):
        if array is None or (name != "y" and len(array.shape) == 1):
            continue
        found = array.shape[1] if len(array.shape) > 1 else 0
        check_that(
            found == steps or None in (found, steps),
            name,
            tuple(array.shape),
            f"an entry for each step of each episode: (episodes, {steps}, ...)",
        )


def side_by_side(state):
    """Returns all states as one tensor `(batch, units)`."""
    return ops.concatenate(keras.tree.flatten(state), axis=-1)


def apart(vector, state):
    """Returns one tensor `(batch, units)` as states, in the form of these."""
    leaves = keras.tree.flatten(state)
    vector = ops.cast(vector, leaves[0].dtype)
    sizes = [one.shape[-1] for one in leaves]
    return keras.tree.pack_sequence_as(state, tf.split(vector, sizes, axis=-1))
