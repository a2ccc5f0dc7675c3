"""Tests of the panel in which a predictor learns a field of gradients."""

import copy

from dni_lesson.panels import prediction as module
from dni_lesson.panels.prediction import draw_prediction, train_predictor

import numpy as np
import pytest


def mean_loss(h, labels, weights):
    logits = h @ (weights * module._CENTRES.T)
    right = logits[np.arange(len(labels)), labels]
    return np.log(np.exp(logits).sum(axis=1)) - right


def final_error(**changes):
    settings = {
        "labels": True,
        "hidden": False,
        "weights": 1.0,
        "rate": 0.1,
        "steps": 500,
    }
    _, curve = train_predictor(**{**settings, **changes})
    return curve[-1][1]["relative_error"]


def test_true_gradient_equals_finite_differences():
    h, labels = module.draw_examples(5, seed=3)
    expected = np.empty_like(h)
    for axis, nudge in enumerate(1e-5 * np.eye(2)):
        up, down = (mean_loss(h + s * nudge, labels, 1.5) for s in (1, -1))
        expected[:, axis] = (up - down) / 2e-5
    true = module.true_gradient(h, labels, 1.5)
    np.testing.assert_allclose(true, expected, atol=1e-8)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("labels", [False, True])
def test_a_new_predictor_predicts_zero(labels, hidden):
    predictor = module.GradientPredictor(labels, hidden)
    h, y = module.draw_examples(4, seed=0)
    np.testing.assert_array_equal(predictor(predictor.inputs(h, y)), 0)


@pytest.mark.parametrize("layer", ["hidden", "output"])
def test_hidden_predictor_descends_half_its_squared_error(layer):
    h, y = module.draw_examples(6, seed=0)
    true = module.true_gradient(h, y, 1.0)
    predictor = module.GradientPredictor(True, True)
    predictor.output[:] = 0.3
    inputs = predictor.inputs(h, y)
    learned = copy.deepcopy(predictor)
    learned.learn(inputs, true, rate=1.0)
    moved = getattr(predictor, layer) - getattr(learned, layer)

    def half_squared_error(nudge):
        nudged = copy.deepcopy(predictor)
        getattr(nudged, layer)[2, 1] += nudge
        return 0.5 * np.sum((nudged(inputs) - true) ** 2) / len(h)

    slope = (half_squared_error(1e-5) - half_squared_error(-1e-5)) / 2e-5
    assert moved[2, 1] == pytest.approx(slope, abs=1e-8)


def test_labels_and_a_hidden_layer_help():
    assert final_error(labels=False) > 0.8
    assert final_error() < 0.3
    assert final_error(hidden=True) < 0.8 * final_error()


def test_below_a_calibrated_module_the_label_is_everything():
    # Where the softmax gives the true odds, gradients average to zero.
    odds = 1 / module._SPREAD**2
    for hidden in (False, True):
        error = final_error(labels=False, hidden=hidden, weights=odds)
        assert error == pytest.approx(1, abs=0.05)


def test_without_labels_the_field_is_the_same_for_all_classes():
    predictor, _ = train_predictor(False, False, 1.0, 0.1, 50)
    h, y = module.draw_examples(4, seed=0)
    one = predictor(predictor.inputs(h, y))
    other = predictor(predictor.inputs(h, (y + 1) % 3))
    np.testing.assert_array_equal(one, other)


def test_the_curve_ends_with_the_last_step():
    for steps in (0, 20, 30, 1000):
        _, curve = train_predictor(True, False, 1.0, 0.1, steps)
        assert curve[0][0] == 0
        assert curve[0][1]["relative_error"] == 1
        assert curve[-1][0] == steps


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
