"""The panel of lesson 01, without a front end."""

import re

from dni_lesson.panels import LockingPanel
from dni_lesson.panels.locking import locking
from dni_lesson.panels.panel import png

import pytest


@pytest.fixture
def panel():
    return LockingPanel()


def times(words):
    return [float(n) for n in re.findall(r"mini-batch every ([\d.]+)", words)]


def test_words_hold_the_textbook_numbers():
    _, words = locking(4, 2.0, 0.5, microbatches=4, delay=1.0)
    locked, pipelined = 4 * 3 + 2 * 3 * 1, 7 / 4 * 3 + 2 * 3 * 1
    assert times(words) == pytest.approx([locked, pipelined, 4.5], abs=0.051)
    assert "4.0 times the pace" in words
    assert "busy 17% of the time" in words


def test_a_long_link_does_not_change_the_pace_of_decoupled_workers():
    _, words = locking(2, 4.0, 4.0, microbatches=4, delay=5.0)
    assert times(words)[-1] == 25.0


def test_pictures_share_one_time_axis_that_ends_with_two_locked_steps():
    figure, _ = locking(3, 1.0, 0.0, microbatches=2, delay=0.0)
    assert len(figure.axes) == 3
    for ax in figure.axes:
        assert ax.get_xlim() == (0, 12)
        assert len(ax.get_yticks()) == 3


def test_the_legend_names_every_colour_inside_the_picture():
    figure, _ = locking(4, 2.0, 0.5, microbatches=4, delay=1.0)
    png(figure)
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 5
    assert legend.get_window_extent().x1 <= figure.bbox.x1


@pytest.mark.parametrize("end", [{"delay": 0.0}, {"delay": 5.0}])
def test_work_goes_on_to_the_end_of_the_axis(end):
    figure, _ = locking(5, 2.0, 0.0, microbatches=8, **end)
    for ax in figure.axes:
        boxes = [path for c in ax.collections for path in c.get_paths()]
        last = max(path.vertices[:, 0].max() for path in boxes)
        assert last >= ax.get_xlim()[1] * 0.8


def test_a_dear_predictor_makes_decoupling_slower_than_locked():
    _, words = locking(4, 2.0, 4.0, microbatches=1, delay=0.0)
    locked, _, decoupled = times(words)
    assert decoupled > locked
    assert "0.8 times the pace" in words


def test_without_predictors_nothing_is_said_of_staleness():
    assert "old" not in locking(2, 1.0, 0.0, microbatches=1, delay=0.0)[1]
    assert "1 update old" in locking(2, 1.0, 1.0, microbatches=1, delay=0.0)[1]


def test_picture_and_words_are_there_from_the_start(panel):
    assert bytes(panel.picture.value).startswith(b"\x89PNG")
    assert "Decoupled: a mini-batch every 5.1" in panel.words.value


def test_settings_out_of_range_cannot_be_entered(panel):
    for control in panel.controls.values():
        control.value = 1000
        assert control.value == control.max
        control.value = -1000
        assert control.value == control.min
    assert "role='status'" in panel.words.value
