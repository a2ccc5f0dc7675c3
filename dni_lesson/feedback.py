"""Direct feedback alignment: the output's gradient through a fixed matrix."""

import math

from dni_lesson.backward import arrived
from dni_lesson.checks import check_int
from dni_lesson.interfaces import Interface

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dni_lesson")
class DirectFeedback(Interface):
    """Sends down what the output got wrong, through a fixed random matrix.

    Let `e` be the gradient of the loss with respect to the model's output.
    Then what goes down is

        g_hat = e B

    with a matrix `B` that is drawn once and never learns: direct feedback
    alignment. No gradient crosses a boundary, and the gradient that arrives
    from above counts for nothing. It works because the modules learn to make
    use of `B`; how far, `GradientMonitor` shows.

    A module need not wait for the backward passes above it, but it must wait
    for the forward pass through all of them, and for `e`: of the three locks
    this opens the backward one alone. So `fit_async`'s decoupled workers, which
    do not wait, refuse it.

    The layer needs a `DecoupledModel` around it, which brings `e` down. It
    takes no labels, and `e` is in the units of the loss, so there is no scale.

    Args:
        output_size: Integer >= 1, how many values the model returns for an
            example: the number of classes.
        seed: Integer, of the matrix; `None` for another each time. Default
            `None`.

    Input shape:
        `(batch, *features)`, the features known.

    Output shape:
        The input's.

    Raises:
        ValueError: If `output_size` is no integer >= 1, or is not that of the
            model.

    Example:

    >>> model = dni.DecoupledModel(
    ...     [keras.layers.Dense(64, "relu"), keras.layers.Dense(10)],
    ...     [dni.DirectFeedback(10)],
    ... )

    Reference:

    - Nøkland, Direct Feedback Alignment Provides Learning in Deep Neural
      Networks, [arXiv 1609.01596](https://arxiv.org/abs/1609.01596),
      equation 7; there `B` is drawn for each layer, as here.
    """

    needs_output_gradient = True
    learns_from_above = False

    def __init__(self, output_size, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.output_size = check_int("output_size", output_size, at_least=1)
        self.seed = seed

    @property
    def crosses(self):
        return True

    def build(self, input_shape):
        features = input_shape[1:]
        if None in features:
            raise ValueError(
                "`inputs`. Expected a known size of all axes but the first. "
                f"Received: shape {tuple(input_shape)}"
            )
        self.matrix = self.add_weight(
            name="feedback",
            shape=(self.output_size, math.prod(features)),
            initializer=keras.initializers.GlorotUniform(self.seed),
            trainable=False,
        )

    def synthetic_gradient(
        self,
        inputs,
        labels=None,
        gradient_scale=None,
        training=False,
        output_gradient=None,
    ):
        """Returns the gradient that goes down, `(batch, *features)`.

        Args:
            inputs: As in `call`.
            labels: Not used.
            gradient_scale: Not used.
            training: Not used.
            output_gradient: Tensor `(batch, ...)`, the gradient of the loss
                with respect to the model's output.

        Raises:
            ValueError: If `output_gradient` is `None`.
        """
        if output_gradient is None:
            raise ValueError(
                f"`output_gradient` is missing. The layer '{self.name}' sends "
                "down what the output of a model got wrong: put it among the "
                "`interfaces` of a `DecoupledModel`, and train by `fit`."
            )
        e = ops.reshape(output_gradient, (-1, self.output_size))
        g_hat = ops.matmul(e, ops.cast(self.matrix, e.dtype))
        return ops.reshape(ops.cast(g_hat, inputs.dtype), ops.shape(inputs))

    def call(self, inputs, labels=None, gradient_scale=None, training=False):
        # What comes down by this way counts for nothing: see `wire`.
        return ops.stop_gradient(inputs) if training else inputs

    def wire(self, inputs):
        """Returns zeros, `(batch, output_size)`, to be added to the output.

        Whatever gradient they receive is that of the output; backward, `inputs`
        receives what goes down for it.
        """

        @ops.custom_gradient
        def wired(inputs, matrix):
            def grad(*args, upstream=None):
                e = arrived(args, upstream)
                down = self.synthetic_gradient(inputs, output_gradient=e)
                return down, ops.zeros_like(matrix)

            size = (ops.shape(inputs)[0], self.output_size)
            return ops.zeros(size, dtype=inputs.dtype), grad

        return wired(inputs, ops.convert_to_tensor(self.matrix))

    def get_config(self):
        config = super().get_config()
        del config["num_classes"]
        return {**config, "output_size": self.output_size, "seed": self.seed}


class Echo(keras.layers.Layer):
    """The output of a model, from which its gradient reaches `wires` too."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True

    def call(self, inputs, wires):
        size = wires[0].shape[-1]
        found = math.prod(inputs.shape[1:])
        if found != size:
            raise ValueError(
                "`output_size`. Expected the number of values that the model "
                f"returns for an example: {found}. Received: {size}"
            )
        for wire in wires:
            wire = ops.reshape(wire, ops.shape(inputs))
            inputs = inputs + ops.cast(wire, inputs.dtype)
        return inputs
