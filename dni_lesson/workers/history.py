"""What a run tells while it lasts, at the ends of epochs, and what it leaves.

Workers are not at one place at the same time. What callbacks are to see, the
weights at the end of an epoch, is therefore put together from what each worker
had when it was there: `EpochEnds` looks out for that in a worker, `EpochParts`
puts together what all of them found, and `EpochLog` tells the callbacks.
"""

import math
from typing import NamedTuple

from dni_lesson.schedules import step_time
from dni_lesson.workers.partition import weights_of

import keras
import numpy as np


class EpochLog:
    """Tells callbacks, in the thread of the caller, how far training is.

    An epoch is told as Keras tells of steps that are one execution: its first
    mini-batch begins, then its last one ends.

    Args:
        model: `DecoupledModel`.
        plan: `Plan`.
        shares: Array `(per_epoch,)`, how much of an epoch each mini-batch is.
        callbacks: List of Keras callbacks, or `None`.

    Attributes:
        losses: List of floats, the mean loss of each epoch; NaN where the
            process that knew it was killed.
    """

    def __init__(self, model, plan, shares, callbacks):
        self._model, self._plan, self._shares = model, plan, shares
        self._epochs, self.losses = plan.minibatches // plan.per_epoch, []
        model.stop_training = False
        self._callbacks = keras.callbacks.CallbackList(
            callbacks, model=model, epochs=self._epochs, steps=plan.per_epoch
        )
        self._callbacks.on_train_begin()
        self._begin(0)

    def epoch_ended(self, minibatches, losses):
        """Tells of an epoch; returns whether training is to stop.

        Args:
            minibatches: Integer, done since the beginning.
            losses: Dict, job to loss.
        """
        epoch = minibatches // self._plan.per_epoch - 1
        if epoch < len(self.losses):  # Repeated after a restart.
            return False
        # Reports may have gone with a process that was killed.
        unknown = [math.nan] * (epoch - len(self.losses))
        for loss in [*unknown, self._mean(losses)]:
            self.losses.append(loss)
            done, logs = len(self.losses), {"loss": loss}
            last = self._plan.per_epoch - 1
            self._callbacks.on_train_batch_end(last, logs)
            self._callbacks.on_epoch_end(done - 1, logs)
            if self._model.stop_training:
                return True
            if done < self._epochs:
                self._begin(done)
        return False

    def training_ended(self):
        logs = {"loss": self.losses[-1]} if self.losses else {}
        self._callbacks.on_train_end(logs)

    def _begin(self, epoch):
        self._callbacks.on_epoch_begin(epoch)
        self._callbacks.on_train_batch_begin(0)

    def _mean(self, losses):
        # Micro-batches add up to the loss of their mini-batch. All are there
        # unless the last module was killed.
        of_batches = {}
        for job, loss in losses.items():
            batch = job // self._plan.schedule.microbatches
            batch %= self._plan.per_epoch
            of_batches[batch] = of_batches.get(batch, 0.0) + float(loss)
        shares = self._shares[list(of_batches)]
        return float(np.average(list(of_batches.values()), weights=shares))


