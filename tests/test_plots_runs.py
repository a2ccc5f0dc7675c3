from dni_lesson import plots

import matplotlib.pyplot as plt
import pytest


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
