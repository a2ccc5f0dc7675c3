"""The panel of lesson 04, without a front end."""

from dni_lesson.monitors import BoundaryGradient
from dni_lesson.panels import GradientPanel
from dni_lesson.panels.gradient import gradient_pair, unit_cosines

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
    scatter, histogram, _ = figure.axes
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


def test_unit_cosines_are_those_of_the_columns():
    rng = np.random.default_rng(1)
    other = rng.normal(size=TRUE.shape)
    cosines = unit_cosines(TRUE, other)
    column = TRUE[:, 7] @ other[:, 7]
    column /= np.linalg.norm(TRUE[:, 7]) * np.linalg.norm(other[:, 7])
    assert cosines.shape == (30,)
    assert cosines[7] == pytest.approx(column)
    silent = np.where(np.arange(30) < 10, 0, TRUE)
    np.testing.assert_allclose(unit_cosines(silent, -TRUE), -np.ones(20))


def test_words_say_how_units_differ():
    signs = np.where(np.arange(30) < 20, 1, -1)
    _, words = gradient_pair("dni", 1, BoundaryGradient(1, TRUE, signs * TRUE))
    assert "cosine is 1.00 in the median" in words
    assert "between -1.00 and 1.00" in words


def test_live_records_are_looked_at_again():
    live = {}
    panel = GradientPanel(lambda: live)
    assert "Nothing is recorded here yet" in panel.words.value
    live.update(records())
    panel.look_again()
    assert panel.controls["step"].options == (0, 40, 80)
    assert panel.controls["step"].value == 80
    panel.controls["boundary"].value = 2
    assert "cosine is 1.00" in panel.words.value
    # A race that was reset, with fewer modules, has other boundaries.
    live.clear()
    live["dni"] = {20: [BoundaryGradient(1, TRUE, TRUE)]}
    panel.look_again()
    assert [c.value for c in panel.controls.values()] == ["dni", 1, 20]


def test_several_changes_redraw_once(monkeypatch):
    panel = GradientPanel(records())
    shown = []
    monkeypatch.setattr(panel, "show", lambda *args: shown.append(args))
    with panel.hold():
        panel.controls["step"].value = 80
        panel.controls["boundary"].value = 1
    assert len(shown) == 1
