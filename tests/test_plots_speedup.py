from dni_lesson import plots
from dni_lesson.schedules.speed import CLAIM

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def ax():
    return plt.figure().subplots()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_each_bar_of_a_chain_begins_where_the_one_before_ended(ax):
    assert plots.plot_chain(["a", "b", "c"], [1.0, 0.5, 2.0], ax=ax) is ax
    edges = [(box.get_x(), box.get_x() + box.get_width()) for box in ax.patches]
    np.testing.assert_allclose(edges, [(1, 1), (1, 0.5), (0.5, 2)])
    assert [label.get_text() for label in ax.get_yticklabels()] == [*"abc"]
    assert texts(ax)[:3] == ["1.00 x", "0.50 x", "2.00 x"]


def test_changes_up_and_down_differ_in_colour(ax):
    plots.plot_chain(["a", "b", "c"], [1.0, 0.5, 2.0], ax=ax)
    _, down, up = (box.get_facecolor() for box in ax.patches)
    assert down != up


def test_counts_are_marked_beside_the_measured_chain(ax):
    plots.plot_chain(["a", "b"], [1.0, 2.0], counted=[1.0, 3.5], ax=ax)
    assert list(ax.lines[0].get_xdata()) == [1.0, 3.5]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["counted", "measured"]


def speeds():
    return pd.DataFrame(
        {
            "p": [0.1] * 4 + [1.0] * 4,
            "per_iteration": [3.0, 4.0, 4.0, 9.0, 0.4, 0.4, 0.4, 0.4],
            "per_update": [0.3, 0.4, 0.4, 0.5, 0.4, 0.4, 0.4, 0.4],
        }
    )


def test_speed_against_p_shows_medians_and_quartiles(ax):
    plots.plot_speed_against_p(speeds(), ax=ax)
    iterations, updates = ax.containers
    line, _, (bars,) = iterations
    np.testing.assert_allclose(line.get_xydata(), [(0.1, 4), (1, 0.4)])
    np.testing.assert_allclose(bars.get_segments()[0][:, 1], [3.75, 5.25])
    assert list(updates[0].get_ydata()) == [0.4, 0.4]
    assert ax.get_xlabel() == "probability p that a layer is updated"


def test_the_crossing_is_marked_if_there_is_one(ax):
    plots.plot_speed_against_p(speeds(), crossing=0.13, ax=ax)
    assert "p = 0.13" in texts(ax)
    (star,) = [line for line in ax.lines if line.get_marker() == "*"]
    assert star.get_xydata().tolist() == [[0.13, CLAIM]]
    other = plt.figure().subplots()
    plots.plot_speed_against_p(speeds(), crossing=float("nan"), ax=other)
    assert not [line for line in other.lines if line.get_marker() == "*"]


@pytest.mark.parametrize("draw", ["chain", "against p"])
def test_the_claim_is_inside_the_picture(ax, draw):
    if draw == "chain":
        plots.plot_chain(["a"], [1.0], ax=ax)
        low, high = ax.get_xlim()
    else:
        plots.plot_speed_against_p(speeds()[4:], ax=ax)
        low, high = ax.get_ylim()
    assert low < CLAIM < high
    assert "the claim: 3 x" in texts(ax)
