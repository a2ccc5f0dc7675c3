from dni_lesson import plots
from dni_lesson.schedules import CLAIM

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def ax():
    return plt.figure().subplots()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


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
    assert labels(ax) == ["counted", "measured"]


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


def test_bounds_are_drawn_over_workers_with_one_network_brought_out(ax):
    bounds = {"wide": [1.0, 1.5, 2.5], "narrow": [1.0, 1.9, 2.0]}
    assert plots.plot_bounds(bounds, highlight="narrow", ax=ax) is ax
    wide, narrow = ax.lines[:2]
    assert list(wide.get_xdata()) == [1, 2, 3]
    assert list(narrow.get_ydata()) == [1.0, 1.9, 2.0]
    assert narrow.get_linewidth() > wide.get_linewidth()
    assert narrow.get_color() == plots.COLORS["synthetic"] != wide.get_color()
    assert labels(ax) == ["wide", "narrow"]
    assert list(ax.lines[2].get_ydata()) == [3.0, 3.0]


def gains():
    return pd.DataFrame(
        {
            "workers": [4, 4, 2, 2],
            "link_delay_ms": [0.0, 5.0, 5.0, 0.0],
            "speedup": [2.0, 60.0, 4.0, 1.5],
            "low": [1.8, 50.0, 3.0, 1.4],
            "high": [2.2, 120.0, 4.5, 1.9],
            "predicted": [2.1, 58.0, 4.2, 1.6],
        }
    )


def test_gains_are_measured_markers_on_predicted_lines(ax):
    assert plots.plot_gain_against_delay(gains(), ax=ax) is ax
    assert labels(ax) == ["2 workers", "4 workers"]
    two, four = ax.containers
    np.testing.assert_allclose(two[0].get_xydata(), [(0, 1.5), (5, 4)])
    (bars,) = two[2]
    np.testing.assert_allclose(bars.get_segments()[1][:, 1], [3, 4.5])
    line = ax.lines[0]
    np.testing.assert_allclose(line.get_xydata(), [(0, 1.6), (5, 4.2)])
    assert line.get_color() == two[0].get_color() != four[0].get_color()
    assert two[0].get_marker() != four[0].get_marker()


def test_every_gain_and_the_claim_are_inside_the_picture(ax):
    plots.plot_gain_against_delay(gains(), ax=ax)
    low, high = ax.get_ylim()
    assert low < 1.4 and high > 120
    (words,) = ax.texts  # On the left, where no marker is.
    assert words.get_text() == "the claim: 3 x" and words.get_ha() == "left"
    assert words.xy[1] == CLAIM
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert ticks == ["0", "5"]
    assert "50" in [text.get_text() for text in ax.get_yticklabels()]


def test_speeds_are_drawn_over_the_width_for_the_arms_that_there_are(ax):
    speeds = pd.DataFrame(
        {"locked": [1, 1], "decoupled": [1.9, 1.6], "backprop fit": [1.4, 2.0]},
        index=pd.Index([256, 1024], name="width"),
    )
    assert plots.plot_speed_against_width(speeds, ax=ax) is ax
    names = ["decoupled, linear predictors", "one process, all cores"]
    assert labels(ax) == names
    decoupled, backprop = ax.lines[:2]
    assert decoupled.get_xydata().tolist() == [[256, 1.9], [1024, 1.6]]
    assert backprop.get_color() == plots.COLORS["true"] != decoupled.get_color()


def runs():
    return pd.DataFrame(
        {
            "schedule": ["decoupled"] * 4 + ["delayed"] * 2,
            "late": [0, 0, 4, 4, 0, 4],
            "test_error_percent": [2.0, 3.0, 2.5, 3.5, 2.0, 60.0],
        }
    )


def test_lines_join_the_means_of_runs_that_are_all_shown(ax):
    assert plots.plot_late_gradients(runs(), ax=ax) is ax
    mean, points, late = ax.lines[:3]
    assert mean.get_xydata().tolist() == [[0, 2.5], [4, 3]]
    assert list(points.get_ydata()) == [2, 3, 2.5, 3.5]
    assert list(late.get_ydata()) == [2, 60]
    assert labels(ax) == ["synthetic gradients", "true gradients, late"]
    assert ax.get_xlabel() == "how late a gradient is, in updates"


def test_runs_as_they_happened_are_hollow(ax):
    real = pd.DataFrame(
        {
            "schedule": ["decoupled"],
            "late": [1.3],
            "test_error_percent": [2.2],
        }
    )
    plots.plot_late_gradients(runs(), real, ax=ax)
    (star,) = [line for line in ax.lines if line.get_marker() == "*"]
    assert star.get_xydata().tolist() == [[1.3, 2.2]]
    assert labels(ax) == [
        "synthetic gradients",
        "synthetic gradients, as it happened",
        "true gradients, late",
    ]
    assert star.get_markerfacecolor() == "white"


def test_seeds_that_are_alike_have_no_bar(ax):
    frame = pd.DataFrame({"arm": "locked", "delay_ms": 0.0, "seed": range(3)})
    plots.plot_seconds_to_error(frame.assign(seconds=5.866666666666667), ax)
    assert len(ax.containers) == 1


def test_seconds_to_an_error_are_means_with_the_range_of_the_seeds(ax):
    rows = [
        ("locked", 0.0, [2.0, 4.0]),
        ("locked", 5.0, [20.0, 40.0]),
        ("decoupled softmax", 0.0, [3.0, 5.0]),
        ("decoupled softmax", 5.0, [3.0, np.nan]),  # A seed never got there.
    ]
    frame = pd.DataFrame(
        {"arm": arm, "delay_ms": delay, "seed": seed, "seconds": value}
        for arm, delay, values in rows
        for seed, value in enumerate(values)
    )
    assert plots.plot_seconds_to_error(frame, ax) is ax
    assert labels(ax) == ["locked workers", "decoupled, softmax predictors"]
    locked, decoupled = ax.containers
    assert list(locked.lines[0].get_ydata()) == pytest.approx([3, 30])
    assert np.isnan(decoupled.lines[0].get_ydata()[1])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "5"]
    (bars,) = locked.lines[2]
    assert [bar[:, 1].tolist() for bar in bars.get_segments()] == [
        [2, 4],
        [20, 40],
    ]


def test_gains_foretold_lie_on_the_diagonal_and_those_never_reached_below():
    gains = pd.DataFrame(
        {
            "arm": ["decoupled", "decoupled", "decoupled softmax"],
            "gain": [2.0, 0.0, 0.5],
            "told_gain": [2.0, 3.0, 0.5],
        }
    )
    _, ax = plt.subplots()
    assert plots.plot_gains_foretold(gains, ax) is ax
    lines = {line.get_label(): line for line in ax.lines}
    for name in ("decoupled, linear", "decoupled, softmax"):
        points = lines[f"{name} predictors"].get_xydata()
        assert (points[:, 0] == points[:, 1]).all()
    (never,) = (line for line in ax.lines if list(line.get_xdata()) == [3.0])
    assert never.get_ydata()[0] < 0.5
    assert never.get_markerfacecolor() == "none"
