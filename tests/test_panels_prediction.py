"""Tests of the panel in which a predictor learns a field of gradients."""

from dni_lesson.panels import PredictionPanel
from dni_lesson.panels.predicting import train_predictor
from dni_lesson.panels.prediction import draw_prediction

import pytest


def test_the_words_say_the_numbers():
    _, words = draw_prediction(True, False, 1.0, 0.1, 200)
    _, curve = train_predictor(True, False, 1.0, 0.1, 200)
    assert "linear predictor that sees h and the label" in words
    assert f"{curve[-1][1]['cosine']:.2f}" in words
    assert f"{curve[-1][1]['relative_error']:.2f}" in words
    _, words = draw_prediction(False, True, 1.0, 0.1, 0)
    assert "hidden-layer" in words
    assert "not the label" in words
    assert "zero everywhere" in words


def test_divergence_is_said_and_draws_no_synthetic_field():
    figure, words = draw_prediction(True, True, 1.0, 1.0, 1000)
    assert "diverged" in words
    fields = [len(ax.collections) for ax in figure.axes[:3]]
    assert fields == [2, 2, 2]  # Examples and true gradients.
    figure, _ = draw_prediction(True, True, 1.0, 0.1, 40)
    assert [len(ax.collections) for ax in figure.axes[:3]] == [3, 3, 3]


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("labels", False),
        ("hidden", True),
        ("weights", 2.0),
        ("rate", 0.01),
        ("steps", 400),
    ],
)
def test_each_control_changes_picture_and_words(control, value):
    panel = PredictionPanel()
    picture, words = bytes(panel.picture.value), panel.words.value
    assert picture.startswith(b"\x89PNG")
    panel.controls[control].value = value
    assert bytes(panel.picture.value) != picture
    assert panel.words.value != words


def test_panel_says_what_it_is():
    name = "<Prediction panel: a field of gradients, true and synthetic>"
    assert repr(PredictionPanel()) == name
