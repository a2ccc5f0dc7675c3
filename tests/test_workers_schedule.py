"""What a schedule's name stands for is said in one place."""

from dni_lesson.workers.schedule import SCHEDULES, make_plan, make_schedule

import pytest


@pytest.mark.parametrize(
    ("name", "window", "microbatches"),
    [("decoupled", 6, 1), ("locked", 1, 1), ("gpipe", 1, 3), ("delayed", 6, 1)],
)
def test_a_schedule_takes_of_the_numbers_what_it_uses(
    name, window, microbatches
):
    schedule = make_schedule(name, queue_size=6, microbatches=3)
    assert (schedule.window, schedule.microbatches) == (window, microbatches)
    assert schedule.together == 1


def test_only_decoupled_workers_predict_and_only_late_gradients_need_weights():
    synthetic = [one.name for one in SCHEDULES.values() if one.synthetic]
    keeping = [one.name for one in SCHEDULES.values() if one.keeps_weights]
    assert synthetic == ["decoupled"] and keeping == ["delayed"]


def test_an_epoch_ends_after_its_minibatches():
    plan = make_plan(make_schedule("locked"), epochs=3, per_epoch=5)
    assert plan.minibatches == 15
    assert [plan.end_after(done) for done in (0, 4, 5, 9)] == [5, 5, 10, 10]
