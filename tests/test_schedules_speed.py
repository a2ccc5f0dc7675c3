"""Timetables against the formulas that textbooks give for them."""

import dni_lesson as dni
from dni_lesson.costs import module_macs
from dni_lesson.schedules import (
    Event,
    at_once,
    fewest_workers,
    idle_fraction,
    max_speedup,
    mean_costs,
    needed_delay,
    staleness,
    step_time,
    timetable,
)

import numpy as np
import pytest

# Workers finish mini-batches in bunches, which a line through them smooths.
BUNCHES = 0.01


def equal(modules, forward=1.0, backward=2.0):
    return {"forward": [forward] * modules, "backward": [backward] * modules}


def random_costs(rng, modules):
    return {
        "forward": rng.uniform(0.5, 2, modules),
        "backward": rng.uniform(0.5, 4, modules),
        "predictor": np.append(rng.uniform(0, 3, modules - 1), 0),
    }


@pytest.mark.parametrize("modules", [1, 2, 3, 8])
def test_locked_workers_are_idle_but_for_one(modules):
    events = timetable("locked", **equal(modules))
    assert idle_fraction(events) == pytest.approx((modules - 1) / modules)


@pytest.mark.parametrize("schedule", ["gpipe", "1f1b"])
@pytest.mark.parametrize("modules", [1, 2, 4])
@pytest.mark.parametrize("microbatches", [1, 3, 8])
def test_idle_fraction_of_pipelines(schedule, modules, microbatches):
    """GPipe (arXiv 1811.06965); 1F1B, also of Narayanan (arXiv 2104.04473)."""
    events = timetable(schedule, **equal(modules), microbatches=microbatches)
    expected = (modules - 1) / (microbatches + modules - 1)
    assert idle_fraction(events) == pytest.approx(expected)


@pytest.mark.parametrize("modules", [1, 2, 5])
@pytest.mark.parametrize("microbatches", [5, 8])
@pytest.mark.parametrize("seed", range(5))
def test_idle_time_of_zero_bubble_and_of_1f1b(modules, microbatches, seed):
    """The table of ZB-H1 (arXiv 2401.10241)."""
    weights, forward, inputs = sorted(
        np.random.default_rng(seed).uniform(0.5, 2, 3)
    )
    if seed % 2:  # Only the gradient of the weights must not take longest.
        forward, inputs = inputs, forward
    costs = equal(
        modules, microbatches * forward, microbatches * (inputs + weights)
    )
    work = microbatches * (forward + inputs + weights)
    apart = {"weight_gradient": [microbatches * weights] * modules}
    for schedule, kwargs, bubble in (
        ("zb-h1", apart, forward + inputs - weights),
        ("1f1b", {}, forward + inputs + weights),
    ):
        events = timetable(
            schedule, **costs, **kwargs, microbatches=microbatches
        )
        idle = step_time(events) - work
        assert idle == pytest.approx((modules - 1) * bubble)


def test_equal_halves_of_a_backward_pass_leave_a_third_of_the_bubble():
    """The authors' own table: (p - 1) / 3m instead of (p - 1) / m."""
    events = timetable("zb-h1", **equal(4, 1, 2), microbatches=12)
    assert step_time(events) / 3 - 1 == pytest.approx((4 - 1) / (3 * 12))


@pytest.mark.parametrize("schedule", ["async-1f1b", "decoupled", "unlocked"])
@pytest.mark.parametrize("modules", [1, 2, 4])
def test_no_worker_is_idle_in_the_middle_of_a_run(schedule, modules):
    events = timetable(schedule, **equal(modules), minibatches=40)
    assert idle_fraction(events) == pytest.approx(0)
    assert step_time(events) == pytest.approx(3)


def test_decoupled_workers_with_predictors_are_never_idle():
    costs = {
        "forward": [1, 1, 1],
        "backward": [1, 1, 2],
        "predictor": [1, 1, 0],
    }
    costs["predictor"] = [1, 1, 0]
    events = timetable("decoupled", **costs, minibatches=40)
    assert idle_fraction(events) == pytest.approx(0)


@pytest.mark.parametrize("delay", [0, 0.7, 10])
def test_step_time_of_locked(delay):
    costs = random_costs(np.random.default_rng(0), modules=5)
    events = timetable("locked", **costs, link_delay=delay)
    work = sum(costs["forward"]) + sum(costs["backward"])
    assert step_time(events) == pytest.approx(work + 2 * 4 * delay)


def test_locked_workers_wait_for_every_byte_and_decoupled_for_none_or_all():
    costs = random_costs(np.random.default_rng(0), modules=4)
    f, b, s = costs.values()
    for sent in (1.0, 9.0, 20.0):
        links = {"link_delay": 3, "bandwidth": 100, "message_bytes": 100 * sent}
        locked, decoupled = (
            step_time(timetable(name, **costs, **links, minibatches=100))
            for name in ("locked", "decoupled")
        )
        crossings = 2 * 3 * (3 + sent)
        assert locked == pytest.approx(sum(f) + sum(b) + crossings)
        # The slowest of workers and links sets the pace.
        pace = max(*(f + b + s), sent)
        assert decoupled == pytest.approx(pace, rel=BUNCHES)


