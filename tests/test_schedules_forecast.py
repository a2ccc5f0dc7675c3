"""What a step is foretold to take: laws that hold whatever was measured."""

from dni_lesson.schedules import Event, step_time, timetable
from dni_lesson.schedules.forecast import SCHEDULES, beside_others, forecast

import pytest

COSTS = [1.0, 2.0, 1.5], [2.0, 3.0, 2.5], [1.0, 0.5, 0.0]


def test_without_sharing_it_is_the_timetables():
    for name in ("locked", "gpipe"):
        events = timetable(name, *COSTS, link_delay=0.7, minibatches=50)
        step = forecast(name, *COSTS, crossing=0.7)
        assert step == pytest.approx(step_time(events))


@pytest.mark.parametrize("cores", [None, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_more_delay_makes_nobody_faster(schedule, cores):
    # Workers that share cores may wait at better moments: by a hair.
    hair = 1.0 if schedule == "locked" else 1.02
    steps = [
        forecast(schedule, *COSTS, crossing=delay, cores=cores)
        for delay in (0.0, 0.1, 1.0, 5.0, 50.0)
    ]
    for less, more in zip(steps, steps[1:], strict=False):
        assert more >= less / hair


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_cores_that_are_worth_less_make_nobody_faster(schedule):
    steps = [
        forecast(schedule, *COSTS, cores=cores) for cores in (3, 2, 1.5, 1)
    ]
    for less, more in zip(steps, steps[1:], strict=False):
        assert more >= less * 0.98


def test_one_core_does_all_the_work_of_a_step():
    for name in ("gpipe", "delayed", "decoupled"):
        work = sum(map(sum, COSTS if name == "decoupled" else COSTS[:2]))
        step = forecast(name, *COSTS, cores=1.0)
        assert step == pytest.approx(work, rel=0.02)


def test_locked_workers_do_not_disturb_each_other():
    assert forecast("locked", *COSTS, cores=1.0) == forecast("locked", *COSTS)


def test_a_queue_hides_no_more_than_its_length():
    for name, links in (("decoupled", 2), ("delayed", 4)):
        step = forecast(name, *COSTS, crossing=1000.0, queue_size=10)
        assert step == pytest.approx(links * 1000 / 10, rel=0.01)


def test_a_link_carries_one_message_after_the_other():
    link = {"bandwidth": 2.0, "message_bytes": [60.0, 20.0]}
    step = forecast("decoupled", *COSTS, **link)
    assert step == pytest.approx(30.0, rel=0.01)
    locked = forecast("locked", *COSTS, **link)
    free = forecast("locked", *COSTS)
    assert locked == pytest.approx(free + 2 * (30.0 + 10.0))
    assert forecast("gpipe", *COSTS, **link) == pytest.approx(locked)


def test_whoever_works_beside_another_half_the_time():
    # Two at work from 2 to 4, on one core: a third of each one's work is done
    # at half the speed.
    events = [
        Event(1, 0.0, 4.0, "forward", 1, 1),
        Event(2, 2.0, 6.0, "forward", 1, 2),
    ]
    assert beside_others(events, 1.0) == pytest.approx([4 / 3, 4 / 3])
    assert beside_others(events, 2.0) == [1.0, 1.0]


@pytest.mark.parametrize(
    "argument",
    [
        {"schedule": "1f1b"},
        {"forward": [1.0]},
        {"predictor": [1, 1, 1]},
        {"crossing": -1},
        {"bandwidth": 0},
        {"bandwidth": 1.0, "message_bytes": [1.0]},
        {"cores": 0},
        {"queue_size": 0},
        {"microbatches": 0},
    ],
)
def test_errors_name_the_argument(argument):
    name = list(argument)[-1]
    right = dict(zip(("forward", "backward", "predictor"), COSTS, strict=True))
    named = "backward" if name == "forward" else name
    with pytest.raises(ValueError, match=f"`{named}`"):
        forecast(**{"schedule": "gpipe", **right, **argument})
