"""The picture of a timetable: its rows, boxes, numbers and colours."""

from dni_lesson import plots
from dni_lesson.schedules.timetable import timetable

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

COSTS = {"forward": [1, 1], "backward": [2, 2], "predictor": [1, 0]}


@pytest.fixture(autouse=True)
def no_window():
    matplotlib.use("agg")


@pytest.fixture
def ax():
    return plt.figure().add_subplot()


def boxes(ax):
    """Returns `(label, left, right, worker)` of every box."""
    return [
        (
            collection.get_label(),
            path.vertices[:, 0].min(),
            path.vertices[:, 0].max(),
            path.vertices[:4, 1].mean(),
        )
        for collection in ax.collections
        for path in collection.get_paths()
    ]


def test_the_axes_passed_in_are_used_and_returned(ax):
    other = plt.figure().add_subplot()
    assert plots.plot_timetable(timetable("locked", [1], [2]), ax) is ax
    assert not other.collections
    assert ax.get_xlabel() == "time"


def test_every_event_is_a_box_in_its_workers_row(ax):
    events = timetable("decoupled", **COSTS)
    plots.plot_timetable(events, ax)
    drawn = sorted(
        (left, right, worker) for _, left, right, worker in boxes(ax)
    )
    expected = sorted((e.start, e.end, e.worker) for e in events)
    np.testing.assert_allclose(drawn, expected)


def test_every_phase_has_its_own_colour(ax):
    plots.plot_timetable(timetable("decoupled", **COSTS), ax)
    colors = {
        c.get_label(): to_hex(c.get_facecolor()[0]) for c in ax.collections
    }
    assert len(set(colors.values())) == 4
    true = plots.COLORS["true"].lower()
    synthetic = plots.COLORS["synthetic"].lower()
    assert colors["backward, true gradient"] == true
    assert colors["backward, synthetic gradient"] == synthetic


def test_halves_of_a_backward_pass_can_be_told_apart(ax):
    events = timetable("zb-h1", [1, 1], [2, 2], microbatches=2)
    plots.plot_timetable(events, ax)
    labels = [collection.get_label() for collection in ax.collections]
    assert labels == [
        "forward",
        "backward, gradient of the input",
        "backward, gradient of the weights",
    ]
    colors = {to_hex(c.get_facecolor()[0]) for c in ax.collections}
    assert len(colors) == 3


def test_legend_names_what_is_there(ax):
    plots.plot_timetable(timetable("locked", [1], [2]), ax)
    names = {text.get_text() for text in ax.get_legend().get_texts()}
    assert names == {"idle", "forward", "backward, true gradient"}
    plots.plot_timetable(timetable("locked", [1], [2]), ax, legend=False)


def test_wide_boxes_carry_the_number_of_their_mini_batch(ax):
    events = timetable("locked", [1, 1], [2, 2], minibatches=2)
    plots.plot_timetable(events, ax)
    written = sorted(text.get_text() for text in ax.texts)
    assert written == ["1"] * 4 + ["2"] * 4


def test_narrow_boxes_carry_none(ax):
    plots.plot_timetable(timetable("locked", [0.01], [2]), ax)
    assert len(ax.texts) == 4


def test_the_time_axis_can_end_early(ax):
    plots.plot_timetable(timetable("locked", [1], [2]), ax, end=4)
    assert ax.get_xlim() == (0, 4)
