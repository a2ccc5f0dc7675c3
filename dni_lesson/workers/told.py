"""What the callbacks of a run are told."""

import math

import keras
import numpy as np


class Told:
    """Tells callbacks, in the thread of the caller, how far training is.

    An epoch is told as Keras tells of steps that are one execution: its first
    mini-batch begins, then its last one ends.

    Args:
        job: `Job`.
        callbacks: List of Keras callbacks, or `None`.
        epochs: Integer >= 1.

    Attributes:
        losses: List of floats, the mean loss of each epoch; NaN where the
            process that knew it was killed.
    """

    def __init__(self, job, callbacks, epochs):
        self._model, self._plan, self._epochs = job.model, job.plan, epochs
        self._shares, self.losses = job.batches.shares, []
        job.model.stop_training = False
        self._callbacks = keras.callbacks.CallbackList(
            callbacks,
            model=job.model,
            epochs=epochs,
            steps=job.plan.report_every,
        )
        self._callbacks.on_train_begin()
        self._begin(0)

    def epoch_ended(self, minibatches, losses):
        """Tells of an epoch; returns whether training is to stop.

        Args:
            minibatches: Integer, done since the beginning.
            losses: Dict, job to loss.
        """
        epoch = minibatches // self._plan.report_every - 1
        if epoch < len(self.losses):  # Repeated after a restart.
            return False
        # Reports may have gone with a process that was killed.
        unheard = [math.nan] * (epoch - len(self.losses))
        for loss in [*unheard, self._mean(losses)]:
            self.losses.append(loss)
            done, logs = len(self.losses), {"loss": loss}
            last = self._plan.report_every - 1
            self._callbacks.on_train_batch_end(last, logs)
            self._callbacks.on_epoch_end(done - 1, logs)
            if self._model.stop_training:
                return True
            if done < self._epochs:
                self._begin(done)
        return False

    def _begin(self, epoch):
        self._callbacks.on_epoch_begin(epoch)
        self._callbacks.on_train_batch_begin(0)

    def _mean(self, losses):
        # Micro-batches add up to the loss of their mini-batch. All are there
        # unless the last module was killed.
        batches = {}
        for job, loss in losses.items():
            batch = job // self._plan.microbatches % self._plan.report_every
            batches[batch] = batches.get(batch, 0.0) + float(loss)
        shares = self._shares[list(batches)]
        return float(np.average(list(batches.values()), weights=shares))

    def ended(self):
        logs = {"loss": self.losses[-1]} if self.losses else {}
        self._callbacks.on_train_end(logs)