class EpochEnds:
    """Looks out for the ends of epochs in the work of one worker.

    A part is there after as many updates as there were mini-batches. So is its
    predictor, which is updated later, when gradients have come back.

    Args:
        stage: `LowerStage` or `TopStage`.
        plan: `Plan`.
    """

    def __init__(self, stage, plan):
        self._plan, self._weights = plan, {}
        self._halves = [stage.part]
        if stage.learns_to_predict:
            self._halves = [
                stage.part._replace(interface=None),
                stage.part._replace(modules=[], inner=[]),
            ]
        self._last = [plan.first // plan.per_epoch] * 2  # epochs that ended

    def reached(self, *updates):
        """Yields each end that part and predictor have now reached both.

        Args:
            *updates: Two integers, of the part and of its predictor.

        Yields:
            The number of mini-batches, and the weights, as from `weights_of`,
            an empty list if nobody looks at them.
        """
        for place, half in enumerate(self._halves):
            done = self._plan.first + updates[place]
            epoch, rest = divmod(done, self._plan.per_epoch)
            if rest == 0 and epoch > self._last[place]:
                self._last[place] = epoch
                weights = self._weights.setdefault(epoch, {})
                weights[place] = weights_of(half) if self._plan.watched else []
                if len(weights) == len(self._halves):
                    del self._weights[epoch]
                    in_order = [weights[k] for k in sorted(weights)]
                    yield done, sum(in_order, [])


class EpochParts:
    """Puts together what workers tell about an epoch's end.

    Args:
        plan: `Plan`.
        workers: Integer, how many there are.
    """

    def __init__(self, plan, workers):
        numbers = range(1, workers + 1)
        # The losses are the top's.
        self._needed = numbers if plan.watched else numbers[-1:]
        self._parts = {}

    def add(self, number, minibatches, weights, losses):
        """Adds what the worker of this number has told."""
        if number in self._needed:
            parts = self._parts.setdefault(minibatches, {})
            parts[number] = weights, losses

    def whole(self):
        """Yields what has become whole: the number of mini-batches, their
        losses, and a list of the weights of each part."""
        for minibatches in sorted(self._parts):
            if len(self._parts[minibatches]) == len(self._needed):
                parts = self._parts.pop(minibatches)
                weights, losses = zip(
                    *(parts[number] for number in self._needed), strict=True
                )
                yield minibatches, losses[-1], list(weights)


class Record(NamedTuple):
    """What a worker has done.

    Attributes:
        module: Integer, counted from 1.
        events: List of `Event`.
        staleness: List of integers, see `Worker`.
        updates, predictor_updates: Integers, counted in mini-batches.
        lost: Integer, updates that went with a process that was killed.
        repeated: Integer, mini-batches trained on again after that.
    """

    module: int
    events: list
    staleness: list
    updates: int
    predictor_updates: int
    lost: int = 0
    repeated: int = 0


def joined(records):
    """Returns one `Record` of a module from those of its starts."""
    return records[0]._replace(
        events=[event for record in records for event in record.events],
        staleness=[age for record in records for age in record.staleness],
        updates=sum(record.updates for record in records),
        predictor_updates=sum(record.predictor_updates for record in records),
    )


class AsyncHistory:
    """The record of a `fit_async`.

    Attributes:
        history: Dict of lists in the form of Keras: `"loss"`, the mean over
            each epoch of the last module's loss.
        events: List of `Event`, as from `timetable`, but measured: seconds
            since the first began. `plots.plot_timetable` draws it. The last
            module's forward and backward pass are one call and count as
            `"backward"`. With several steps in an execution they are one call
            in all modules, below the last `"synthetic backward"`, whose time
            its mini-batches share.
        steps_per_second: Float, mini-batches a second in the middle of the
            run (see `speed.step_time`), after compilation and warm-up.
    """

    def __init__(self, records, losses):
        self.history = {"loss": losses}
        events = sorted(
            (event for record in records for event in record.events),
            key=lambda event: event.start,
        )
        begin = events[0].start if events else 0.0
        self.events = [
            event._replace(start=event.start - begin, end=event.end - begin)
            for event in events
        ]
        # If training was stopped, modules below the last were ahead.
        top = records[-1].module if records else None
        done = {e.minibatch for e in self.events if e.module == top}
        finished = [e for e in self.events if e.minibatch in done]
        self.steps_per_second = (
            1 / step_time(finished) if len(done) > 1 else float("nan")
        )
        self._records = records

    def to_frame(self):
        """Returns one row per worker as a `pandas.DataFrame`.

        Columns: `module`, what the worker trains, counted from 1 at the input;
        with fewer workers than modules it is several of them; `steps`,
        mini-batches that it has begun; `updates` of its weights;
        `predictor_updates`; `staleness` and `max_staleness`, the mean and
        the largest number of its updates between a mini-batch's own and the
        arrival of its gradient (for delayed gradients, between its forward
        pass and its update); `busy` and `waiting`, seconds; `lost`, updates
        that went with a process that was killed, and `repeated`, mini-batches
        trained on again after that.
        """
        import pandas as pd  # Of the course; all else does without.

        return pd.DataFrame([self._row(record) for record in self._records])

    def _row(self, record):
        busy = sum(event.end - event.start for event in record.events)
        whole = max((event.end for event in self.events), default=0.0)
        ages = record.staleness
        return {
            "module": record.module,
            "steps": len({event.minibatch for event in record.events}),
            "updates": record.updates,
            "predictor_updates": record.predictor_updates,
            "staleness": sum(ages) / len(ages) if ages else 0.0,
            "max_staleness": max(ages, default=0),
            "busy": busy,
            "waiting": max(whole - busy, 0.0),
            "lost": record.lost,
            "repeated": record.repeated,
        }
