"""What to do with a model on this machine: predictions, a table, a sentence."""

import dataclasses
from typing import NamedTuple

from dni_lesson.checks import check_choice
from dni_lesson.schedules.forecast import SCHEDULES, forecast

ALONE = "one process"
# Of what was then measured so much was the prediction off, at most, in 48 of 51
# cases of benchmarks/advise.py.
UNCERTAINTY = 0.25
COLUMNS = ("schedule", "cut", "ms a step", "memory, MiB", "gain")


class Costs(NamedTuple):
    """What a mini-batch costs each worker of one schedule.

    Attributes:
        forward, backward, predictor: Lists of floats, seconds, one entry for
            each worker, from the input. The backward pass includes the update.
        kept: List of integers, bytes that a worker keeps of a mini-batch until
            it is answered.
        sent: List of integers, for each link the bytes of a message about one.
    """

    forward: list
    backward: list
    predictor: list
    kept: list
    sent: list


class Option(NamedTuple):
    """One way to train, and what it would come to.

    Attributes:
        schedule: String, one of `fit_async`, or `"one process"`.
        cut: Tuple of integers, how many modules each worker gets.
        seconds: Float, of a step.
        memory: Integer, bytes of activations of all mini-batches under way, at
            the most.
        gain: Float, how many times as fast as one process.
    """

    schedule: str
    cut: tuple
    seconds: float
    memory: int
    gain: float


@dataclasses.dataclass(frozen=True)
class Advice:
    """Which way to train is how fast, as `advise` found it; it can be printed.

    Attributes:
        options: Tuple of `Option`s, the fastest first; `pandas.DataFrame` takes
            it as it is.
        cores_worth: Float, how many workers' work do as many workers at once as
            there are cores for.
        uncertainty: Float, how far the predictions may be off: 0.25 means by a
            quarter of what is then measured.
        notes: Tuple of strings, what there is to say besides.
    """

    options: tuple
    cores_worth: float
    uncertainty: float = UNCERTAINTY
    notes: tuple = ()

    @property
    def sentence(self):
        """The advice, with what it does not know, as a string."""
        alone = next(one for one in self.options if one.schedule == ALONE)
        workers = [one for one in self.options if one.schedule != ALONE]
        if not workers:
            return f"One process takes {_ms(alone)} a step; there is no other."
        best = min(workers, key=lambda one: one.seconds)
        low, high = (
            best.gain * (1 + self.uncertainty) ** sign for sign in (-1, 1)
        )
        who = f"{best.schedule} workers over {list(best.cut)}"
        times = (
            f"{_ms(best)} a step against {_ms(alone)} of one process: "
            f"{best.gain:.2f} times as fast ({low:.2f} to {high:.2f})."
        )
        if low > 1:
            return f"Take {who}: {times}"
        if high < 1:
            return f"Stay with one process; {who} would take {times}"
        return f"Too close to call, so measure both; {who} would take {times}"

    def rows(self):
        """Returns a list of dicts with the keys `COLUMNS`, to be printed."""
        return [
            dict(
                zip(
                    COLUMNS,
                    (
                        one.schedule,
                        " + ".join(map(str, one.cut)),
                        f"{1e3 * one.seconds:.3g}",
                        f"{one.memory / 2**20:.3g}",
                        f"{one.gain:.2f}",
                    ),
                    strict=True,
                )
            )
            for one in self.options
        ]

    def __str__(self):
        lines = [COLUMNS, *(tuple(row.values()) for row in self.rows())]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = [
            "  ".join(
                text.rjust(width) if k > 1 else text.ljust(width)
                for k, (text, width) in enumerate(
                    zip(line, widths, strict=True)
                )
            )
            for line in lines
        ]
        return "\n".join([*table, "", self.sentence, *self.notes])

    __repr__ = __str__


def _ms(option):
    return f"{1e3 * option.seconds:.3g} ms"


def options(
    costs,
    cut,
    alone,
    *,
    crossing=0.0,
    bandwidth=None,
    cores=None,
    queue_size=8,
    microbatches=1,
):
    """Returns the `Option`s of a model, the fastest first.

    Args:
        costs: Dict of `Costs`, by the name of the schedule.
        cut: Sequence of integers, how many modules each worker gets.
        alone: Pair of the seconds of a step of one process and the bytes that
            it keeps of a mini-batch.
        crossing, bandwidth, cores, queue_size: As in `forecast`.
        microbatches: Integer, those of `"gpipe"`.

    Raises:
        ValueError: If an argument is out of its range.
    """
    seconds, memory = alone
    found = [Option(ALONE, (sum(cut),), seconds, memory, 1.0)]
    for name, one in costs.items():
        check_choice("costs", name, SCHEDULES)
        is_queued = name in ("delayed", "decoupled")
        step = forecast(
            name,
            one.forward,
            one.backward,
            one.predictor,
            crossing=crossing,
            bandwidth=bandwidth,
            message_bytes=one.sent,
            cores=cores,
            queue_size=queue_size,
            microbatches=microbatches if name == "gpipe" else 1,
        )
        # The last worker has its answer at once.
        window = queue_size if is_queued else 1
        kept = window * sum(one.kept[:-1]) + one.kept[-1]
        found.append(Option(name, tuple(cut), step, kept, seconds / step))
    return sorted(found, key=lambda one: one.seconds)
