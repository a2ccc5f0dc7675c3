import re
from xml.etree import ElementTree

from dni_lesson.panels.svg import svg

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

NAN = float("nan")


@pytest.fixture
def ax():
    figure = Figure(figsize=(4, 2), dpi=100)
    made = figure.add_axes((0.25, 0.5, 0.5, 0.25))
    made.set(xlim=(0, 10), ylim=(1e-3, 10), yscale="log")
    return made


def parts(ax, lines=(), texts=()):
    """Returns the parts of the SVG in document order, by tag."""
    root = ElementTree.fromstring(svg(ax.figure, lines, texts))
    assert root.get("viewBox") == "0 0 400 200"
    return {tag: list(root.iter(tag)) for tag in ("svg", "path", "text")}


def places(path):
    """Returns the pen's moves, and where they lead to."""
    found = re.findall(r"([ML])([-\d.]+) ([-\d.]+)", path.get("d"))
    moves, xs, ys = zip(*found, strict=True)
    return "".join(moves), np.array([xs, ys], float).T


def test_a_line_is_where_the_figure_has_it(ax):
    (line,) = ax.plot([0, 5, 20], [1e-3, 0.1, 10], color="tab:red")
    ax.set(xlim=(0, 10), ylim=(1e-3, 10))
    found = parts(ax, [line])
    _, frame = found["svg"]
    assert frame.get("viewBox") == "100.0 50.0 200.0 50.0"  # Cuts what is out.
    moves, at = places(found["path"][0])
    assert moves == "MLL"
    np.testing.assert_allclose(at, [(100, 100), (200, 75), (500, 50)])
    assert found["path"][0].get("stroke") == to_hex("tab:red")


def test_nan_is_a_gap(ax):
    (line,) = ax.plot([1, 2, 3, 4], [1, NAN, 1, 1])
    moves, _ = places(parts(ax, [line])["path"][0])
    assert moves == "MML"


def test_marks_are_dots_at_every_point(ax):
    (line,) = ax.plot([1, 2, 3], [1, 1, 1], "-o")
    _, dots = parts(ax, [line])["path"]
    assert places(dots)[0] == "MMM"
    assert dots.get("stroke-linecap") == "round"


@pytest.mark.parametrize(
    ("style", "dashes"), [("-", 0), ("--", 2), (":", 2), ("-.", 4)]
)
def test_lines_keep_their_dashes(ax, style, dashes):
    (line,) = ax.plot([1, 2], [1, 1], style)
    (path,) = parts(ax, [line])["path"]
    assert len(path.get("stroke-dasharray", "").split()) == dashes


def test_a_line_without_points_is_nothing(ax):
    (line,) = ax.plot([], [], "-o")
    assert parts(ax, [line])["path"] == []


def test_a_long_line_stays_short(ax):
    (line,) = ax.plot(np.linspace(0, 10, 100_000), np.ones(100_000))
    moves, at = places(parts(ax, [line])["path"][0])
    assert 250 < len(moves) <= 500
    assert at[-1, 0] == pytest.approx(300, abs=1)


def test_a_text_keeps_place_spaces_and_width(ax):
    text = ax.figure.text(
        0.5, 0.25, " 1  2", family="monospace", fontsize=7.2, va="center"
    )
    (found,) = parts(ax, texts=[text])["text"]
    assert found.text.replace("\N{NO-BREAK SPACE}", " ") == " 1  2"
    assert " " not in found.text  # Pages shorten rows of those.
    assert (found.get("x"), found.get("y")) == ("200.0", "150.0")
    canvas = FigureCanvasAgg(ax.figure)
    drawn = text.get_window_extent(canvas.get_renderer()).width
    assert float(found.get("textLength")) == pytest.approx(drawn, abs=1.5)
