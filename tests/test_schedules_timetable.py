"""Law 8: a timetable never runs an event before what it depends on."""

import collections
import subprocess
import sys

from dni_lesson.schedules.timetable import SCHEDULES, Event, timetable

import numpy as np
import pytest

LETTERS = {
    "forward": "F",
    "backward": "B",
    "synthetic backward": "S",
    "predictor": "P",
}
ONES = {"forward": [1] * 3, "backward": [1] * 3, "predictor": [1, 1, 0]}
ROUNDING = 1e-9


def draw(events, width):
    """Returns one row per worker, a letter and mini-batch per unit of time."""
    workers = max(event.worker for event in events)
    rows = [[".."] * width for _ in range(workers)]
    for event in events:
        for time in range(int(event.start), min(int(event.end), width)):
            text = f"{LETTERS[event.phase]}{event.minibatch}"
            rows[event.worker - 1][time] = text
    return [" ".join(row) for row in rows]


def random_case(schedule, rng):
    """Returns arguments of `timetable` with costs of no particular order."""
    modules = int(rng.integers(1, 7))
    case = {
        "schedule": schedule,
        "forward": rng.uniform(0.1, 2, modules),
        "backward": rng.uniform(0.1, 4, modules),
        "predictor": np.append(rng.uniform(0, 3, modules - 1), 0),
        "link_delay": rng.choice([0, rng.uniform(0, 5)]),
        "minibatches": int(rng.integers(1, 12)),
    }
    if schedule == "gpipe":
        case["microbatches"] = int(rng.integers(1, 6))
    if schedule in ("decoupled", "unlocked"):
        case["queue_size"] = rng.choice([None, 1, 2, 5])
        case["synthetic_input"] = rng.uniform(0, 2)
    return case


def random_cases(schedule, count=40):
    rng = np.random.default_rng(0)
    return [random_case(schedule, rng) for _ in range(count)]


def index(events):
    """Returns a dict from what was done to the event."""
    done = {}
    for event in events:
        kind = LETTERS[event.phase].replace("S", "B")
        key = kind, event.module, event.minibatch, event.microbatch
        assert key not in done
        done[key] = event
    return done


def dependencies(kind, k, b, m, case):
    """Yields what must have ended, and the delay, as the paper's locks say.

    Written from the definitions of the schedules, not from the code.
    """
    top, parts = len(case["forward"]), case.get("microbatches", 1)
    name, delay = case["schedule"], case["link_delay"]
    is_backprop = name in ("locked", "gpipe", "1f1b")
    if kind == "F":
        if name != "unlocked":  # Forward locking.
            yield from [(("F", j, b, m), (k - j) * delay) for j in range(1, k)]
        if name in ("locked", "gpipe"):
            for part in range(1, parts + 1):
                yield ("B", k, b - 1, part), 0
        if name == "1f1b":
            yield ("B", k, b - (top - k + 1), 1), 0
        if case.get("queue_size") and k < top:
            yield ("F", k + 1, b - case["queue_size"], 1), delay
    else:
        yield ("F", k, b, m), 0
    if kind == "B" and is_backprop:
        for j in range(k + 1, top + 1):  # Update and backward locking.
            yield ("F", j, b, m), (j - k) * delay
            yield ("B", j, b, m), (j - k) * delay
    if kind == "P":
        yield ("B", k + 1, b, m), delay
    if kind == "B" and name == "gpipe":
        for part in range(1, parts + 1):
            yield ("F", k, b, part), 0


