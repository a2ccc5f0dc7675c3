"""Slow workers are the same for all schedules, which bear them differently."""

from dni_lesson.schedules import step_time, stragglers, timetable

import pytest

MODULES = 4
EQUAL = {"forward": [1] * MODULES, "backward": [2] * MODULES}


def loss(schedule, slowdown, **kwargs):
    """Returns how much longer a mini-batch takes with slow workers."""
    run = {"schedule": schedule, **EQUAL, **kwargs}
    slowed = timetable(**run, slowdown=slowdown)
    return step_time(slowed) / step_time(timetable(**run)) - 1


def factors(slowdown, minibatches=2000):
    return [
        [slowdown(worker, b) for worker in range(1, MODULES + 1)]
        for b in range(1, minibatches + 1)
    ]


def test_one_worker_is_slow_as_often_as_was_said():
    drawn = factors(stragglers(MODULES, factor=4, probability=0.3))
    slow = [row.index(4) for row in drawn if max(row) == 4]
    assert all(sorted(row)[:-1] == [1] * (MODULES - 1) for row in drawn)
    # Three standard deviations.
    assert len(slow) / 2000 == pytest.approx(0.3, abs=0.031)
    for worker in range(MODULES):
        share = slow.count(worker) / len(slow)
        assert share == pytest.approx(1 / MODULES, abs=0.055)


def test_the_seed_alone_says_who_is_slow():
    drawn = [
        factors(stragglers(MODULES, 2, 0.5, seed), 50) for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    slowdown = stragglers(MODULES, 2, 0.5, seed=1)
    backwards = [slowdown(1, b) for b in range(50, 0, -1)]
    assert backwards == [row[0] for row in reversed(drawn[0])]


def test_locked_workers_lose_the_share_of_the_slow_one():
    slowdown = stragglers(MODULES, factor=3, probability=1)
    assert loss("locked", slowdown) == pytest.approx(2 / MODULES)


def test_who_waits_for_the_slowest_loses_more_than_who_does_not():
    slowdown = stragglers(MODULES, factor=3, probability=1, seed=3)
    parts = {"microbatches": 32, "minibatches": 12}
    pipelined = loss("gpipe", slowdown, **parts)
    decoupled = loss("decoupled", slowdown, minibatches=600)
    short = loss("decoupled", slowdown, minibatches=600, queue_size=1)
    # The slow one passes 31 of 32 micro-batches at its own pace.
    assert pipelined == pytest.approx(2, rel=0.1)
    assert decoupled == pytest.approx(2 / MODULES, rel=0.2)
    assert decoupled < short < pipelined


def test_passes_that_take_turns_fall_into_step_again():
    """1F1B's order is fixed: whatever happens costs once, at most all of it."""

    def once(worker, minibatch):
        return 3 if (worker, minibatch) == (1, 10) else 1

    run = {"schedule": "async-1f1b", **EQUAL, "minibatches": 60}
    usual, slowed = (
        timetable(**run, slowdown=slowdown)[-1].end for slowdown in (None, once)
    )
    assert slowed - usual <= 2 * (1 + 2) + 1e-9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"workers": 0}, "`workers`. Expected an integer >= 1"),
        ({"factor": 0}, "`factor`. Expected a number > 0"),
        ({"probability": 1.5}, r"`probability`. .*\[0, 1\]. .*=1.5"),
        ({"probability": "often"}, "`probability`. Expected a number"),
        ({"seed": -1}, "`seed`. Expected an integer >= 0"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    arguments = {"workers": 2, "factor": 2, "probability": 0.5, **change}
    with pytest.raises(ValueError, match=message):
        stragglers(**arguments)
