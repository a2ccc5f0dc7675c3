"""What a figure says apart from its values, as text that a picture carries.

A curve of training has other pixels on another processor: sums are added up in
another order, and after some epochs that shows. What does not change is which
axes there are, what they and their curves are called, which colours they have,
and that something is drawn there. That is written into every PNG, so that a
stored picture can be compared with a fresh one.
"""

import collections
import json

from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text


def describe(figure):
    """Returns what a drawn figure says apart from its values.

    Args:
        figure: Matplotlib figure.

    Returns:
        String of ASCII, a line of JSON for each kind of artist: the figure's
        texts, and of each axes labels, scales, limits and artists. Limits that
        Matplotlib found are left out, and one is `null` if it was computed: a
        limit that was written down has at most three digits. Equal artists are
        told once, with their number. An animated text holds a value: only that
        it is there is told.
    """
    lines = [["figure"], *_told(figure.texts)]
    for ax in figure.axes:
        hidden = {ax.patch, *([] if ax.axison else ax.spines.values())}
        lines.append(["x", ax.get_xlabel(), ax.get_xscale()])
        lines.append(["y", ax.get_ylabel(), ax.get_yscale()])
        if not ax.get_autoscalex_on():
            lines[-2] += map(_written, ax.get_xlim())
        if not ax.get_autoscaley_on():
            lines[-1] += map(_written, ax.get_ylim())
        lines += _told(a for a in ax.get_children() if a not in hidden)
    return "\n".join(map(json.dumps, lines))


def png_metadata(figure):
    """Returns the description as Matplotlib's `metadata` of a PNG."""
    return {"Description": describe(figure)}  # A keyword of the PNG standard.


def _told(artists):
    said = (_say(one) for one in artists if one.get_visible())
    counts = collections.Counter(map(json.dumps, filter(None, said)))
    return [[*json.loads(what), count] for what, count in counts.items()]


def _say(artist):
    kind = type(artist).__name__
    match artist:
        case Text():
            text = artist.get_text()
            return text and [kind, "..." if artist.get_animated() else text]
        case Legend():
            return [kind, *(text.get_text() for text in artist.get_texts())]
        case AxesImage():
            return [kind, *artist.get_size()]
        case Line2D():
            look = artist.get_linestyle(), str(artist.get_marker())
            return [kind, _name(artist), _color(artist.get_color()), *look] + [
                len(artist.get_xdata()),
                _is_in_view(artist),
            ]
        case Collection():
            colors = [*artist.get_facecolor(), *artist.get_edgecolor()]
            size = max(len(artist.get_offsets()), len(artist.get_paths()))
            return [kind, _name(artist), *map(_color, colors[:1]), size]
        case Patch():
            color = _color(artist.get_facecolor())
            return [kind, _name(artist), color, artist.get_hatch()]
    return None


def _name(artist):
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
