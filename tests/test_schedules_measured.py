from dni_lesson.schedules.measured import at_once, mean_costs
from dni_lesson.schedules.timetable import Event, timetable

import pytest

COSTS = [1, 2, 1], [2, 2, 3], [0.5, 1, 0]


@pytest.mark.parametrize("schedule", ["locked", "1f1b", "decoupled"])
def test_costs_of_a_timetable_are_those_that_it_was_made_of(schedule):
    forward, backward, predictor = mean_costs(timetable(schedule, *COSTS))
    assert (forward, backward) == COSTS[:2]
    assert predictor == (COSTS[2] if schedule == "decoupled" else [0, 0, 0])


def test_costs_are_means_over_the_mini_batches():
    events = [Event(1, 0, 1, "forward", 1, 1), Event(1, 5, 8, "forward", 2, 1)]
    assert mean_costs(events) == ([2], [0], [0])


def test_locked_workers_are_never_at_work_at_once():
    assert at_once(timetable("locked", *COSTS, link_delay=0.3)) == 0


def test_shared_time_is_counted_once_however_many_work():
    events = [
        Event(1, 0, 4, "forward", 1, 1),
        Event(2, 2, 6, "forward", 1, 2),
        Event(3, 3, 5, "forward", 1, 3),
        Event(3, 8, 10, "backward", 1, 3),
    ]
    assert at_once(events) == pytest.approx(3 / 10)
