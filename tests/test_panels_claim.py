"""The panel of lesson 05, without a front end."""

from dni_lesson.panels import ClaimPanel
from dni_lesson.panels.claim import claim

import helpers
import pytest
from test_experiments_currencies import arms


@pytest.fixture
def panel():
    return ClaimPanel()


def settings(**changed):
    start = {"p": 0.2, "depth": 4, "units": 256, "predictor": "linear"}
    return {**start, "workers": 4, **changed}


def test_words_hold_the_counts():
    _, words = claim({}, **settings())
    assert "per iteration: 1.76 times as fast as backprop; 41%" in words
    assert "per layer-update: 0.35 times" in words
    assert "on one device: 0.66 times" in words
    assert "Shared among 4 workers: at most 1.49 times" in words
    assert "no number of workers is enough" in words
    assert "links that take 0.25 backprop steps or more" in words
    assert "measured" not in words


def test_where_no_cut_pays_nothing_is_said_of_links():
    assert "links" not in claim({}, **settings(predictor="2 x 1024"))[1]


def test_workers_that_would_be_enough_are_named():
    _, words = claim({}, **settings(depth=8, units=1024))
    assert "at least" in words and "workers are needed" in words


def test_bars_reach_from_one_to_the_counts():
    figure, _ = claim({}, **settings())
    ends = [bar.get_x() + bar.get_width() for bar in figure.axes[0].patches]
    assert [round(end, 2) for end in ends] == [1.76, 0.35, 0.66, 1.49]


def test_measured_speeds_stand_beside_the_counts_they_belong_to():
    panel = ClaimPanel(helpers.benchmark_rows(arms, p=(0.2, 1.0)))
    assert "1.76 times as fast as backprop (measured: 2.00)" in (
        panel.words.value
    )
    assert "0.35 times as fast as backprop (measured: 0.40)" in (
        panel.words.value
    )
    assert "0.66 times as fast as backprop (measured: 0.50)" in (
        panel.words.value
    )
    controls = panel.controls
    controls["p"].value = 0.3  # cDNI in one call does not depend on p.
    assert panel.words.value.count("measured") == 1
    controls["predictor"].value = "1 x 256"
    assert "measured" not in panel.words.value
