"""What a run is asked to do, what it tells, and how it fails."""

from typing import NamedTuple

from dni_lesson.model import DecoupledModel
from dni_lesson.workers.batches import Batches


class Plan(NamedTuple):
    """What all workers of a run have agreed on.

    Attributes:
        minibatches: Integer, how many mini-batches there are.
        microbatches: Integer, jobs in a mini-batch; a job is one micro-batch.
        window: Integer, how many mini-batches a worker may have under way:
            sent on, but without an answer.
        in_turn: Boolean: take messages in a fixed order instead of as they
            come, `window` inputs ahead of the answers.
        report_every: Integer, mini-batches between two reports of the top.
        first: Integer, mini-batches that are left out, as they are done.
        together: Boolean, whether a message is about several mini-batches; its
            job is then the first of them.
        holds: Boolean, whether somebody looks at the weights at the end of an
            epoch, `report_every` mini-batches. Workers then tell them, and of
            the next epoch at most `window - 1` mini-batches begin before
            the first worker gets the message `"go on"`.
    """

    minibatches: int
    microbatches: int = 1
    window: int = 1
    in_turn: bool = False
    report_every: int = 1
    first: int = 0
    together: bool = False
    holds: bool = False

    def end_after(self, minibatches):
        """Returns at which mini-batch the epoch ends that is then under way."""
        return (minibatches // self.report_every + 1) * self.report_every


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
        events=[event for one in records for event in one.events],
        staleness=[age for one in records for age in one.staleness],
        updates=sum(one.updates for one in records),
        predictor_updates=sum(one.predictor_updates for one in records),
    )


class Job(NamedTuple):
    """One training run, the same for all kinds of workers.

    Attributes:
        model: `DecoupledModel`, compiled; it has the weights at the end.
        parts: List of `Part`, one per worker.
        schedule: String, see `fit_async`.
        plan: `Plan`.
        link_delay: Float, seconds that a message takes.
        batches: `Batches`.
        devices: List of a TensorFlow device name or `None` for each worker.
        step_timeout: Float, seconds after which a call counts as hanging.
        snapshot_every: Integer, updates between two snapshots of a worker that
            can be restarted.
    """

    model: DecoupledModel
    parts: list
    schedule: str
    plan: Plan
    link_delay: float
    batches: Batches
    devices: list
    step_timeout: float
    snapshot_every: int

    def learning_rate(self):
        """Returns that of the compiled optimizer, `None` if it has a schedule.

        Callbacks may change it.
        """
        rate = self.model.optimizer.get_config()["learning_rate"]
        return rate if isinstance(rate, float) else None


def waiting_for_each_other(module, step_timeout):
    """Returns a `WorkerError` for workers of whom none can go on."""
    return WorkerError(
        f"Module {module} and all others wait, and no message has been on its "
        f"way for step_timeout={step_timeout} s. Updates that were finished "
        "are kept in the model",
        module,
    )


class WorkerError(RuntimeError):
    """A worker raised, took too long, or could not be restarted.

    Attributes:
        module: Integer, the worker, counted from 1 at the input. It holds
            several modules if there are fewer workers than modules.
    """

    def __init__(self, message, module):
        super().__init__(message)
        self.module = module
