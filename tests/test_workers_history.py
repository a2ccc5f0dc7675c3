"""What a run leaves behind adds up."""

from dni_lesson.schedules.speed import step_time
from dni_lesson.schedules.timetable import timetable
from dni_lesson.workers.history import AsyncHistory
from dni_lesson.workers.job import Record, joined

import pytest

EVENTS = timetable("decoupled", [1, 1], [2, 2], [1, 0], minibatches=8)


def records(shift=0.0):
    """Returns the records of two workers whose clock is off by `shift`."""
    return [
        Record(
            module,
            [
                event._replace(start=event.start + shift, end=event.end + shift)
                for event in EVENTS
                if event.worker == module
            ],
            [0, 1, 5],
            updates=8,
            predictor_updates=8,
        )
        for module in (1, 2)
    ]


def test_time_begins_with_the_first_event():
    history = AsyncHistory(records(shift=1e6), [0.5])
    assert history.events[0].start == 0
    assert history.steps_per_second == pytest.approx(1 / step_time(EVENTS))


def test_workers_are_busy_or_waiting():
    frame = AsyncHistory(records(), []).to_frame()
    assert frame["busy"].tolist() == [8 * 4, 8 * 3]
    end = max(event.end for event in EVENTS)
    assert (frame["busy"] + frame["waiting"]).tolist() == [end, end]
    assert frame["steps"].tolist() == [8, 8]
    assert frame["staleness"].tolist() == [2, 2]
    assert frame["max_staleness"].tolist() == [5, 5]


def test_what_the_last_module_did_not_finish_has_no_pace():
    one, top = records()
    ahead = [
        one.events[-1]._replace(start=end - 1, end=end, minibatch=8 + k)
        for k, end in enumerate((12.0, 13.0, 14.0), 1)
    ]
    history = AsyncHistory([one._replace(events=one.events + ahead), top], [])
    assert history.steps_per_second == pytest.approx(1 / step_time(EVENTS))


def test_a_run_without_events_has_no_speed():
    history = AsyncHistory([Record(1, [], [], 0, 0)], [])
    assert history.steps_per_second != history.steps_per_second
    assert history.to_frame()["waiting"].tolist() == [0]


def test_records_of_several_starts_are_one():
    one, other = records()[0], records()[0]._replace(updates=3)
    both = joined([one, other])
    assert both.events == one.events + other.events
    assert both.staleness == [0, 1, 5, 0, 1, 5]
    assert (both.updates, both.predictor_updates) == (11, 16)
