"""What all panels have in common, without a front end."""

import base64
import io
import itertools

from dni_lesson import panels
from dni_lesson.panels.panel import Explorer, Panel, dropdown, png, slider
from dni_lesson.plots.png import describe

import numpy as np
import pytest
import test_panels_gradient
import test_panels_story
from matplotlib.figure import Figure
from PIL import Image

PNG = b"\x89PNG"


def draw(low, kind):
    if low == 3:
        raise ValueError("`low` must not be <3>")
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([low, 1])
    return figure, f"low & {low}, {kind}"


@pytest.fixture
def explorer():
    return Explorer(
        "Panel: a test",
        draw,
        {"low": slider("low", 0, 9, 0), "kind": dropdown("kind", ["a", "b"])},
    )


def low(panel):
    return panel.controls["low"]


def test_a_panel_shows_its_picture_and_its_words_at_once(explorer):
    assert bytes(explorer.picture.value).startswith(PNG)
    assert "low &amp; 0, a" in explorer.words.value


def test_a_control_redraws_the_picture_and_the_words(explorer):
    before = explorer.picture.value
    low(explorer).value = 5
    assert explorer.picture.value != before
    assert "low &amp; 5, a" in explorer.words.value


def test_a_setting_that_cannot_be_drawn_is_explained(explorer):
    before = explorer.picture.value
    low(explorer).value = 3
    assert "must not be &lt;3&gt;" in explorer.words.value
    assert explorer.picture.value == before
    low(explorer).value = 4
    assert "low &amp; 4" in explorer.words.value


def test_repr_is_constant_and_a_still_picture_goes_with_the_view(explorer):
    bundle, metadata = explorer._repr_mimebundle_()
    assert repr(explorer) == bundle["text/plain"] == "<Panel: a test>"
    low(explorer).value = 5
    assert repr(explorer) == "<Panel: a test>"
    assert base64.b64decode(bundle["image/png"]).startswith(PNG)
    said = {"alt": "<Panel: a test>", "words": "low & 0, a"}
    assert metadata == {"image/png": said}
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_sliders_act_when_let_go_and_are_labelled():
    one = slider("learning rate", 0.0, 1.0, 0.5, step=0.1)
    assert not one.continuous_update
    assert (one.description, one.value) == ("learning rate", 0.5)
    assert type(slider("n", 0, 3, 1)).__name__ == "IntSlider"


def test_an_empty_panel_has_no_picture_yet():
    panel = Panel("Panel: empty", [])
    assert panel.picture.value == b""
    assert "image/png" not in panel._repr_mimebundle_()


def test_png_holds_the_pixels_that_matplotlib_drew():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], color="red")
    image = Image.open(io.BytesIO(png(figure)))
    drawn = figure.canvas.buffer_rgba()
    np.testing.assert_array_equal(np.asarray(image), drawn)
    assert image.size == (200, 100)
    assert image.info["Description"] == describe(figure)


# How to make each panel that explores, and a new value for each control.
EXPLORERS = {
    "claim": (
        panels.ClaimPanel,
        {"p": 0.5, "depth": 6, "units": 1024, "predictor": "2 x 1024"}
        | {"workers": 2},
    ),
    "gradient": (
        lambda: panels.GradientPanel(test_panels_gradient.records()),
        {"rule": "dni", "boundary": 1, "step": 0},
    ),
    "locking": (
        panels.LockingPanel,
        {"modules": 2, "ratio": 4.0, "predictor": 0.0, "microbatches": 1}
        | {"delay": 0.0},
    ),
    "prediction": (
        panels.PredictionPanel,
        {"labels": False, "hidden": True, "weights": 2.0, "rate": 0.01}
        | {"steps": 400},
    ),
    "speedup": (
        panels.SpeedupPanel,
        {"layers": 6, "units": 1024, "predictor": "free", "step_ms": 50},
    ),
    "story": (
        lambda: panels.StoryPanel(
            test_panels_story.IMAGES,
            test_panels_story.LABELS,
            test_panels_story.READINGS,
        ),
        {"epoch": 2, "digits": "every rule is wrong"},
    ),
}


@pytest.mark.parametrize("make, changes", EXPLORERS.values(), ids=EXPLORERS)
def test_every_control_has_a_label_and_changes_the_view(make, changes):
    panel = make()
    name, views = repr(panel), [(panel.picture.value, panel.words.value)]
    assert changes.keys() == panel.controls.keys()
    for control, value in changes.items():
        assert panel.controls[control].description
        panel.controls[control].value = value
        views.append((panel.picture.value, panel.words.value))
    for (picture, words), (new_picture, new_words) in itertools.pairwise(views):
        assert bytes(new_picture).startswith(PNG) and new_picture != picture
        assert new_words != words or control == "digits"
    assert repr(panel) == name == repr(make())