def cost(kind, k, case):
    parts = case.get("microbatches", 1)
    if kind == "P":
        return case["predictor"][k - 1]
    if kind == "B":
        return case["backward"][k - 1] / parts
    is_predicted = case["schedule"] == "unlocked" and k > 1
    extra = case["synthetic_input"] if is_predicted else 0
    return case["forward"][k - 1] / parts + extra


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_event_runs_before_what_it_depends_on(schedule):
    checked = 0
    for case in random_cases(schedule):
        done = index(timetable(**case))
        for key, event in done.items():
            for needed, delay in dependencies(*key, case):
                if needed[2] >= 1:  # Mini-batch 0 was never there.
                    assert event.start >= done[needed].end + delay - ROUNDING
                    checked += 1
    assert checked > 1000


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_worker_does_two_things_at_once(schedule):
    for case in random_cases(schedule):
        rows = collections.defaultdict(list)
        for event in timetable(**case):
            rows[event.worker].append(event)
        for row in rows.values():
            for one, following in zip(row, row[1:], strict=False):
                assert following.start >= one.end - ROUNDING


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_task_is_done_once_and_takes_what_it_costs(schedule):
    for case in random_cases(schedule):
        events = timetable(**case)
        kinds = "FB" if schedule in ("locked", "gpipe", "1f1b") else "FBP"
        top, done = len(case["forward"]), index(events)
        expected = {
            (kind, k, b, m)
            for kind in kinds
            for k in range(1, top + (kind != "P"))
            for b in range(1, case["minibatches"] + 1)
            for m in range(1, case.get("microbatches", 1) + 1)
        }
        assert set(done) == expected
        assert events == sorted(events, key=lambda event: event.start)
        for (kind, k, _, _), event in done.items():
            assert event.worker == event.module == k
            length = event.end - event.start
            assert length == pytest.approx(cost(kind, k, case))


@pytest.mark.parametrize("schedule", ["decoupled", "unlocked"])
def test_only_the_last_decoupled_module_sees_a_true_gradient(schedule):
    for event in timetable(schedule, **ONES):
        if event.phase == "backward":
            assert event.module == 3
        if event.phase == "synthetic backward":
            assert event.module < 3


def test_locked():
    assert draw(timetable("locked", **ONES, minibatches=2), 12) == [
        "F1 .. .. .. .. B1 F2 .. .. .. .. B2",
        ".. F1 .. .. B1 .. .. F2 .. .. B2 ..",
        ".. .. F1 B1 .. .. .. .. F2 B2 .. ..",
    ]


def test_locked_with_a_link_delay():
    events = timetable("locked", [1] * 3, [2] * 3, link_delay=1, minibatches=1)
    assert draw(events, 13) == [
        "F1 .. .. .. .. .. .. .. .. .. .. B1 B1",
        ".. .. F1 .. .. .. .. .. B1 B1 .. .. ..",
        ".. .. .. .. F1 B1 B1 .. .. .. .. .. ..",
    ]


def test_gpipe():
    costs = {"forward": [2] * 3, "backward": [4] * 3}
    events = timetable("gpipe", **costs, microbatches=2, minibatches=2)
    assert draw(events, 16) == [
        "F1 F1 .. .. .. .. .. .. B1 B1 B1 B1 F2 F2 .. ..",
        ".. F1 F1 .. .. .. B1 B1 B1 B1 .. .. .. F2 F2 ..",
        ".. .. F1 F1 B1 B1 B1 B1 .. .. .. .. .. .. F2 F2",
    ]


def test_one_forward_one_backward():
    assert draw(timetable("1f1b", **ONES, minibatches=8), 12) == [
        "F1 F2 F3 .. .. B1 F4 B2 F5 B3 F6 B4",
        ".. F1 F2 .. B1 F3 B2 F4 B3 F5 B4 F6",
        ".. .. F1 B1 F2 B2 F3 B3 F4 B4 F5 B5",
    ]


def test_decoupled():
    assert draw(timetable("decoupled", **ONES, minibatches=5), 12) == [
        "F1 S1 F2 S2 P1 P2 F3 S3 F4 S4 P3 P4",
        ".. F1 S1 F2 S2 P1 P2 F3 S3 F4 S4 P3",
        ".. .. F1 B1 F2 B2 .. .. F3 B3 F4 B4",
    ]


def test_decoupled_with_a_link_delay():
    events = timetable("decoupled", **ONES, link_delay=1, minibatches=4)
    assert draw(events, 12) == [
        "F1 S1 F2 S2 F3 S3 P1 P2 F4 S4 P3 ..",
        ".. .. F1 S1 F2 S2 F3 S3 P1 P2 F4 S4",
        ".. .. .. .. F1 B1 F2 B2 F3 B3 .. ..",
    ]


