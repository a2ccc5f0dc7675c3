from dni_lesson.experiments.counting import count

import pytest


def test_counts_of_the_course_network_are_those_counted_by_hand():
    counts = count(0.2, 4, 256, (), workers=4)
    # 802,304 for backprop; cDNI in one call 1,210,880; a call for each layer,
    # all four, 2,279,424.
    assert counts.per_iteration == 802304 / (0.2 * 2279424)
    assert counts.per_update == 802304 / 2279424
    assert counts.one_call == 802304 / 1210880
    # The slowest worker has layer 1 and its predictor.
    assert counts.most == 802304 / (401408 + 2 * 266 * 256)
    assert counts.workers is None
    # In the best cut, 1-1-2, three workers make four crossings:
    # 1 + 4 * delay = 3 / most, in backprop steps.
    assert counts.delay == pytest.approx((3 / counts.most - 1) / 4)


def test_at_p_0_117_the_count_per_iteration_says_three():
    assert count(0.117, 4, 256, (), 4).per_iteration == pytest.approx(
        3, rel=0.01
    )


def test_only_the_count_per_iteration_depends_on_p():
    often, rarely = (count(p, 5, 64, (), 3) for p in (0.5, 0.1))
    assert rarely.per_iteration == pytest.approx(5 * often.per_iteration)
    assert rarely[1:] == often[1:]


def test_deep_and_wide_networks_allow_three_with_enough_workers():
    assert count(0.2, 8, 1024, (), 2).most < 2
    assert count(0.2, 12, 1024, (), 12).workers <= 7


def test_a_large_predictor_leaves_nothing_to_gain():
    counts = count(0.2, 4, 256, (1024, 1024), workers=4)
    assert counts.most == 1.0 and counts.delay is None
    assert counts.per_iteration < 1
