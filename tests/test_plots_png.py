import base64
import json

from dni_lesson.plots import png, show
from dni_lesson.plots.png import describe, png_metadata

import matplotlib.pyplot as plt
import numpy as np
import pytest


def draw(values=(0.5, 0.8123, 0.9)):
    figure, (left, right) = plt.subplots(1, 2)
    left.plot([1, 2, 3], values, "--", color="red", label="cDNI")
    left.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1), title="a title")
    left.legend()
    right.scatter(values, values, color="blue")
    right.text(0, 0, "said beside it")
    right.set_yscale("log")
    return figure


def swap(left, right):
    for ax in (left, right):
        left.figure.delaxes(ax)
    for ax in (right, left):
        right.figure.add_axes(ax)


CHANGES = {
    "label": lambda left, _: left.lines[0].set_label("DNI"),
    "color": lambda left, _: left.lines[0].set_color("blue"),
    "line style": lambda left, _: left.lines[0].set_linestyle("-"),
    "fewer points": lambda left, _: left.lines[0].set_data([1, 2], [0.5, 0.6]),
    "no curve": lambda left, _: left.lines[0].remove(),
    "hidden curve": lambda left, _: left.lines[0].set_visible(False),
    "curve out of view": lambda left, _: left.lines[0].set_ydata([7, 8, 9]),
    "no values": lambda left, _: left.lines[0].set_ydata([np.nan] * 3),
    "one more curve": lambda left, _: left.plot([1, 2], [0, 1]),
    "no legend": lambda left, _: left.get_legend().remove(),
    "axis label": lambda left, _: left.set_xlabel("step"),
    "limit": lambda left, _: left.set_ylim(0, 2),
    "frame": lambda left, _: left.spines["top"].set_visible(False),
    "title": lambda left, _: left.set_title("another"),
    "scale": lambda _, right: right.set_yscale("linear"),
    "text": lambda _, right: right.texts[0].set_text("not that"),
    "empty axes": lambda _, right: right.clear(),
    "no axes": lambda _, right: right.remove(),
    "swapped axes": swap,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_figure_has_another_description(change):
    figure = draw()
    before = describe(figure)
    change(*figure.axes)
    assert describe(figure) != before


def test_other_values_have_the_same_description():
    assert describe(draw()) == describe(draw([0.4, 0.7, 0.951]))


def test_it_is_a_line_of_json_for_each_kind_of_artist():
    lines = [json.loads(line) for line in describe(draw()).splitlines()]
    assert lines[0] == ["figure"]
    assert ["x", "epoch", "linear"] in lines
    assert ["y", "accuracy", "linear", 0.0, 1.0] in lines
    assert ["y", "", "log"] in lines
    assert ["Line2D", "cDNI", "#ff0000", "--", "None", 3, True, 1] in lines
    assert ["Legend", "cDNI", 1] in lines
    assert ["PathCollection", "", "#0000ff", 3, 1] in lines
    assert ["Spine", "", "#000000", None, 4] in lines


@pytest.mark.parametrize(("top", "written"), [(0.85, "0.85"), (0.8512, "null")])
def test_a_limit_that_was_computed_is_left_out(top, written):
    figure = draw()
    figure.axes[0].set_ylim(0, top)
    assert f'["y", "accuracy", "linear", 0.0, {written}]' in describe(figure)


def test_equal_artists_share_a_line():
    figure, ax = plt.subplots()
    ax.bar(range(5), [1.0, 2.0, 3.0, 2.0, 1.0], color="red")
    assert '["Rectangle", "", "#ff0000", null, 5]' in describe(figure)


def test_an_animated_text_holds_a_value():
    figure, descriptions = plt.figure(), []
    text = figure.text(0, 0, "7", animated=True)
    for value in ("7", "9", ""):
        text.set_text(value)
        descriptions.append(describe(figure))
    assert descriptions[0] == descriptions[1] != descriptions[2]


def test_axes_that_are_off_have_no_frame():
    figure, ax = plt.subplots()
    ax.imshow(np.zeros((3, 4)))
    ax.set_axis_off()
    assert "Spine" not in describe(figure)
    assert '["AxesImage", 3, 4, 1]' in describe(figure)


def test_a_picture_carries_it_as_the_png_standard_says():
    figure = draw()
    assert png_metadata(figure) == {"Description": describe(figure)}
    assert describe(figure).isascii()


def test_show_displays_the_figure_with_its_text_and_closes_it(monkeypatch):
    shown = []
    monkeypatch.setattr(
        png, "display", lambda *args, **kwargs: shown.append((args, kwargs))
    )
    figure = plt.figure()
    show(figure, alt="A line that rises.")
    ((bundle,), options) = shown[0]
    assert bundle["text/plain"] == "A line that rises."
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert options["metadata"] == {"image/png": {"alt": "A line that rises."}}
    assert not plt.fignum_exists(figure.number)