def test_unlocked():
    events = timetable("unlocked", **ONES, synthetic_input=1, minibatches=5)
    assert draw(events, 10) == [
        "F1 S1 F2 S2 P1 F3 S3 P2 F4 S4",
        "F1 F1 S1 P1 F2 F2 S2 P2 F3 F3",
        "F1 F1 B1 F2 F2 B2 F3 F3 B3 F4",
    ]


def test_a_fast_module_waits_for_room_in_the_queue():
    costs = {"forward": [1, 3], "backward": [1, 1]}
    assert draw(timetable("decoupled", **costs), 12)[0] == (
        "F1 S1 F2 S2 F3 S3 F4 S4 .. .. .. .."
    )
    assert draw(timetable("decoupled", **costs, queue_size=1), 12) == [
        "F1 S1 .. .. F2 S2 .. .. F3 S3 .. ..",
        ".. F1 F1 F1 B1 F2 F2 F2 B2 F3 F3 F3",
    ]


def test_one_module_has_nobody_to_wait_for():
    events = timetable("decoupled", [1], [2], minibatches=1)
    assert events == [
        Event(1, 0.0, 1.0, "forward", 1, 1),
        Event(1, 1.0, 3.0, "backward", 1, 1),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "fast"}, "`schedule`. Expected one of .*'fast'"),
        ({"forward": 3}, "`forward`. Expected a finite cost > 0 .*: forward=3"),
        ({"forward": []}, r"`forward`. .* for each module. Received: .*\[\]"),
        ({"forward": [1, 0, 1]}, "`forward`. Expected a finite cost > 0"),
        ({"forward": "abc"}, "`forward`. .*'abc'"),
        ({"backward": [1, 1]}, r"`backward`. .* each of 3 modules. .*\[1, 1\]"),
        ({"backward": [1, 1, np.nan]}, "`backward`. Expected a finite cost"),
        ({"predictor": [1, -1, 0]}, "`predictor`. Expected a finite cost >= 0"),
        ({"predictor": [1, 1, 1]}, "`predictor`. Expected 0 for the last"),
        ({"link_delay": -1}, "`link_delay`. Expected a finite .*link_delay=-1"),
        ({"link_delay": "1"}, "`link_delay`. .*='1'"),
        ({"link_delay": 10**400}, "`link_delay`. Expected a finite number"),
        ({"link_delay": True}, "`link_delay`. .*=True"),
        ({"forward": "111"}, "`forward`. .*='111'"),
        ({"forward": [1, True, 1]}, "`forward`. Expected a finite cost"),
        ({"forward": [1, 10**400, 1]}, "`forward`. Expected a finite cost"),
        ({"minibatches": True}, "`minibatches`. Expected an integer"),
        ({"schedule": ["locked"]}, "`schedule`. Expected one of"),
        ({"synthetic_input": np.inf}, "`synthetic_input`. .*=inf"),
        ({"minibatches": 0}, "`minibatches`. Expected an integer >= 1. .*=0"),
        ({"microbatches": 2.0}, "`microbatches`. Expected an integer .*=2.0"),
        ({"microbatches": 2}, "`microbatches`. Expected 1 for 'locked'. .*=2"),
        ({"queue_size": 2}, "`queue_size`. Expected None for 'locked'. .*=2"),
        (
            {"schedule": "decoupled", "queue_size": 0},
            "`queue_size`. Expected an integer >= 1. Received: queue_size=0",
        ),
    ],
)
def test_bad_arguments_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        timetable(**{"schedule": "locked", **ONES, **change})


def test_numbers_of_numpy_count_as_python_s():
    for schedule in ("gpipe", "unlocked"):
        given, python = (
            timetable(
                schedule,
                *costs,
                link_delay=kind(0.5),
                minibatches=integer(40),
                microbatches=integer(7 if schedule == "gpipe" else 1),
                synthetic_input=kind(0.25),
            )
            for costs, kind, integer in (
                (np.ones((2, 3), "uint8"), np.float32, np.uint8),
                ([[1] * 3, [1] * 3], float, int),
            )
        )
        assert given == python
        assert {type(value) for value in given[-1]} == {int, float, str}


def test_timetables_need_nothing_but_python():
    code = (
        "import sys\n"
        "import dni_lesson.schedules.timetable\n"
        "print({'keras', 'tensorflow', 'numpy', 'matplotlib'}"
        " & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip() == "set()", done.stderr
