"""Workers over emulated links do what the timetable says, at the same times.

Nothing here takes time: workers, mailboxes and links are those of `fit_async`,
the clock stands still and is set by hand, and stages only move it on.
"""

from types import SimpleNamespace

from dni_lesson.schedules import timetable
from dni_lesson.workers import mailbox, worker
from dni_lesson.workers.mailbox import Mailbox
from dni_lesson.workers.schedule import make_plan, make_schedule
from dni_lesson.workers.worker import make_worker

import numpy as np
import pytest
import tensorflow as tf

MINIBATCHES = 7


class NothingYet(Exception):
    """A worker would wait."""


@pytest.fixture
def clock(monkeypatch):
    made = SimpleNamespace(now=0)
    made.perf_counter = lambda: made.now
    monkeypatch.setattr(mailbox, "time", made)
    monkeypatch.setattr(worker, "time", made)
    take = Mailbox.take

    def take_without_waiting(box, kinds, newest=None, wait=True):
        found = take(box, kinds, newest, wait=False)
        if found is None and wait:
            raise NothingYet
        return found

    monkeypatch.setattr(Mailbox, "take", take_without_waiting)
    return made


class Stage:
    """Whatever is asked of it moves the clock on."""

    learns_to_predict = True

    def __init__(self, clock, costs, floats_down, floats_up):
        self._clock, self._costs = clock, costs
        self._down, self._up = tf.zeros(floats_down), tf.zeros(floats_up)
        self.part = SimpleNamespace(is_last=floats_up == 0)

    def _works(self, phase):
        self._clock.now += self._costs[phase]

    def forward(self, h, y):
        self._works("forward")
        return self._up, None

    def update(self, *arguments):
        if self.part.is_last:  # It goes both ways in one call.
            self._works("forward")
        self._works("backward")
        return (0.0, self._down) if self.part.is_last else self._down

    def update_synthetic(self, *arguments):
        self._works("backward")
        return self._down

    def train_predictor(self, *arguments):
        self._works("predictor")


def emulated(clock, costs, floats, plan):
    """Returns the events of real workers, moment by moment."""
    ends = [0, *floats, 0]
    stages = [
        Stage(clock, cost, *ends[k : k + 2]) for k, cost in enumerate(costs)
    ]
    workers = [
        make_worker(k, stage, plan, lambda job: (None, None))
        if k == 1
        else make_worker(k, stage, plan)
        for k, stage in enumerate(stages, 1)
    ]
    for one, other in zip(workers, workers[1:], strict=False):
        one.above, other.below = other, one
    free = dict.fromkeys(workers, 0)
    for moment in range(2000):
        for each in workers:
            if free[each] > moment or each._done == MINIBATCHES:
                continue
            clock.now = moment
            try:
                each._do(*each._next())
            except NothingYet:
                continue
            free[each] = clock.now
    assert all(each._done == MINIBATCHES for each in workers)
    return [event for each in workers for event in each.events]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("schedule", ["locked", "decoupled"])
def test_emulated_links_are_those_of_the_timetable(clock, schedule, seed):
    rng = np.random.default_rng(seed)
    modules, delay = int(rng.integers(2, 5)), int(rng.integers(0, 9))
    costs = [
        {phase: int(rng.integers(1, 4)) for phase in phases}
        for phases in [("forward", "backward", "predictor")] * modules
    ]
    # Longer than a worker needs, so that links are what others wait for.
    floats = [int(n) for n in rng.integers(9, 15, modules - 1)]
    plan = make_plan(
        make_schedule(schedule, queue_size=MINIBATCHES),
        epochs=1,
        per_epoch=MINIBATCHES,
        link_delay=delay,
        bandwidth=4,  # One float in a unit of time.
    )
    found = emulated(clock, costs, floats, plan)
    costs[-1]["predictor"] = 0
    predicted = timetable(
        schedule,
        *([cost[phase] for cost in costs] for phase in costs[0]),
        link_delay=delay,
        minibatches=MINIBATCHES,
        bandwidth=4,
        message_bytes=[4 * n for n in floats],
    )
    top = ("backward", modules)
    expected = {
        event[3:]: event.start
        for event in predicted
        if (event.phase, event.module) != top
    }
    assert {
        (
            "forward" if (event.phase, event.module) == top else event.phase,
            *event[4:],
        ): event.start
        for event in found
    } == expected
