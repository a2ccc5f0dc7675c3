import base64

from dni_lesson import plots

import matplotlib.pyplot as plt
import numpy as np
import pytest

HISTORY = {
    "step": [1, 1, 2, 2],
    "boundary": [1, 2, 1, 2],
    "cosine": [0.1, 0.5, 0.2, 0.6],
    "relative_error": [0.9, 0.8, 0.7, 0.6],
}


@pytest.fixture
def ax():
    return plt.figure().subplots()


def test_runs_are_drawn_over_epochs_in_the_colour_of_their_rule(ax):
    runs = {
        "backprop": {"val_accuracy": [0.5, 0.9]},
        "cdni": {"val_accuracy": [0.4, 0.8]},
    }
    assert plots.plot_runs(runs, ax=ax) is ax
    first, second = ax.lines
    assert first.get_color() == plots.COLORS["backprop"]
    assert list(second.get_xdata()) == [1, 2]
    assert list(second.get_ydata()) == [0.4, 0.8]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "test accuracy")


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


def test_digits_stand_in_a_row_with_titles():
    axes = plots.plot_digits(np.zeros((3, 784)), titles=[7, 1, 4])
    assert [one.get_title() for one in axes] == ["7", "1", "4"]
    assert axes[0].images[0].get_array().shape == (28, 28)


def test_show_displays_the_figure_with_its_text_and_closes_it(monkeypatch):
    shown = []
    monkeypatch.setattr(
        plots, "display", lambda *args, **kwargs: shown.append((args, kwargs))
    )
    figure = plt.figure()
    plots.show(figure, alt="A line that rises.")
    ((bundle,), options) = shown[0]
    assert bundle["text/plain"] == "A line that rises."
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert options["metadata"] == {"image/png": {"alt": "A line that rises."}}
    assert not plt.fignum_exists(figure.number)


def test_colours_are_all_different():
    ideas = ("true", "synthetic", "dni", "local", "forward", "idle")
    assert len({plots.COLORS[idea] for idea in ideas}) == len(ideas)
