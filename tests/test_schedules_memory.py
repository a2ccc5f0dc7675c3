"""What workers hold, against what is published and what can be counted."""

from dni_lesson.schedules import held, timetable

import numpy as np
import pytest


def equal(modules):
    return {"forward": [1] * modules, "backward": [2] * modules}


@pytest.mark.parametrize("modules", [1, 3, 4])
@pytest.mark.parametrize("microbatches", [1, 2, 4, 9])
def test_pipelines_hold_as_many_micro_batches_as_published(
    modules, microbatches
):
    """GPipe holds M, 1F1B at most min(K, M) (arXiv 2104.04473)."""
    run = {**equal(modules), "microbatches": microbatches}
    gpipe = held(timetable("gpipe", **run)).activations
    assert gpipe == [microbatches] * modules
    one = held(timetable("1f1b", **run)).activations
    assert max(one) == min(modules, microbatches)
    assert one == [min(modules - k, microbatches) for k in range(modules)]


@pytest.mark.parametrize("seed", range(5))
def test_all_in_zero_bubble_hold_what_the_first_of_1f1b_holds(seed):
    """K, as the authors say; activations wait for the weights' gradients."""
    rng = np.random.default_rng(seed)
    costs = rng.uniform(0.5, 2, 4), rng.uniform(0.5, 4, 4)
    kept = [
        held(timetable(name, *costs, microbatches=9)).activations
        for name in ("zb-h1", "1f1b")
    ]
    assert kept == [[4, 4, 4, 4], [4, 3, 2, 1]]


def test_asynchronous_1f1b_holds_the_way_to_the_loss():
    events = timetable("async-1f1b", **equal(4), minibatches=20)
    assert held(events).activations == [4, 3, 2, 1]


@pytest.mark.parametrize("delay", [0, 7, 20])
def test_decoupled_workers_hold_activations_of_one_and_outputs_of_many(delay):
    run = {**equal(3), "predictor": [1, 1, 0], "minibatches": 60}
    kept = held(timetable("decoupled", **run, link_delay=delay))
    assert kept.activations == [1, 1, 1]
    # A mini-batch every 3 until the first gradient is back from its two links.
    assert kept.outputs[-1] == 0
    for number in kept.outputs[:-1]:
        assert abs(number - 2 * delay / 3) <= 3


def test_inputs_queue_at_a_slow_worker_unless_the_queue_is_short():
    costs = {"forward": [1, 5], "backward": [1, 5], "minibatches": 40}
    kept, short = (
        held(timetable("decoupled", **costs, queue_size=size)).inputs
        for size in (None, 3)
    )
    # While one comes out four go in.
    assert kept[0] == short[0] == 0
    assert kept[1] > 25
    assert short[1] <= 3


def test_who_predicts_its_input_waits_for_none():
    events = timetable("unlocked", **equal(3), link_delay=5)
    assert held(events).inputs == [0, 0, 0]
