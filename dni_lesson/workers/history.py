"""What a run with workers leaves behind: measures and the real timetable."""

from dni_lesson.schedules.speed import step_time


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
            one._replace(start=one.start - begin, end=one.end - begin)
            for one in events
        ]
        # If training was stopped, modules below the last were ahead.
        top = records[-1].module if records else None
        done = {one.minibatch for one in self.events if one.module == top}
        finished = [one for one in self.events if one.minibatch in done]
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

        return pd.DataFrame([self._row(one) for one in self._records])

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
