"""What can stand in an interface: models that predict a gradient.

All of them predict zero at the start: before it has learned anything, a
predictor must not move the module below (arXiv 1608.05343, supplement).
"""

import keras
from keras import ops


def linear_predictor(units, **kwargs):
    """Returns one Dense layer with `units` outputs, zero at the start."""
    return keras.layers.Dense(units, kernel_initializer="zeros", **kwargs)


def hidden_predictor(units, hidden_units, extra_inputs=0, seed=0):
    """Returns a predictor with hidden layers: Dense, BatchNorm, ReLU.

    Args:
        units: Integer, the width of the boundary.
        hidden_units: Tuple of integers, the widths of the hidden layers;
            `(1024, 1024)` is the paper's.
        extra_inputs: Integer, how many values it sees beside the activations:
            the number of classes for cDNI. Default `0`.
        seed: Integer, of the initial weights. Default `0`.
    """
    layers = [keras.Input((units + extra_inputs,))]
    for k, width in enumerate(hidden_units):
        layers += hidden_layers(width, seed + k)
    return keras.Sequential([*layers, linear_predictor(units)])


def hidden_layers(units, seed):
    """Returns the layers of one hidden layer: Dense, BatchNorm, ReLU."""
    return [
        # BatchNorm's offset takes the place of the bias.
        keras.layers.Dense(
            units, use_bias=False, kernel_initializer=glorot(seed)
        ),
        # Keras's default momentum, 0.99, still remembers the initial
        # statistics after the few hundred steps of a lesson.
        keras.layers.BatchNormalization(momentum=0.9),
        keras.layers.ReLU(),
    ]


def glorot(seed):
    """Returns Keras's default initialiser with a seed of its own."""
    return keras.initializers.GlorotUniform(seed=seed)


@keras.saving.register_keras_serializable(package="dni_lesson")
class ZeroPredictor(keras.layers.Layer):
    """Predicts that every gradient is zero: the control of every DNI.

    `SyntheticGradient(ZeroPredictor())` lets no gradient through, so that only
    the module above the last boundary learns. It sends zeros rather than
    nothing at all because optimizers complain of variables without a gradient.

    Input shape:
        Any.

    Output shape:
        The input's.
    """

    def call(self, inputs):
        return ops.zeros_like(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape
