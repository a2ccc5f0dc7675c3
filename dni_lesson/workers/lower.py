"""The calls of a part below the top."""

from dni_lesson.workers.residuals import split_pass
from dni_lesson.workers.stage import Stage

import keras
import tensorflow as tf


class LowerStage(Stage):
    """A part whose gradient is predicted, or comes from above.

    It runs `forward` and then one of `update_synthetic`, `update` and
    `backward`, the last for micro-batches, whose gradients `apply` sums up.
    With several mini-batches in a call it is `learn` alone.
    """

    def forward(self, h, y):
        """Returns the output `(batch, *features)` and the residuals."""
        (out, *_), residuals = self.call("forward", h, h, y)
        return out, residuals

    def update_synthetic(self, residuals, out, y):
        """Updates the part with a predicted gradient.

        Returns the gradient of its input, `None` for the first part.
        """
        return self.call("update_synthetic", out, residuals, out, y)

    def learn(self, h, y):
        """Runs forward and updates the part with a predicted gradient.

        Returns the output and the gradient of the input, `None` for the first
        part.
        """
        return self.call("learn", h, h, y)

    def train_predictor(self, out, y, g):
        """Trains the predictor with the gradient `g` that arrived for `out`."""
        self.call("train_predictor", out, out, y, g)

    def update(self, residuals, g):
        """Updates the part with the gradient `g` of its output.

        Returns the gradient of its input, `None` for the first part.
        """
        return self.call("update", g, residuals, g)

    def backward(self, residuals, g):
        """Returns the gradients of the input and of the weights."""
        return self.call("backward", g, residuals, g)

    def make_calls(self, h, y):
        forward, backward = split_pass(
            self.run,
            self.first_of(h, y),
            self.variables,
            [v for one in self.layers for v in one.non_trainable_variables],
            self.keep_weights,
            input_gradient=not self.part.is_first,
        )

        def update(residuals, g):
            below, gradients = backward(residuals, g)
            self.optimizers[0].apply(gradients, self.variables)
            return below

        if self.synthetic:
            return self._make_synthetic_calls(forward, update, h, y)
        (out, *_), residuals = self.add("forward", forward, h, y)
        if self.microbatches == 1:
            self.add("update", update, residuals, out)
        else:
            _, gradients = self.add("backward", backward, residuals, out)
            self.make_apply(gradients)
        return out

    def _make_synthetic_calls(self, forward, update, h, y):
        def update_synthetic(residuals, out, y):
            # As in training, but a predictor's states are left to its own call.
            with keras.StatelessScope():
                g = self.part.interface.synthetic_gradient(
                    out, y, self.model.gradient_scale(out), training=True
                )
            return update(residuals, g)

        def learn(h, y):
            (out, *_), residuals = forward(h, y)
            return out, update_synthetic(residuals, out, y)

        if self.together:
            out, _ = self.add("learn", learn, h, y)
        else:
            (out, *_), residuals = self.add("forward", forward, h, y)
            self.add("update_synthetic", update_synthetic, residuals, out, y)
        if self.learns_to_predict:
            self.add("train_predictor", self._teach, out, y, out)
        return out

    def _teach(self, out, y, g):
        interface = self.part.interface
        with tf.GradientTape() as tape:
            scale = self.model.gradient_scale(out)
            passed = interface(out, y, scale, training=True)
            ends = [passed, *interface.losses]
        gradients = tape.gradient(
            ends,
            [one.value for one in self.predictor_variables],
            output_gradients=[g, *map(tf.ones_like, ends[1:])],
        )
        self.optimizers[1].apply(gradients, self.predictor_variables)
