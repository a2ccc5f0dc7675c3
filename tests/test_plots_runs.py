from dni_lesson import plots

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
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


def rounds():
    rows = [
        {
            "arm": arm,
            "seed": seed,
            "round": number,
            "step": 10 * number,
            "updates": 40 * number,
            "time": number * seconds + seed,
            "test_error": 20 / number + 2 * seed,
        }
        for arm, seconds in (("cdni", 2.0), ("backprop", 1.0))
        for seed in (0, 1)
        for number in (1, 2)
    ]
    return pd.DataFrame(rows)


def test_the_same_errors_stand_over_three_currencies():
    axes = plots.plot_currencies(rounds())
    labels = [ax.get_xlabel() for ax in axes]
    assert labels == ["iterations", "layer-updates", "seconds"]
    for ax in axes:
        for line in ax.lines:
            assert line.get_ydata().tolist() == [21.0, 11.0]
    assert axes[0].lines[1].get_xdata().tolist() == [10, 20]
    assert axes[1].lines[1].get_xdata().tolist() == [40, 80]
    assert axes[2].lines[1].get_xdata().tolist() == [2.5, 4.5]
    assert axes[0].get_ylabel() == "test error in percent"


def test_bands_reach_from_the_best_seed_to_the_worst():
    ax = plots.plot_currencies(rounds())[0]
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (10.0, 22.0)


def test_arms_have_their_name_and_line():
    ax = plots.plot_currencies(rounds())[2]
    assert [line.get_label() for line in ax.lines] == ["backprop", "cDNI"]
    assert ax.lines[1].get_color() == plots.COLORS["cdni"]


def test_an_own_arm_is_drawn_last_by_its_own_name():
    frame = rounds().replace({"arm": {"backprop": "bouncing"}})
    ax = plots.plot_currencies(frame)[2]
    assert [line.get_label() for line in ax.lines] == ["cDNI", "bouncing"]


def test_another_measure_and_given_axes_can_be_drawn():
    frame = rounds().assign(validation_error=5.0)
    given = plt.figure().subplots(1, 3)
    axes = plots.plot_currencies(frame, "validation_error", given)
    assert axes is given
    np.testing.assert_array_equal(given[0].lines[0].get_ydata(), [5.0, 5.0])
    assert given[0].get_ylabel() == "validation error in percent"


def test_digits_stand_in_a_row_with_titles():
    axes = plots.plot_digits(np.zeros((3, 784)), titles=[7, 1, 4])
    assert [one.get_title() for one in axes] == ["7", "1", "4"]
    assert axes[0].images[0].get_array().shape == (28, 28)
