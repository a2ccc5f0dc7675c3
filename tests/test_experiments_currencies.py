"""Summaries and the chain to a "3-fold" headline on made-up rows; counts."""

from dni_lesson.experiments.currencies import (
    LINKS,
    count,
    p_that_gives,
    rounds,
    speedup_chain,
    summary,
)

import helpers
import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def table():
    rows = helpers.benchmark_rows()
    return summary(rows, targets=(8.0, 4.0, 1.0)).set_index("arm")


def test_ratios_are_taken_inside_a_round(table):
    assert table["per_iteration"].tolist() == [1.0, 0.5, 5.0]
    assert table.loc["cdni", "ms"] == 300.0  # Of 200, 200, 400, 400.


def test_skipped_updates_are_fast_an_iteration_but_not_a_layer_update(table):
    assert table.loc["skipping", "per_iteration"] == 5.0
    assert table.loc["skipping", "per_update"] == pytest.approx(1.0)


def test_errors_are_means_over_seeds_with_their_range(table):
    assert table.loc["cdni", "error"] == 4.5
    assert table.loc["cdni", ["error_low", "error_high"]].tolist() == [4.0, 5.0]


def test_a_target_is_reached_when_most_seeds_reach_it(table):
    assert table.loc["backprop", "time_to_8"] == 1.5
    assert table.loc["backprop", "iterations_to_8"] == 10
    assert table.loc["backprop", "updates_to_8"] == 40
    assert np.isnan(table.loc["backprop", "time_to_4"])  # One of two seeds.
    assert np.isnan(table.loc["backprop", "time_to_1"])


def test_a_seed_that_never_comes_there_counts_as_slower_than_the_others():
    rows = helpers.benchmark_rows()
    third = rows[rows["seed"] == 0].assign(seed=2, run="r2", test_error=90.0)
    table = summary(pd.concat([rows, third]), targets=(8.0,))
    both = rounds(rows[rows["arm"] == "backprop"])
    arrived = both[both["test_error"] <= 8].groupby("seed")["time"].first()
    found = table.set_index("arm").loc["backprop", "time_to_8"]
    assert found == arrived.max() > arrived.median()


def test_every_probability_has_rows_of_its_own():
    rows = helpers.benchmark_rows(p=(0.2, 1.0))
    table = summary(rows)
    assert table["p"].tolist() == [0.2] * 3 + [1.0] * 3
    assert table["arm"].tolist()[:3] == ["backprop", "cdni", "skipping"]
    assert table["seeds"].tolist() == [2] * 6


def test_without_backprop_beside_it_no_ratio_is_given():
    rows = helpers.benchmark_rows()
    alone = rows[rows["arm"] != "backprop"]
    assert summary(alone)["per_iteration"].isna().all()


def test_one_seed_has_no_range():
    rows = helpers.benchmark_rows()
    table = summary(rows[rows["seed"] == 0])
    assert table["error"].notna().all()
    assert table[["error_low", "error_high"]].isna().all(axis=None)


def arms(p):
    """Per layer-update a call costs 2.5 times what backprop pays."""
    return {
        "backprop": (1.0, 40),
        "backprop-logged": (1.25, 40),
        "cdni": (2.0, 40),
        "stochastic": (2.5 * p, 40 * p),
        "stochastic-logged": (3.0 * p, 40 * p),
    }


@pytest.fixture
def chain():
    rows = helpers.benchmark_rows(arms, p=(0.2, 1.0))
    return speedup_chain(rows, 0.2).set_index("link")


def test_the_links_are_measured_ratios(chain):
    assert list(chain.index) == list(LINKS)
    busy = 1 - 0.8**4
    expected = [1, 0.5, 0.4, 2 * busy, 2, 2.5, 2.5 / 1.2]
    np.testing.assert_allclose(chain["measured"], expected)
    expected = [1, 0.5, 0.8, 5 * busy, 1 / busy, 1.25, 1 / 1.2]
    np.testing.assert_allclose(chain["ratio"], expected)


def test_the_ratios_multiply_to_the_headline(chain):
    assert chain["ratio"].prod() == pytest.approx(1.25 / (3.0 * 0.2))


def test_counts_take_the_same_way_without_a_clock():
    rows = helpers.benchmark_rows(arms, p=(0.2, 1.0))
    macs = {"backprop": 8, "backprop-logged": 8, "cdni": 12}
    rows["macs"] = rows["arm"].map(macs).fillna(24 * rows["p"])
    counted = speedup_chain(rows, 0.2)["counted"]
    busy = 1 - 0.8**4
    expected = [1, 8 / 12, 8 / 24, busy * 5 / 3, 5 / 3, 5 / 3, 5 / 3]
    np.testing.assert_allclose(counted, expected)


def test_rows_that_lack_a_link_are_refused():
    rows = helpers.benchmark_rows(arms, p=(0.2,))
    with pytest.raises(ValueError, match=r"without \[\('stochastic', 1\)\]"):
        speedup_chain(rows, 0.2)
    with pytest.raises(ValueError, match="`p`. Expected a number > 0 and <= 1"):
        speedup_chain(rows, 2)


def test_without_backprop_there_is_nothing_to_compare_with():
    rows = helpers.benchmark_rows(arms, p=(0.2, 1.0))
    with pytest.raises(ValueError, match=r"without \[\('backprop', 0.2\)"):
        speedup_chain(rows[rows["arm"] != "backprop"], 0.2)


def test_two_shapes_are_no_chain():
    one = helpers.benchmark_rows(arms, p=(0.2, 1.0))
    one.loc[one["seed"] == 1, "depth"] = 5
    with pytest.raises(ValueError, match="Received: 2 shapes"):
        speedup_chain(one, 0.2)


def test_a_power_law_is_met_between_the_measured_probabilities():
    p = np.array([1.0, 0.1, 0.5])
    assert p_that_gives(3, p, 0.4 / p) == pytest.approx(0.4 / 3)
    assert np.isnan(p_that_gives(5, p, 0.4 / p))
    assert np.isnan(p_that_gives(0.3, p, 0.4 / p))


def test_counts_of_the_course_network_are_those_counted_by_hand():
    counts = count(0.2, 4, 256, "linear", workers=4)
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
    assert count(0.117, 4, 256, "linear", 4).per_iteration == pytest.approx(
        3, rel=0.01
    )


def test_only_the_count_per_iteration_depends_on_p():
    often, rarely = (count(p, 5, 64, "linear", 3) for p in (0.5, 0.1))
    assert rarely.per_iteration == pytest.approx(5 * often.per_iteration)
    assert rarely[1:] == often[1:]


def test_deep_and_wide_networks_allow_three_with_enough_workers():
    assert count(0.2, 8, 1024, "linear", 2).most < 2
    assert count(0.2, 12, 1024, "linear", 12).workers <= 7


def test_a_large_predictor_leaves_nothing_to_gain():
    counts = count(0.2, 4, 256, (1024, 1024), workers=4)
    assert counts.most == 1.0 and counts.delay is None
    assert counts.per_iteration < 1