@pytest.mark.parametrize("delay", [0, 0.7, 10])
@pytest.mark.parametrize("microbatches", [1, 4, 32])
def test_step_time_of_gpipe(microbatches, delay):
    m = {"microbatches": microbatches, "link_delay": delay}
    events = timetable("gpipe", **equal(5), **m)
    expected = (microbatches + 4) / microbatches * 3 + 2 * 4 * delay
    assert step_time(events) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_step_time_of_gpipe_with_unequal_modules(seed):
    costs = random_costs(np.random.default_rng(seed), modules=4)
    f, b = costs["forward"], costs["backward"]
    events = timetable("gpipe", **costs, microbatches=6, link_delay=0.5)
    # One micro-batch passes all modules, the others pass the slowest one.
    expected = (sum(f) + sum(b) + 5 * (max(f) + max(b))) / 6 + 2 * 3 * 0.5
    assert step_time(events) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("delay", [0, 4])
def test_decoupled_workers_are_as_slow_as_the_slowest(seed, delay):
    costs = random_costs(np.random.default_rng(seed), modules=5)
    events = timetable("decoupled", **costs, link_delay=delay, minibatches=100)
    slowest = max(sum(costs.values()))
    assert step_time(events) == pytest.approx(slowest, rel=BUNCHES)


def test_complete_unlock_adds_the_cost_of_the_synthetic_input():
    costs = {**equal(3), "predictor": [1, 1, 0], "minibatches": 40}
    events = timetable("unlocked", **costs, link_delay=3, synthetic_input=0.5)
    assert step_time(events) == pytest.approx(1 + 2 + 1 + 0.5, rel=BUNCHES)


def test_one_forward_one_backward_hides_no_long_delay():
    costs = {**equal(4), "link_delay": 1, "minibatches": 40}
    events = timetable("async-1f1b", **costs)
    # Four mini-batches in flight share a round trip of 4 * 3 + 2 * 3 * 1.
    assert step_time(events) == pytest.approx(18 / 4, rel=BUNCHES)


def test_a_short_queue_hides_no_long_delay():
    costs = {**equal(2), "link_delay": 10, "minibatches": 60}
    free = timetable("decoupled", **costs)
    short = timetable("decoupled", **costs, queue_size=1)
    assert step_time(free) == pytest.approx(3)
    # Input down the link, forward, and the news back.
    assert step_time(short) == pytest.approx(10 + 1 + 10 + 1, rel=BUNCHES)


@pytest.mark.parametrize(
    ("stages", "microbatches", "published"),
    [(2, 1, 1), (2, 4, 1.60), (2, 32, 1.94), (4, 4, 2.29), (4, 32, 3.66)]
    + [(8, 32, 6.56)],
)
def test_gpipe_agrees_with_the_model_of_torchgpipe(
    stages, microbatches, published
):
    def speed(stages, microbatches):
        costs = equal(stages, forward=1 / stages, backward=2 / stages)
        events = timetable("gpipe", **costs, microbatches=microbatches)
        return 1 / step_time(events)

    ratio = speed(stages, microbatches) / speed(2, 1)
    assert ratio == pytest.approx(published, abs=0.005)
    model = stages * microbatches / (microbatches + stages - 1)
    assert ratio == pytest.approx(model)


def test_step_time_of_one_mini_batch_is_the_run():
    events = timetable("decoupled", [1, 1], [2, 2], [3, 0], minibatches=1)
    assert step_time(events) == pytest.approx(7)


def test_staleness_counts_the_updates_in_between():
    costs = {"forward": [1, 1, 1], "backward": [1, 1, 1]}
    # F1 S1 F2 S2 P1 P2 F3 S3 F4 S4 P3 P4
    # .. F1 S1 F2 S2 P1 P2 F3 S3 F4 S4 P3 P4
    # .. .. F1 B1 F2 B2 .. .. F3 B3 F4 B4
    events = timetable("decoupled", **costs, predictor=[1, 1, 0])
    assert staleness(events) == [1, 0, 1, 0, 1, 0, 1, 0]


def test_staleness_grows_with_the_delay():
    oldest = [
        max(
            staleness(
                timetable(
                    "decoupled",
                    **equal(2),
                    predictor=[1, 0],
                    link_delay=delay,
                    minibatches=40,
                )
            )
        )
        for delay in (0, 5, 20)
    ]
    assert oldest == sorted(set(oldest))


def test_backprop_has_no_staleness():
    assert staleness(timetable("1f1b", **equal(3))) == []


UNEQUAL = [1, 2, 1], [2, 2, 3], [0.5, 1, 0]


