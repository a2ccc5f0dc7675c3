"""The drawings say in numbers what waits for what."""

from dni_lesson.plots import COLORS, diagrams

import matplotlib.pyplot as plt
import pytest


def numbers(ax, color):
    """Returns the moments written in a colour, from left to right."""
    texts = [t for t in ax.texts if t.get_text().isdigit()]
    texts = [t for t in texts if t.get_color() == color]
    texts.sort(key=lambda text: text.get_position()[0])
    return [int(text.get_text()) for text in texts]


@pytest.mark.parametrize("modules", [2, 4])
def test_true_gradient_comes_last_to_the_first_module(modules):
    _, ax = plt.subplots()
    assert diagrams.draw_backprop(modules, ax=ax) is ax
    moments = list(range(2 * modules, modules, -1))
    assert numbers(ax, COLORS["true"]) == moments


@pytest.mark.parametrize("modules", [2, 4])
def test_synthetic_gradient_comes_one_moment_after_the_forward_pass(modules):
    _, ax = plt.subplots()
    assert diagrams.draw_decoupled(modules, ax=ax) is ax
    assert numbers(ax, COLORS["synthetic"]) == list(range(2, modules + 1))
    assert numbers(ax, COLORS["true"]) == [modules + 1]


def test_every_module_and_predictor_is_named():
    _, ax = plt.subplots()
    diagrams.draw_decoupled(3, ax=ax)
    words = [text.get_text() for text in ax.texts]
    assert {"module 1", "module 2", "module 3", "M1", "M2"} <= set(words)
    assert "M3" not in words


def test_each_predictor_of_cdni_sees_the_label():
    _, ax = plt.subplots()
    diagrams.draw_decoupled(4, ax=ax)
    assert [text.get_text() for text in ax.texts].count("y") == 3
