"""When a worker does what, with stages that only write down their calls."""

import contextlib

from dni_lesson.workers.partition import Part
from dni_lesson.workers.schedule import Plan, make_schedule
from dni_lesson.workers.worker import (
    Decoupled,
    DecoupledTogether,
    Top,
    TrueGradient,
    WorkerError,
    check_progress,
)

import pytest


class Stage:
    """Every call returns what the worker unpacks, and is written down."""

    part = Part([], [], None, False, False)

    def __init__(self, log, learns_to_predict):
        self._log, self.learns_to_predict = log, learns_to_predict

    def on_device(self):
        return contextlib.nullcontext()

    def forward(self, h, y):
        self._log.append(("forward", h))
        return h, h

    def update_synthetic(self, residuals, out, y):
        self._log.append(("update", residuals))
        return f"g{residuals}"

    def learn(self, h, y):
        self._log.append(("learn", h))
        return h, h

    def train_predictor(self, out, y, g):
        self._log.append(("predictor", out))

    def update(self, *arguments):
        self._log.append(("update", arguments[0]))
        return 0.5, f"g{arguments[0]}"


class Neighbour:
    def __init__(self, log, name):
        self.box, self._log, self._name = self, log, name

    def put(self, kind, message):
        self._log.append((f"to {self._name}", message[0]))


def plan_of(minibatches, window=1, together=1, per_epoch=1, **kwargs):
    schedule = make_schedule("decoupled", window, 1, together)
    return Plan(schedule, minibatches, per_epoch, **kwargs)


def working(kind, plan, answers=(), source=None):
    """A worker in whose mailbox all inputs and some answers lie."""
    log = []
    stage = Stage(log, learns_to_predict=issubclass(kind, Decoupled))
    worker = kind(2, stage, plan, source)
    worker.below, worker.above = (
        Neighbour(log, "below"),
        Neighbour(log, "above"),
    )
    for job in range(plan.first, plan.minibatches):
        if source is None:
            worker.box.put("input", (job, job, None))
    for job in answers:
        worker.box.put("gradient", (job, None))
    return worker, log


def test_a_decoupled_worker_sends_its_output_on_before_it_updates():
    worker, log = working(Decoupled, plan_of(1))
    worker.on_input(0, 0, None)
    assert log == [
        ("forward", 0),
        ("to above", 0),
        ("update", 0),
        ("to below", 0),
    ]


@pytest.mark.parametrize(
    ("kind", "order"), [(Decoupled, [2, 1, 0]), (TrueGradient, [0, 1, 2])]
)
def test_predictors_learn_from_the_freshest_gradient_first(kind, order):
    worker, log = working(kind, plan_of(3, window=3))
    answered = []
    worker.on_gradient = lambda job, g: answered.append(job)

    def answer_when_all_are_under_way():
        if worker._started == 3 and not answered:
            for job in range(3):
                worker.box.put("gradient", (job, None))

    worker.after_message = answer_when_all_are_under_way
    worker.run()
    assert answered == order


@pytest.mark.parametrize("window", [1, 2, 3])
def test_no_more_than_the_window_is_under_way(window):
    worker, log = working(Decoupled, plan_of(6, window=window))
    most = []

    def after_message():
        under_way = worker._started - worker._done
        most.append(under_way)
        if under_way == window or (worker._under_way and worker._started == 6):
            worker.box.put("gradient", (min(worker._under_way), None))

    worker.after_message = after_message
    worker.run()
    assert max(most) == window
    assert worker.updates == worker.predictor_updates == 6


def test_taken_in_turn_gradients_are_late_by_the_window():
    worker, log = working(
        Decoupled, plan_of(5, window=3, in_turn=True), range(5)
    )
    worker.run()
    assert worker.staleness == [2, 2, 2, 1, 0]


def test_a_plan_may_begin_where_another_was_left():
    plan = plan_of(7, window=2, first=4)
    worker, log = working(Decoupled, plan._replace(in_turn=True), range(4, 7))
    worker.run()
    assert [job for kind, job in log if kind == "forward"] == [4, 5, 6]
    assert worker.position == 7


def test_the_first_worker_takes_its_inputs_from_the_source():
    def source(job):
        return f"x{job}", None

    plan = plan_of(2, in_turn=True)
    worker, log = working(TrueGradient, plan, range(2), source)
    worker.run()
    assert ("forward", "x1") in log


def test_the_top_tells_its_losses_every_so_often():
    worker, log = working(Top, plan_of(6, per_epoch=3))
    told = []
    worker.on_epoch_end = lambda *end: told.append(end)
    worker.run()
    assert told == [
        (3, [], {0: 0.5, 1: 0.5, 2: 0.5}),
        (6, [], {3: 0.5, 4: 0.5, 5: 0.5}),
    ]


def test_a_record_says_what_was_done():
    worker, log = working(Decoupled, plan_of(2, in_turn=True), range(2))
    worker.run()
    record = worker.record()
    assert (record.module, record.updates) == (2, 2)
    assert [event.phase for event in record.events[:3]] == [
        "forward",
        "synthetic backward",
        "predictor",
    ]


def test_several_minibatches_in_a_call_count_one_by_one():
    plan = plan_of(5, window=4, in_turn=True, together=2)
    worker, log = working(
        DecoupledTogether, plan, source=lambda job: ("abcde"[job:][:2], None)
    )
    for job, several in ((0, "ab"), (2, "cd"), (4, "e")):
        worker.box.put("gradient", (job, several))
    worker.run()
    assert [what for what, _ in log] == [
        *["learn", "to above", "to below"] * 2,
        "predictor",
        *["learn", "to above", "to below"],
        *["predictor"] * 2,
    ]
    assert worker.updates == worker.predictor_updates == 5
    # When "ab" comes back 4 updates are done: "a" was the first of them.
    assert worker.staleness == [3, 2, 2, 1, 0]
    begun = [one for one in worker.events if one.phase != "predictor"]
    assert [one.minibatch for one in begun] == [1, 2, 3, 4, 5]
    assert begun[0].end == begun[1].start


@pytest.mark.parametrize(
    ("workers", "number", "trouble"),
    [
        ([(1, 0.0, 9.0), (2, 8.0, 0.0)], 2, "hangs.*=5 s.*are kept"),
        ([(1, 0.0, 7.0), (2, 0.0, 6.0)], 1, "and all others wait.*=5 s"),
        ([(1, 0.0, float("inf")), (2, 0.0, 6.0)], 2, "and all others wait"),
    ],
)
def test_who_hangs_or_waits_too_long_is_named(workers, number, trouble):
    with pytest.raises(
        WorkerError, match=f"Module {number} {trouble}"
    ) as error:
        check_progress(workers, 5)
    assert error.value.module == number


def test_who_works_or_waits_for_who_works_is_in_no_trouble():
    check_progress([(1, 0.0, 9.0), (2, 4.0, 0.0)], 5)
    check_progress([(1, 0.0, float("inf"))], 5)