@pytest.mark.parametrize(
    "schedule", ["locked", "async-1f1b", "zb-h1", "decoupled"]
)
def test_costs_of_a_timetable_are_those_that_it_was_made_of(schedule):
    forward, backward, predictor = mean_costs(timetable(schedule, *UNEQUAL))
    assert (forward, backward) == UNEQUAL[:2]
    assert predictor == (UNEQUAL[2] if schedule == "decoupled" else [0, 0, 0])


def test_costs_are_means_over_the_mini_batches():
    events = [Event(1, 0, 1, "forward", 1, 1), Event(1, 5, 8, "forward", 2, 1)]
    assert mean_costs(events) == ([2], [0], [0])


def test_locked_workers_are_never_at_work_at_once():
    assert at_once(timetable("locked", *UNEQUAL, link_delay=0.3)) == 0


def test_shared_time_is_counted_once_however_many_work():
    events = [
        Event(1, 0, 4, "forward", 1, 1),
        Event(2, 2, 6, "forward", 1, 2),
        Event(3, 3, 5, "forward", 1, 3),
        Event(3, 8, 10, "backward", 1, 3),
    ]
    assert at_once(events) == pytest.approx(3 / 10)


@pytest.mark.parametrize("sigma", [0, 0.69, 3])
def test_bound_of_balanced_modules(sigma):
    costs = {"forward": [1] * 4, "backward": [2] * 4}
    bound = max_speedup(**costs, predictor=[3 * sigma] * 3 + [0])
    assert bound == pytest.approx(4 / (1 + sigma))


def test_bound_of_the_course_network():
    # Multiply-accumulates of 784-256-256-256-10: forward, weight gradient and,
    # but for the first layer, gradient of the input.
    forward = [784 * 256, 256 * 256, 256 * 256, 256 * 10]
    backward = [forward[0]] + [2 * one for one in forward[1:]]
    assert sum(forward) + sum(backward) == 802_304
    assert forward[0] + backward[0] == 401_408
    assert round(max_speedup(forward, backward), 2) == 2.0
    predictor = (256 + 10) * 256  # One linear map of [h, label].
    both = max_speedup(forward, backward, [2 * predictor] * 3 + [0])
    only_prediction = max_speedup(forward, backward, [predictor] * 3 + [0])
    assert (round(both, 2), round(only_prediction, 2)) == (1.49, 1.71)


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_is_reached_in_a_long_run(seed):
    costs = random_costs(np.random.default_rng(seed), modules=4)
    one_worker = sum(costs["forward"]) + sum(costs["backward"])
    events = timetable("decoupled", **costs, minibatches=100)
    speedup = one_worker / step_time(events)
    assert speedup == pytest.approx(max_speedup(**costs), rel=BUNCHES)


def test_bound_of_bad_costs():
    with pytest.raises(ValueError, match="`backward`. Expected .* 2 modules"):
        max_speedup([1, 1], [1])


@pytest.mark.parametrize("workers", [2, 3, 4, 100])
def test_no_number_of_workers_doubles_the_speed_of_the_course_network(workers):
    costs = module_macs(dni.mlp(rule="backprop"))
    bound = max_speedup(*costs, workers=workers)
    assert 1.9 < bound <= 2.0
    assert max_speedup(*costs, workers=1) == 1.0
    assert fewest_workers(2.001, *costs) is None


@pytest.mark.parametrize(("sigma", "expected"), [(0, 3), (0.5, 4), (2, 4)])
def test_one_worker_less_than_the_fewest_is_too_slow(sigma, expected):
    costs = [[1] * 24, [2] * 24, [3 * sigma] * 23 + [0]]
    fewest = fewest_workers(3, *costs)
    assert fewest == expected
    assert max_speedup(*costs, workers=fewest) >= 3
    assert max_speedup(*costs, workers=fewest - 1) < 3


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("speedup", [3, 5])
def test_the_needed_delay_makes_timetables_so_much_faster(seed, speedup):
    costs = random_costs(np.random.default_rng(seed), modules=4)
    delay = needed_delay(speedup, **costs)
    locked = timetable("locked", **costs, link_delay=delay)
    decoupled = timetable(
        "decoupled", **costs, link_delay=delay, minibatches=100
    )
    ratio = step_time(locked) / step_time(decoupled)
    assert ratio == pytest.approx(speedup, rel=BUNCHES)


def test_no_delay_is_needed_for_what_fast_links_give():
    assert needed_delay(2, **equal(4)) == 0.0


def test_delays_and_workers_are_asked_for_in_range():
    with pytest.raises(ValueError, match="`forward`. Expected two or more"):
        needed_delay(3, [1], [2])
    with pytest.raises(ValueError, match="`speedup`. Expected a number > 0"):
        needed_delay(0, [1, 1], [2, 2])
    with pytest.raises(ValueError, match="`speedup`"):
        fewest_workers(-1, [1, 1], [2, 2])


@pytest.mark.parametrize("function", [step_time, idle_fraction])
@pytest.mark.parametrize("events", [[], [(1, 0.0, 1.0)], None, "events"])
def test_events_are_asked_for_by_name(function, events):
    with pytest.raises(ValueError, match="^`events`. Expected"):
        function(events)
