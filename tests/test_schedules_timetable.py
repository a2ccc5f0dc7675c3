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
    "input gradient": "B",
    "weight gradient": "W",
    "predictor": "P",
}
ONES = {"forward": [1] * 3, "backward": [1] * 3, "predictor": [1, 1, 0]}
ROUNDING = 1e-9
FLUSHED = ("locked", "gpipe", "1f1b", "zb-h1")
SYNTHETIC = ("decoupled", "unlocked")


def draw(events, width, number="minibatch"):
    """Returns one row per worker, a letter and number per unit of time."""
    workers = max(event.worker for event in events)
    rows = [[".."] * width for _ in range(workers)]
    for event in events:
        for time in range(int(event.start), min(int(event.end), width)):
            text = f"{LETTERS[event.phase]}{getattr(event, number)}"
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
    if rng.integers(2):
        case["bandwidth"] = rng.uniform(1, 5)
        case["message_bytes"] = rng.uniform(0, 5, modules - 1)
    if schedule in ("gpipe", "1f1b", "zb-h1"):
        case["microbatches"] = int(rng.integers(1, 9))
    if schedule == "zb-h1":
        case["weight_gradient"] = case["backward"] * rng.uniform(0, 1, modules)
    if schedule in SYNTHETIC:
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
    if kind == "F":
        if name != "unlocked":  # Forward locking.
            yield from [(("F", j, b, m), way(j, k, case)) for j in range(1, k)]
        if name in FLUSHED:
            for part in range(1, parts + 1):
                yield ("B", k, b - 1, part), 0
                if name == "zb-h1":
                    yield ("W", k, b - 1, part), 0
        if name in ("1f1b", "zb-h1"):
            yield ("B", k, b, m - (top - k + 1)), 0
        if name == "zb-h1":
            yield ("W", k, b, m - top), 0
        if name == "async-1f1b":
            yield ("B", k, b - (top - k + 1), 1), 0
        if case.get("queue_size") and k < top:
            yield ("F", k + 1, b - case["queue_size"], 1), delay
    else:
        yield ("F", k, b, m), 0
    if kind == "B" and name not in SYNTHETIC:
        for j in range(k + 1, top + 1):  # Update and backward locking.
            yield ("F", j, b, m), way(k, j, case)
            yield ("B", j, b, m), way(k, j, case)
    if kind == "P":
        yield ("B", k + 1, b, m), way(k, k + 1, case)
    if kind == "W":
        yield ("B", k, b, m), 0
    if kind == "B" and name == "gpipe":
        for part in range(1, parts + 1):
            yield ("F", k, b, part), 0


def way(low, high, case):
    """Returns how long messages need at least from one module to another."""
    sizes = case.get("message_bytes", np.zeros(len(case["forward"]) - 1))
    sent = sum(sizes[low - 1 : high - 1]) / case.get("bandwidth", 1)
    delays = (high - low) * case["link_delay"]
    return delays + sent / case.get("microbatches", 1)


def cost(kind, k, case):
    parts = case.get("microbatches", 1)
    weights = case.get("weight_gradient", np.zeros_like(case["forward"]))
    if kind == "P":
        return case["predictor"][k - 1]
    if kind == "W":
        return weights[k - 1] / parts
    if kind == "B":
        return (case["backward"] - weights)[k - 1] / parts
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
                if min(needed[1:]) >= 1:  # Mini-batch 0 was never there.
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
        kinds = "FBP" if schedule in SYNTHETIC else "FB"
        kinds += "W" if schedule == "zb-h1" else ""
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


def test_one_forward_one_backward_and_a_flush():
    costs = {"forward": [4] * 3, "backward": [8] * 3}
    events = timetable("1f1b", **costs, microbatches=4, minibatches=2)
    assert draw(events, 20, "microbatch") == [
        "F1 F2 F3 .. .. .. .. B1 B1 F4 B2 B2 .. B3 B3 .. B4 B4 F1 F2",
        ".. F1 F2 .. .. B1 B1 F3 B2 B2 F4 B3 B3 .. B4 B4 .. .. .. F1",
        ".. .. F1 B1 B1 F2 B2 B2 F3 B3 B3 F4 B4 B4 .. .. .. .. .. ..",
    ]


def test_zero_bubble_as_in_the_upper_figure_3_of_its_paper():
    costs = {"forward": [8] * 4, "backward": [16] * 4}
    events = timetable("zb-h1", **costs, microbatches=8, minibatches=2)
    assert draw(events, 27, "microbatch") == [
        "F1 F2 F3 F4 .. .. .. B1 W1 F5 B2 W2 F6 B3 W3 F7 B4 W4 F8 B5 W5 "
        "B6 W6 B7 W7 B8 W8",
        ".. F1 F2 F3 .. .. B1 F4 B2 W1 F5 B3 W2 F6 B4 W3 F7 B5 W4 F8 B6 "
        "W5 B7 W6 B8 W7 W8",
        ".. .. F1 F2 .. B1 F3 B2 F4 B3 W1 F5 B4 W2 F6 B5 W3 F7 B6 W4 F8 "
        "B7 W5 B8 W6 W7 W8",
        ".. .. .. F1 B1 F2 B2 F3 B3 F4 B4 W1 F5 B5 W2 F6 B6 W3 F7 B7 W4 "
        "F8 B8 W5 W6 W7 W8",
    ]


