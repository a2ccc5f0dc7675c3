import json

from dni_lesson.plots.describing import describe, png_metadata

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


def mutate_label(figure):
    figure.axes[0].lines[0].set_label("DNI")


def mutate_color(figure):
    figure.axes[0].lines[0].set_color("blue")


def mutate_style(figure):
    figure.axes[0].lines[0].set_linestyle("-")


def mutate_points(figure):
    figure.axes[0].lines[0].set_data([1, 2], [0.5, 0.6])


def remove_curve(figure):
    figure.axes[0].lines[0].remove()


def hide_curve(figure):
    figure.axes[0].lines[0].set_visible(False)


def move_curve_out_of_view(figure):
    figure.axes[0].lines[0].set_ydata([7, 8, 9])


def lose_values(figure):
    figure.axes[0].lines[0].set_ydata([np.nan] * 3)


def add_curve(figure):
    figure.axes[0].plot([1, 2], [0, 1])


def remove_legend(figure):
    figure.axes[0].get_legend().remove()


def mutate_axis_label(figure):
    figure.axes[0].set_xlabel("step")


def mutate_limit(figure):
    figure.axes[0].set_ylim(0, 2)


def mutate_scale(figure):
    figure.axes[1].set_yscale("linear")


def mutate_title(figure):
    figure.axes[0].set_title("another")


def mutate_text(figure):
    figure.axes[1].texts[0].set_text("not that")


def empty_axes(figure):
    figure.axes[1].clear()


def remove_axes(figure):
    figure.axes[1].remove()


def swap_axes(figure):
    left, right = figure.axes
    for ax in (left, right):
        figure.delaxes(ax)
    for ax in (right, left):
        figure.add_axes(ax)


def box_axes(figure):
    figure.axes[0].spines["top"].set_visible(False)


MUTATIONS = [
    mutate_label,
    mutate_color,
    mutate_style,
    mutate_points,
    remove_curve,
    hide_curve,
    move_curve_out_of_view,
    lose_values,
    add_curve,
    remove_legend,
    mutate_axis_label,
    mutate_limit,
    mutate_scale,
    mutate_title,
    mutate_text,
    empty_axes,
    remove_axes,
    swap_axes,
    box_axes,
]


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda one: one.__name__)
def test_another_figure_has_another_description(mutate):
    figure = draw()
    before = describe(figure)
    mutate(figure)
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


@pytest.mark.parametrize(("top", "told"), [(0.85, "0.85"), (0.8512, "null")])
def test_a_limit_that_was_computed_is_not_told(top, told):
    figure = draw()
    figure.axes[0].set_ylim(0, top)
    assert f'["y", "accuracy", "linear", 0.0, {told}]' in describe(figure)


def test_equal_artists_are_told_once():
    figure, ax = plt.subplots()
    ax.bar(range(5), [1.0, 2.0, 3.0, 2.0, 1.0], color="red")
    assert '["Rectangle", "", "#ff0000", null, 5]' in describe(figure)


def test_an_animated_text_holds_a_value():
    figure, told = plt.figure(), []
    text = figure.text(0, 0, "7", animated=True)
    for value in ("7", "9", ""):
        text.set_text(value)
        told.append(describe(figure))
    assert told[0] == told[1] != told[2]


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
