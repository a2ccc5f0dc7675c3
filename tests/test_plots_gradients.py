from dni_lesson import plots

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

HISTORY = {
    "step": [1, 1, 2, 2],
    "boundary": [1, 2, 1, 2],
    "cosine": [0.1, 0.5, 0.2, 0.6],
    "relative_error": [0.9, 0.8, 0.7, 0.6],
}


@pytest.fixture
def ax():
    return plt.figure().subplots()


def test_agreement_has_one_line_per_boundary_and_the_ideal(ax):
    plots.plot_agreement(HISTORY, ax=ax)
    assert list(ax.lines[0].get_ydata()) == [0.1, 0.2]
    assert list(ax.lines[1].get_xdata()) == [1, 2]
    assert ax.lines[2].get_ydata()[0] == 1.0
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["boundary 1", "boundary 2"]


def test_the_ideal_relative_error_is_zero(ax):
    plots.plot_agreement(HISTORY, "relative_error", ax=ax)
    assert ax.lines[2].get_ydata()[0] == 0.0
    assert ax.get_ylabel() == "relative error"


def test_a_gradient_pair_is_a_scatter_around_the_diagonal(ax):
    true = np.array([[1.0, -2.0]])
    plots.plot_gradient_pair(true, true / 2, ax=ax)
    np.testing.assert_array_equal(
        ax.collections[0].get_offsets(), [[1.0, 0.5], [-2.0, -1.0]]
    )
    assert ax.get_xlim() == ax.get_ylim() == (-2.0, 2.0)


def test_small_values_are_multiples_of_a_power_of_ten_in_the_label(ax):
    true = np.array([[0.002, -0.0005]])
    plots.plot_gradient_pair(true, true, ax=ax)
    ax.figure.canvas.draw()
    assert ax.get_xlabel() == "true gradient, in $10^{-3}$"
    assert "\N{MINUS SIGN}2" in [t.get_text() for t in ax.get_xticklabels()]
    assert ax.xaxis.get_offset_text().get_text() == ""


@pytest.mark.parametrize("rule", ["cdni", "dni"])
def test_agreement_has_the_colour_of_its_rule(ax, rule):
    plots.plot_agreement(HISTORY, ax=ax, rule=rule)
    assert to_hex(ax.lines[1].get_color()) == plots.COLORS[rule].lower()


def test_maps_share_one_scale_around_zero():
    maps = [np.array([[0.0, -3.0]]), np.array([[1.0, 2.0]])]
    axes = plots.plot_maps(maps, ["true", "predicted"])
    images = [ax.images[0] for ax in axes]
    assert [image.get_clim() for image in images] == [(-3.0, 3.0)] * 2
    np.testing.assert_array_equal(images[1].get_array(), maps[1])
    assert [ax.get_title() for ax in axes] == ["true", "predicted"]


def test_maps_are_drawn_on_given_axes_up_to_a_limit():
    row = plt.figure().subplots(1, 1, squeeze=False)[0]
    assert plots.plot_maps([np.ones((2, 2))], ["g"], 0.5, row) is row
    assert row[0].images[0].get_clim() == (-0.5, 0.5)
