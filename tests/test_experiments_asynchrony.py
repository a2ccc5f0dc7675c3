"""Readings of made-up rows: two cells, three rounds, a machine that slows."""

from dni_lesson.experiments.asynchrony import (
    by_round,
    crossing,
    crossings,
    gains,
    speeds,
    step_ms,
)

import numpy as np
import pandas as pd
import pytest

TWO = {"locked": 6, "gpipe-2": 9, "gpipe-4": 5, "decoupled": 4, "Keras fit": 2}


def rows(table, ms, **cell):
    """Returns three rounds; in the second all arms take twice as long."""
    cell = {"width": 256, "batch": 64, "workers": 2, "delay_ms": 0.0, **cell}
    return [
        {
            "table": table,
            **cell,
            "round": number,
            "arm": arm,
            "ms": float(slow * time),
            "predicted_ms": np.nan if arm == "Keras fit" else 1.1 * time,
        }
        for number, slow in ((1, 1), (2, 2), (3, 1))
        for arm, time in ms.items()
    ]


def links(width, workers, forward, decoupled):
    """Returns rows as the formulas say them, for delays of 0, 1 and 4 ms."""
    found = []
    for delay in (0.0, 1.0, 4.0):
        locked = workers * forward + 2 * (workers - 1) * delay
        times = {"locked": locked, "decoupled": decoupled}
        cell = {"width": width, "workers": workers, "delay_ms": delay}
        found += rows("links", times, **cell)
    return found


def test_the_best_gpipe_of_each_cell_is_kept_for_all_its_rounds():
    other = {**TWO, "gpipe-2": 1}
    frame = pd.DataFrame(rows("two", TWO) + rows("two", other, width=512))
    best = by_round(frame)["best GPipe"]
    assert best.tolist() == [5, 10, 5, 1, 2, 1]
    lucky = (frame["arm"] == "gpipe-2") & (frame["round"] == 1)
    frame.loc[lucky & (frame["width"] == 256), "ms"] = 0.1
    assert by_round(frame)["best GPipe"].tolist() == [5, 10, 5, 1, 2, 1]


def test_steps_are_medians_and_speeds_are_compared_inside_a_round():
    frame = pd.DataFrame(rows("two", TWO))
    frame.loc[(frame["arm"] == "locked") & (frame["round"] == 3), "ms"] = 99
    assert step_ms(frame)["locked"].item() == 12
    speed = speeds(frame, base="locked").iloc[0]
    assert speed["decoupled"] == pytest.approx(1.5)
    assert speed["Keras fit"] == pytest.approx(3)
    assert speed["locked"] == 1


def test_cells_without_gpipe_have_none():
    frame = pd.DataFrame(rows("two", TWO) + links(256, 2, 3, 4))
    best = step_ms(frame)["best GPipe"]
    assert best.isna().tolist() == [True] * 3 + [False]


def test_gains_hold_the_measured_range_and_the_prediction():
    frame = pd.DataFrame(links(256, 2, 3, 4))
    frame.loc[(frame["arm"] == "locked") & (frame["round"] == 3), "ms"] *= 1.5
    table = gains(frame)
    assert table["link_delay_ms"].tolist() == [0, 1, 4]
    np.testing.assert_allclose(table["speedup"], [1.5, 2, 3.5])
    np.testing.assert_allclose(table["low"], [1.5, 2, 3.5])
    np.testing.assert_allclose(table["high"], [2.25, 3, 5.25])
    np.testing.assert_allclose(table["predicted"], [1.5, 2, 3.5])


@pytest.mark.parametrize(
    ("speedups", "expected"),
    [
        ([3.5, 4, 9], 0),
        ([2, 4, 9], 0.5),
        ([1, 2, 4], 2.5),
        ([2, 3, 9], 1),
        ([4, 2, 5], 2),
    ],
)
def test_crossings_lie_on_the_straight_line(speedups, expected):
    assert crossing([0, 1, 4], speedups) == pytest.approx(expected)


def test_a_speedup_that_is_never_reached_has_no_crossing():
    assert np.isnan(crossing([0, 1], [1.0, 2.9]))
    assert crossing([0, 1], [1.0, 2.9], speedup=1) == 0


def test_each_team_has_its_crossing():
    frame = pd.DataFrame(links(256, 2, 3, 4) + links(1024, 4, 10, 20))
    frame.loc[frame["width"] == 1024, "predicted_ms"] = 1.0
    table = crossings(gains(frame))
    assert table.index.tolist() == [(256, 2), (1024, 4)]
    # 6 + 2c = 3 * 4; 40 + 6c = 3 * 20.
    np.testing.assert_allclose(table["measured"], [3, 10 / 3])
    assert table["predicted"].isna().tolist() == [False, True]
