from dni_lesson.experiments import summary

import helpers
import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def table():
    rows = helpers.benchmark_rows()
    return summary.summary(rows, targets=(8.0, 4.0, 1.0)).set_index("arm")


def test_ratios_are_taken_inside_a_round(table):
    assert table["per_iteration"].tolist() == [1.0, 0.5, 5.0]
    assert table.loc["cdni", "ms"] == 300.0  # Of 200, 200, 400, 400.


def test_skipped_updates_are_fast_an_iteration_but_not_a_layer_update(table):
    assert table.loc["skipping", "per_iteration"] == 5.0
    assert table.loc["skipping", "per_update"] == pytest.approx(1.0)


def test_errors_are_means_over_seeds_with_an_interval(table):
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
    table = summary.summary(pd.concat([rows, third]), targets=(8.0,))
    both = summary.rounds(rows[rows["arm"] == "backprop"])
    arrived = both[both["test_error"] <= 8].groupby("seed")["time"].first()
    found = table.set_index("arm").loc["backprop", "time_to_8"]
    assert found == arrived.max() > arrived.median()


def test_every_probability_has_rows_of_its_own():
    rows = helpers.benchmark_rows(p=(0.2, 1.0))
    table = summary.summary(rows)
    assert table["p"].tolist() == [0.2] * 3 + [1.0] * 3
    assert table["arm"].tolist()[:3] == ["backprop", "cdni", "skipping"]
    assert table["seeds"].tolist() == [2] * 6


def test_without_backprop_beside_it_no_ratio_is_given():
    rows = helpers.benchmark_rows()
    alone = rows[rows["arm"] != "backprop"]
    assert summary.summary(alone)["per_iteration"].isna().all()


def test_one_seed_has_no_interval():
    assert np.isnan(summary.interval([3.0])).all()
    assert summary.interval([3.0, 3.0]) == (3.0, 3.0)
