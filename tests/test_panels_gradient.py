"""The panel of lesson 04, without a front end."""

from dni_lesson.gradients import BoundaryGradient
from dni_lesson.panels import GradientPanel
from dni_lesson.panels.gradient import gradient_pair

import numpy as np
import pytest

TRUE = np.random.default_rng(0).normal(size=(20, 30))


def records():
    def row(scale):
        return [
            BoundaryGradient(1, TRUE, -scale * TRUE),
            BoundaryGradient(2, TRUE, scale * TRUE),
        ]

    return {
        "cdni": {0: row(0.0), 40: row(1.0), 80: row(2.0)},
        "dni": {0: row(0.0), 40: row(0.1), 80: row(0.1)},
    }


def test_every_control_changes_picture_and_words():
    panel = GradientPanel(records())
    seen = [(panel.picture.value, panel.words.value)]
    rule, boundary, step = panel.controls.values()
    for control, value in ((rule, "dni"), (boundary, 1), (step, 0)):
        control.value = value
        seen.append((panel.picture.value, panel.words.value))
    assert len({picture for picture, _ in seen}) == 4
    assert len({words for _, words in seen}) == 4
    assert step.options == (0, 40, 80)


def test_defaults_are_last_boundary_and_middle_step():
    panel = GradientPanel(records())
    assert [c.value for c in panel.controls.values()] == ["cdni", 2, 40]
    panel = GradientPanel(records(), rule="dni", boundary=1, step=0)
    assert [c.value for c in panel.controls.values()] == ["dni", 1, 0]
    assert repr(panel) == "<Gradient panel: true against synthetic>"


def test_words_say_the_four_measures():
    _, words = gradient_pair("cdni", 8, BoundaryGradient(2, TRUE, 0.5 * TRUE))
    assert "cosine is 1.00: much the same direction" in words
    assert "100% of the signs agree" in words
    assert "0.50 times as long" in words
    assert "relative error is 0.50: better than predicting zero" in words
    _, words = gradient_pair("cdni", 8, BoundaryGradient(2, TRUE, -TRUE))
    assert "cosine is -1.00: hardly any common direction" in words
    assert "0% of the signs agree" in words
    assert "relative error is 2.00: no better than predicting zero" in words


def test_a_gradient_of_zeros_has_no_direction():
    _, words = gradient_pair("cdni", 0, BoundaryGradient(1, TRUE, 0 * TRUE))
    assert "no direction to compare" in words


def test_scatter_shows_at_most_four_thousand_points_and_a_whole_histogram():
    true = np.random.default_rng(0).normal(size=(100, 100))
    figure, _ = gradient_pair("dni", 1, BoundaryGradient(1, true, true))
    scatter, histogram = figure.axes
    assert 2000 <= len(scatter.collections[0].get_offsets()) <= 5000
    counts = histogram.patches[0].get_path()
    assert len(counts.vertices) > 60


def test_rules_with_other_steps_are_refused():
    uneven = records()
    del uneven["dni"][80]
    with pytest.raises(ValueError, match="`records`. Expected the same steps"):
        GradientPanel(uneven)
    with pytest.raises(ValueError, match="`records`"):
        GradientPanel({"cdni": {0: []}})
