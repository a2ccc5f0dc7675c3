from dni_lesson.benchmark import report
from dni_lesson.benchmark.experiment import Experiment
from dni_lesson.benchmark.results import COLUMNS

import numpy as np
import pandas as pd
import pytest


def frame():
    """Two rounds of ten steps; cDNI takes twice as long, skipping a fifth."""
    arms = {"backprop": (1.0, 40), "cdni": (2.0, 40), "skipping": (0.2, 8)}
    rows = [
        {
            **dict.fromkeys(COLUMNS, 1),
            **Experiment().settings(),
            "run": f"r{seed}",
            "arm": arm,
            "seed": seed,
            "round": number,
            "step": 10 * number,
            "seconds": seconds * (1 + seed),  # The machine got slower.
            "layer_updates": updates,
            "test_error": {1: 8.0, 2: 4.0 + seed}[number],
        }
        for seed in (0, 1)
        for number in (1, 2)
        for arm, (seconds, updates) in arms.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture
def table():
    return report.summary(frame(), targets=(8.0, 4.0, 1.0)).set_index("arm")


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


def test_without_backprop_beside_it_no_ratio_is_given():
    rows = frame()
    alone = rows[rows["arm"] != "backprop"]
    assert report.summary(alone)["per_iteration"].isna().all()


def test_one_seed_has_no_interval():
    assert np.isnan(report.interval([3.0])).all()
    assert report.interval([3.0, 3.0]) == (3.0, 3.0)


def test_the_report_names_settings_machine_and_arms():
    text = report.markdown(frame())
    assert "digits, batch 256, 5 epochs" in text
    assert "| cdni | 2 |" in text
    assert "- `skipping`: control" in text