def test_asynchronous_one_forward_one_backward():
    assert draw(timetable("async-1f1b", **ONES, minibatches=8), 12) == [
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


def test_a_link_sends_one_message_at_a_time():
    links = {"link_delay": 4, "bandwidth": 10, "message_bytes": 30}
    costs = {"forward": [1, 1], "backward": [1, 1]}
    events = timetable("decoupled", **costs, **links, minibatches=3)
    assert draw(events, 17) == [
        "F1 S1 F2 S2 F3 S3 .. .. .. .. .. .. .. .. .. .. ..",
        # Sent from 1 to 4, from 4 to 7, from 7 to 10.
        ".. .. .. .. .. .. .. .. F1 B1 .. F2 B2 .. F3 B3 ..",
    ]


def test_a_link_sends_up_and_down_at_once():
    links = {"bandwidth": 10, "message_bytes": 30}
    costs = {"forward": [1, 1], "backward": [1, 1], "predictor": [1, 0]}
    events = timetable("decoupled", **costs, **links, minibatches=3)
    assert draw(events, 17) == [
        # Up from 1, from 4 and from 7; down from 6, from 9 and from 12.
        "F1 S1 F2 S2 F3 S3 .. .. .. P1 .. .. P2 .. .. P3 ..",
        ".. .. .. .. F1 B1 .. F2 B2 .. F3 B3 .. .. .. .. ..",
    ]


def test_each_link_has_messages_of_its_own_size():
    # A message takes 2 on the first link and 1 on the second.
    links = {"bandwidth": 1, "message_bytes": [2, 1]}
    assert draw(timetable("async-1f1b", **ONES, **links), 16) == [
        "F1 F2 F3 .. .. .. .. .. .. .. .. B1 F4 B2 .. ..",
        ".. .. .. F1 .. F2 .. .. B1 F3 B2 .. .. .. .. F4",
        ".. .. .. .. .. F1 B1 F2 B2 .. .. F3 B3 .. .. ..",
    ]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_link_without_limit_is_as_one_that_is_fast(schedule):
    for case in random_cases(schedule, count=10):
        case |= {"bandwidth": None, "message_bytes": 1.0}
        fast = timetable(**{**case, "bandwidth": 1e12})
        for one, other in zip(timetable(**case), fast, strict=True):
            assert one.start == pytest.approx(other.start)


@pytest.mark.parametrize("microbatches", [1, 4])
def test_a_mini_batch_sends_as_much_in_parts_as_whole(microbatches):
    links = {"bandwidth": 2, "message_bytes": 60, "link_delay": 1}
    costs = {"forward": [1e-6, 1e-6], "backward": [1e-6, 1e-6]}
    events = timetable(
        "gpipe", **costs, **links, minibatches=1, microbatches=microbatches
    )
    # The parts go down while others go up, but for the first and the last.
    sent = 60 / 2 * (1 + 1 / microbatches)
    if microbatches > 1:  # All come up before the first goes down.
        sent = 2 * 60 / 2
    assert events[-1].end == pytest.approx(sent + 2, abs=1e-3)


def test_who_is_slowed_takes_longer_and_nobody_else():
    def slowdown(worker, minibatch):
        return 3 if (worker, minibatch) == (2, 4) else 1

    for schedule in SCHEDULES:
        for event in timetable(schedule, **ONES, slowdown=slowdown):
            factor = slowdown(event.worker, event.minibatch)
            whole = 0.5 if "gradient" in event.phase else 1
            assert event.end - event.start == pytest.approx(whole * factor)


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
        ({"bandwidth": 0}, "`bandwidth`. Expected a number > 0 .*bandwidth=0"),
        ({"bandwidth": 9}, "`message_bytes`. Expected .*bandwidth.*=None"),
        ({"message_bytes": -1}, "`message_bytes`. Expected a finite .*=-1"),
        ({"message_bytes": [1]}, r"`message_bytes`. .*each of 2 links.*\[1\]"),
        ({"message_bytes": [1, np.inf]}, "`message_bytes`. Expected a finite"),
        ({"message_bytes": "12"}, "`message_bytes`. Expected a finite"),
        (
            {"weight_gradient": [0] * 3},
            "`weight_gradient`. .*None for",
        ),
        (
            {"schedule": "zb-h1", "weight_gradient": [0, 2, 0]},
            r"`weight_gradient`. Expected a part of `backward` .*\[0, 2, 0\]",
        ),
        ({"slowdown": 2}, "`slowdown`. Expected a function. .*=2"),
        (
            {"slowdown": lambda k, b: 0},
            "`slowdown`. Expected a number > 0",
        ),
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
