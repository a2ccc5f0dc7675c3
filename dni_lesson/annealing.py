"""How much of the true gradient passes, epoch by epoch."""

from dni_lesson.checks import check_not_negative
from dni_lesson.interfaces import SyntheticGradient

import keras


class ShareSchedule(keras.callbacks.Callback):
    """Sets the `share` of all synthetic gradients of a model at each epoch.

    As `keras.callbacks.LearningRateScheduler` for the learning rate. A share
    that falls from 1 to 0 is a warm-up: predictors learn from the gradient of
    backprop while the modules still use it. Nothing is compiled anew.

    `fit_async` refuses it: workers that wait for no gradient can use no share
    of it.

    Args:
        schedule: Function of the epoch, an integer from 0 up, which returns a
            number in `[0, 1]`, see `SyntheticGradient`.

    Raises:
        ValueError: If `schedule` is no function, or returns something else; at
            the start of training if the model has no `SyntheticGradient`.

    Example:

    >>> warm_up = dni.ShareSchedule(lambda epoch: max(0.0, 1.0 - epoch / 2))
    >>> history = model.fit(
    ...     x_train, y_train, epochs=3, verbose=0, callbacks=[warm_up]
    ... )
    >>> history.history["share"]
    [1.0, 0.5, 0.0]

    Reference:

    - Jaderberg et al., [arXiv 1608.05343](https://arxiv.org/abs/1608.05343),
      supplement A, BP(lambda).
    """

    def __init__(self, schedule):
        super().__init__()
        if not callable(schedule):
            raise ValueError(
                "`schedule`. Expected a function of the epoch. "
                f"Received: schedule={schedule!r}"
            )
        self.schedule = schedule

    def on_train_begin(self, logs=None):
        if not list(_synthetic_gradients(self.model)):
            raise ValueError(
                "`model`. Expected a model with a `SyntheticGradient`, whose "
                f"share can be set. Received: {self.model!r}"
            )

    def on_epoch_begin(self, epoch, logs=None):
        share = check_not_negative(
            "schedule(epoch)", self.schedule(epoch), at_most=1
        )
        for interface in _synthetic_gradients(self.model):
            interface.share = share
        self._share = share

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["share"] = self._share


def _synthetic_gradients(layer):
    """Yields all of them in a layer, wherever they are."""
    if isinstance(layer, SyntheticGradient):
        yield layer
    for inner in getattr(layer, "layers", []):
        yield from _synthetic_gradients(inner)
