"""The panel of speed-ups, without a front end."""

import re

from dni_lesson.panels import SpeedupPanel
from dni_lesson.panels.speedup import DELAYS, speedup
from dni_lesson.schedules import max_speedup, split

import pandas as pd
import pytest

SHAPE = {
    "layers": 4,
    "units": 256,
    "predictor": "linear, sees the label",
    "step_ms": 5,
}


def cells(figure):
    """Returns the numbers written into the two maps."""
    return [[float(text.get_text()) for text in ax.texts] for ax in figure.axes]


def test_map_and_bound_are_those_of_the_formulas():
    figure, _ = speedup(**SHAPE)
    gains, bounds = cells(figure)
    for index, workers in enumerate((2, 3, 4)):
        costs = split(4, 256, "linear", 5, workers)
        bound = max_speedup(*costs)
        assert bounds[index] == pytest.approx(bound, rel=0.06)
        for column, delay in enumerate(DELAYS):
            locked = 5 + 2 * (workers - 1) * delay
            gain = gains[index * len(DELAYS) + column]
            assert gain == pytest.approx(locked / (5 / bound), rel=0.06)


def test_words_say_the_corners_and_the_bound():
    _, words = speedup(**SHAPE)
    costs = [split(4, 256, "linear", 5, workers) for workers in (2, 3, 4)]
    bound = max(max_speedup(*one) for one in costs)
    assert f"at any link delay: {bound:.2f} times" in words
    assert "3 times as fast as locked backprop: from" in words
    _, words = speedup(**{**SHAPE, "predictor": "two layers of 1024"})
    assert "one worker by itself is faster" in words
    _, words = speedup(**{**SHAPE, "layers": 2, "step_ms": 200})
    assert "Nowhere on this map is it 3 times as fast" in words


def test_measured_points_are_drawn_and_compared():
    figure, words = speedup(**SHAPE)
    gain = cells(figure)[0][0]
    measured = pd.DataFrame(
        {
            "workers": [2, 2, 7],
            "link_delay_ms": [0, 0, 5],
            "speedup": [gain, 2 * gain, 9.0],
        }
    )
    figure, words = speedup(**SHAPE, measured=measured)
    assert len(figure.axes[0].texts) == 3 * len(DELAYS) + 2
    low, high = re.search(r"are ([\d.]+) to ([\d.]+) times", words).groups()
    assert float(high) == pytest.approx(2 * float(low), rel=0.02)
    assert float(low) == pytest.approx(1, rel=0.06)
    assert "2 measured points" in words


def test_a_table_without_its_columns_is_refused():
    with pytest.raises(ValueError, match="`measured`.*link_delay_ms"):
        SpeedupPanel(pd.DataFrame({"workers": [2]}))
