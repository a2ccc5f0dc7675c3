"""Schedules of `fit_async`, and one run of them: values, decoded here alone."""

import math
from typing import NamedTuple

from dni_lesson.checks import (
    check_bool,
    check_choice,
    check_int,
    check_not_negative,
    check_positive,
)

# Seconds, 32 years: the clocks of threads and of Ray take no more than some
# hundred years.
LONGEST = 1e9


class Schedule(NamedTuple):
    """How workers train, and what is special about it.

    Attributes:
        name: String, as in `fit_async`.
        synthetic: Boolean: a worker updates itself at once, with the gradient
            that its interface predicts. Else interfaces let the true gradient
            through, and a worker updates itself when it arrives.
        queued: Boolean: up to `queue_size` mini-batches may be under way, else
            one.
        splits: Boolean: mini-batches travel in `microbatches` parts, else
            whole.
        keeps_weights: Boolean: a gradient belongs to the weights that its
            forward pass used, although they have moved on.
        window: Integer >= 1, how many mini-batches a worker may have under
            way: sent on, but without an answer.
        microbatches: Integer >= 1, jobs in a mini-batch; a job is one
            micro-batch.
        together: Integer >= 1, the most mini-batches in a message. If it is
            more than 1, tensors have an axis for them in front, and the job of
            a message is that of its first mini-batch.
    """

    name: str
    synthetic: bool = False
    queued: bool = False
    splits: bool = False
    keeps_weights: bool = False
    window: int = 1
    microbatches: int = 1
    together: int = 1


SCHEDULES = {
    schedule.name: schedule
    for schedule in (
        Schedule("decoupled", synthetic=True, queued=True),
        Schedule("locked"),
        Schedule("gpipe", splits=True),
        Schedule("delayed", queued=True, keeps_weights=True),
    )
}


def make_schedule(name, queue_size=8, microbatches=4, steps_per_execution=1):
    """Returns a `Schedule` with its numbers, or raises a `ValueError`.

    Arguments are those of `fit_async`.
    """
    check_choice("schedule", name, SCHEDULES)
    schedule = SCHEDULES[name]
    queue_size = check_int("queue_size", queue_size, at_least=1)
    microbatches = check_int("microbatches", microbatches, at_least=1)
    together = check_int("steps_per_execution", steps_per_execution, at_least=1)
    if together > 1 and not schedule.synthetic:
        raise ValueError(
            "`steps_per_execution`. Expected 1, as only decoupled workers need "
            "not wait for a gradient after each step. Received: "
            f"{together} with schedule={name!r}"
        )
    if together > queue_size:
        raise ValueError(
            f"`steps_per_execution`. Expected at most queue_size={queue_size}. "
            f"Received: {together}"
        )
    return schedule._replace(
        window=queue_size if schedule.queued else 1,
        microbatches=microbatches if schedule.splits else 1,
        together=together,
    )


class Plan(NamedTuple):
    """One run: what all its workers have agreed on. It can be sent.

    Attributes:
        schedule: `Schedule`.
        minibatches: Integer, how many mini-batches there are.
        per_epoch: Integer, mini-batches in an epoch.
        in_turn: Boolean: take messages in a fixed order instead of as they
            come, `window` inputs ahead of the answers.
        watched: Boolean, whether somebody looks at the weights at the end of
            an epoch. Workers then tell them, and of the next epoch at most
            `window - 1` mini-batches begin before the first worker gets the
            message `"go on"`.
        link_delay: Float, seconds that a message takes once it is sent.
        bandwidth: Float, bytes that a link sends in a second.
        step_timeout: Float, seconds after which a call counts as hanging.
        snapshot_every: Integer, updates between two snapshots of a worker that
            can be restarted.
        first: Integer, mini-batches that are left out, as they are done.
    """

    schedule: Schedule
    minibatches: int
    per_epoch: int
    in_turn: bool = False
    watched: bool = False
    link_delay: float = 0.0
    bandwidth: float = math.inf
    step_timeout: float = 60.0
    snapshot_every: int = 100
    first: int = 0

    def end_after(self, minibatches):
        """Returns at which mini-batch the epoch ends that is then under way."""
        return (minibatches // self.per_epoch + 1) * self.per_epoch


def make_plan(
    schedule,
    epochs,
    per_epoch,
    *,
    watched=False,
    in_turn=False,
    link_delay=0.0,
    bandwidth=None,
    step_timeout=60.0,
    snapshot_every=100,
):
    """Returns the `Plan` of a run, or raises a `ValueError`.

    Arguments are those of `Plan` and of `fit_async`.
    """
    if bandwidth is not None:
        bandwidth = check_positive("bandwidth", bandwidth)
    return Plan(
        schedule,
        check_int("epochs", epochs, at_least=1) * per_epoch,
        per_epoch,
        check_bool("in_turn", in_turn),
        watched,
        check_not_negative("link_delay", link_delay, LONGEST),
        math.inf if bandwidth is None else bandwidth,
        check_positive("step_timeout", step_timeout, LONGEST),
        check_int("snapshot_every", snapshot_every, at_least=1),
    )
