"""The panel of lesson 00, without a front end."""

from dni_lesson.panels import StoryPanel
from dni_lesson.panels.story import story

import numpy as np
import pytest

IMAGES = np.zeros((10, 784), "float32")
LABELS = np.arange(10)
WRONG = (LABELS + 1) % 10
ONE_RIGHT = np.where(LABELS == 3, 3, WRONG)
READINGS = {
    "backprop": [WRONG, LABELS, LABELS],
    "cdni": [WRONG, ONE_RIGHT, LABELS],
}


def test_moving_the_slider_changes_picture_and_words():
    panel = StoryPanel(IMAGES, LABELS, READINGS)
    epoch, digits = panel.controls.values()
    seen = [(panel.picture.value, panel.words.value)]
    epoch.value = 2
    seen.append((panel.picture.value, panel.words.value))
    assert seen[0][0] != seen[1][0]
    assert "backprop reads 100.0% and cDNI reads 10.0%" in seen[0][1]
    assert "backprop reads 100.0% and cDNI reads 100.0%" in seen[1][1]
    assert epoch.max == 2


def test_choosing_digits_changes_the_picture():
    panel = StoryPanel(IMAGES, LABELS, READINGS)
    before = panel.picture.value
    panel.controls["digits"].value = "the rules disagree"
    assert panel.picture.value != before


@pytest.mark.parametrize(
    ("epoch", "digits", "shown"),
    [
        (0, "the first ones", 8),
        (0, "the rules disagree", 0),
        (0, "every rule is wrong", 8),
        (1, "the rules disagree", 8),
        (1, "every rule is wrong", 0),
    ],
)
def test_only_the_digits_asked_for_are_shown(epoch, digits, shown):
    readings = {rule: np.array(read) for rule, read in READINGS.items()}
    figure, _ = story(IMAGES, LABELS, readings, epoch, digits)
    assert sum(bool(ax.images) for ax in figure.axes) == shown


def test_each_digit_bears_its_label_and_what_each_rule_reads():
    readings = {rule: np.array(read) for rule, read in READINGS.items()}
    figure, _ = story(IMAGES, LABELS, readings, 1, "the first ones")
    ax = next(ax for ax in figure.axes if ax.get_title() == "label 3")
    assert [text.get_text() for text in ax.texts] == [
        "backprop 3 ✓",
        "cDNI 3 ✓",
    ]
    wrong = next(ax for ax in figure.axes if ax.get_title() == "label 4")
    assert wrong.texts[1].get_text() == "cDNI 5 ✗"


def test_words_count_disagreements_and_common_mistakes():
    readings = {rule: np.array(read) for rule, read in READINGS.items()}
    _, words = story(IMAGES, LABELS, readings, 1, "the first ones")
    assert "On 9 digits the rules disagree; on 0 every rule is wrong." in words
    _, words = story(IMAGES, LABELS, readings, 0, "the first ones")
    assert "On 0 digits the rules disagree; on 10 every rule is wrong." in words


@pytest.mark.parametrize(
    "readings",
    [
        {"cdni": READINGS["cdni"]},
        {**READINGS, "cdni": READINGS["cdni"][:2]},
    ],
)
def test_readings_that_do_not_fit_are_refused(readings):
    with pytest.raises(ValueError, match="`readings`. Expected two or more"):
        StoryPanel(IMAGES, LABELS, readings)
