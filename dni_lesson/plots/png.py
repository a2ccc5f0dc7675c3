"""A figure as a PNG that also says in words what it shows.

A curve of training has other pixels on another processor: sums are added up in
another order, and after some epochs that shows. What does not change is which
axes there are, what they and their curves are called, which colours they have,
and that something is drawn there. That is written into every PNG, so that a
stored picture can be compared with a fresh one.
"""

import base64
import collections
import io
import json

import matplotlib.pyplot as plt
import seaborn as sns
from IPython.display import display
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text


def show(figure, alt):
    """Displays a figure in a notebook, with a text for those who cannot see it.

    Args:
        figure: Matplotlib figure; it is closed.
        alt: String, one or two sentences: what the figure shows.
    """
    sns.despine(figure)  # Open axes, as in all pictures of the course.
    picture = encode(figure)
    plt.close(figure)
    # The text is the output's plain form too: it stands in where no picture
    # can be shown, and tests can compare it.
    display(
        {"image/png": picture, "text/plain": alt},
        metadata={"image/png": {"alt": alt}},
        raw=True,
    )


def encode(figure):
    """Returns a figure as PNG in base64, as notebooks and pages embed it."""
    buffer = io.BytesIO()
    figure.savefig(
        buffer,
        format="png",
        dpi=100,
        bbox_inches="tight",
        metadata=png_metadata(figure),
    )
    return base64.b64encode(buffer.getvalue()).decode()


def png_metadata(figure):
    """Returns the description as Matplotlib's `metadata` of a PNG."""
    return {"Description": describe(figure)}  # A keyword of the PNG standard.


def describe(figure):
    """Returns what a drawn figure says apart from its values.

    Args:
        figure: Matplotlib figure.

    Returns:
        String of ASCII, a line of JSON for each kind of artist: the figure's
        texts, and of each axes labels, scales, limits and artists. Limits that
        Matplotlib chose are left out, and one is `null` if it was computed: a
        limit that was written down has at most three digits. Equal artists
        share a line that ends with their number. An animated text holds a
        value, so that the line says only that there is one.
    """
    lines = [["figure"], *_describe_artists(figure.texts)]
    for ax in figure.axes:
        frame = {ax.patch, *([] if ax.axison else ax.spines.values())}
        x = ["x", ax.get_xlabel(), ax.get_xscale()]
        y = ["y", ax.get_ylabel(), ax.get_yscale()]
        if not ax.get_autoscalex_on():
            x += map(_written, ax.get_xlim())
        if not ax.get_autoscaley_on():
            y += map(_written, ax.get_ylim())
        artists = [a for a in ax.get_children() if a not in frame]
        lines += [x, y, *_describe_artists(artists)]
    return "\n".join(map(json.dumps, lines))


def _describe_artists(artists):
    descriptions = (_describe(one) for one in artists if one.get_visible())
    counts = collections.Counter(filter(None, descriptions))
    return [[*description, count] for description, count in counts.items()]


def _describe(artist):
    """Returns a tuple, or `None` for an artist that says nothing."""
    kind = type(artist).__name__
    match artist:
        case Text():
            text = "..." if artist.get_animated() else artist.get_text()
            return (kind, text) if artist.get_text() else None
        case Legend():
            return kind, *(text.get_text() for text in artist.get_texts())
        case AxesImage():
            return kind, *artist.get_size()
        case Line2D():
            return (
                kind,
                _label(artist),
                _color(artist.get_color()),
                artist.get_linestyle(),
                str(artist.get_marker()),
                len(artist.get_xdata()),
                _is_in_view(artist),
            )
        case Collection():
            colors = [*artist.get_facecolor(), *artist.get_edgecolor()]
            size = max(len(artist.get_offsets()), len(artist.get_paths()))
            return kind, _label(artist), *map(_color, colors[:1]), size
        case Patch():
            color = _color(artist.get_facecolor())
            return kind, _label(artist), color, artist.get_hatch()
    return None


def _label(artist):
    label = str(artist.get_label())
    return "" if label.startswith("_") else label


def _color(color):
    return to_hex(color, keep_alpha=False)


def _written(limit):
    return limit if float(f"{limit:.3g}") == limit else None


def _is_in_view(line):
    """Whether a point of the line lies within its axes, or on their edge."""
    points = line.get_transform().transform(line.get_xydata())
    box = line.axes.bbox
    inside = (points > box.min - 1) & (points < box.max + 1)  # False for nan.
    return bool(inside.all(axis=1).any())
