"""Tests of the panel in which news of a loss walks back through time."""

from dni_lesson.panels import UnrolledPanel
from dni_lesson.panels import unrolled as module
from dni_lesson.panels.unrolled import draw_news, shares_of_news

import numpy as np
import pytest


def reached(shares):
    return int(np.sum(np.abs(shares) > 1e-9))


def test_true_gradients_equal_finite_differences():
    run = module.episode()
    goal = run.states[0] * np.linspace(-1, 1, 8)

    def loss(state, step):
        for _ in range(step, module.STEPS):
            state = state @ run.rotation
        return 0.5 * np.sum((state - goal) ** 2)

    nudge = np.zeros_like(goal)
    nudge[3, 2] = 1e-5
    for step in (1, 5, 12):
        up, down = (loss(run.states[step] + s * nudge, step) for s in (1, -1))
        found = module.gradients(run, module.STEPS)[step][3, 2]
        assert found == pytest.approx((up - down) / 2e-5, abs=1e-7)


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5, 12])
def test_news_walks_back_one_window_an_episode(window):
    for seen in range(13):
        shares = shares_of_news(window, seen, "each", every=False)
        last = (module.STEPS - 1) % window + 1
        assert reached(shares) == min(module.STEPS, last + seen * window)


@pytest.mark.parametrize("every", [False, True])
def test_with_a_predictor_for_each_cut_all_gradients_become_true(every):
    shares = shares_of_news(3, 100, "each", every)
    np.testing.assert_allclose(shares, 1, atol=1e-6)


def test_one_predictor_for_all_cuts_cannot_be_right_everywhere():
    shares = shares_of_news(3, 30, "shared", False)
    assert 0.4 < shares.min() < 0.9
    np.testing.assert_allclose(shares[-3:], 1)


def test_plain_truncation_hears_nothing_from_behind_a_cut():
    for seen in (0, 30):
        shares = shares_of_news(3, seen, "none", False)
        np.testing.assert_allclose(shares, [0] * 9 + [1] * 3, atol=1e-12)
    # With a loss at every step, the closer to the cut the less.
    shares = shares_of_news(4, 0, "none", True)
    assert shares[0] > shares[1] > shares[2] > shares[3]


def test_the_words_say_how_far_the_news_has_come():
    _, words = draw_news(3, 2, "each", False)
    assert "3 cuts" in words
    assert "seen 2 episodes" in words
    assert "at 9 of 12 states" in words
    _, words = draw_news(12, 2, "each", False)
    assert "no cut" in words
    _, words = draw_news(3, 2, "none", False)
    assert "nothing crosses" in words
    assert "at 3 of 12 states" in words


def test_the_panel_draws_all_its_settings_and_is_said_in_words():
    panel = UnrolledPanel()
    assert repr(panel).startswith("<Unrolled panel")
    for window, every in ((1, True), (5, False), (4, True)):
        for how in ("each", "shared", "none"):
            before = panel.picture.value
            with panel.hold():
                panel.controls["window"].value = window
                panel.controls["every"].value = every
                panel.controls["predictors"].value = how
            assert bytes(panel.picture.value) != bytes(before)
            assert f"Windows of {window} step" in panel.words.value
