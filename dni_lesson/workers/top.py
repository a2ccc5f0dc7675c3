"""The calls of the last part, which ends in the loss."""

from dni_lesson.workers.stage import Stage

import keras
import tensorflow as tf
from keras import ops


class TopStage(Stage):
    """The last part: no gradient has to be awaited, so one call does it all."""

    def update(self, h, y):
        """Updates the last part; returns the loss and the input's gradient."""
        return self.call("update", h, h, y)

    def backward(self, h, y):
        """Returns the loss and the gradients of the input and the weights."""
        return self.call("backward", h, h, y)

    def make_calls(self, h, y):
        (one,) = self.first_of(h)
        share = _loss_share(self.model, one, self.microbatches)

        def backward(h, y):
            with tf.GradientTape() as tape:
                tape.watch(h)
                prediction, *penalty = self.run(h, y)
                loss = share * _loss(self.model, y, prediction) + sum(penalty)
            below, *gradients = tape.gradient(
                loss,
                [h, *[one.value for one in self.variables]],
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            return loss, None if self.part.is_first else below, gradients

        def update(h, y):
            loss, below, gradients = backward(h, y)
            self.optimizers[0].apply(gradients, self.variables)
            return loss, below

        if self.microbatches == 1:
            self.add("update", update, h, y)
        else:
            *_, gradients = self.add("backward", backward, h, y)
            self.make_apply(gradients)


class FunctionLoss(keras.losses.Loss):
    """The mean of a loss function, with ranks that match, as in `fit`."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def call(self, y, prediction):
        if len(y.shape) == len(prediction.shape) - 1:
            if prediction.shape[-1] == 1:
                y = ops.expand_dims(y, -1)
        elif len(y.shape) == len(prediction.shape) + 1 and y.shape[-1] == 1:
            y = ops.squeeze(y, -1)
        return self._function(y, prediction)


def _loss(model, y, prediction):
    loss = model.only_loss
    if not isinstance(loss, keras.losses.Loss):
        loss = FunctionLoss(loss)
    # As Keras: the sum of a `Loss` that does not reduce.
    return model.loss_factor * ops.sum(loss(y, prediction))


def _loss_share(model, h, parts):
    """Returns the weight of a micro-batch's loss in the mini-batch's."""
    whole = ops.concatenate([h] * parts)
    return float(model.gradient_scale(whole)[0] / model.gradient_scale(h)[0])
