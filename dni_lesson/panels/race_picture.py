"""The picture of a race, whole or live at little cost, and its text twin.

While training goes on, curves and readings are SVG on a still picture of the
axes. It takes kernel and browser some milliseconds together; a whole picture
would take many, and both cores from training, to be drawn, packed, unpacked and
painted.
"""

import math

from dni_lesson.experiments.racing import digits, samples
from dni_lesson.networks import RULES
from dni_lesson.panels.panel import encode
from dni_lesson.panels.svg import svg
from dni_lesson.plots import COLORS, looks
from dni_lesson.plots.png import png_metadata
from dni_lesson.plots.style import boundary_shades

import numpy as np
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# What the x-axis may show, and its key in a `Log`.
AXES = {
    "iterations": "step",
    "layer-updates": "updates",
    "training seconds": "seconds",
}
_LETTERS = 7  # Of what is read, below each digit.
_SECONDS = 4.0  # Where an axis of seconds ends at first.
_EPOCHS = 40  # The longest race that has its whole axis from the start.
_LEGEND = {
    "fontsize": 8,
    "frameon": False,
    "borderpad": 0,
    "handlelength": 1.6,
    "handletextpad": 0.4,
    "columnspacing": 0.8,
}
# Sizes in inches. A notebook has 7.7 of them on a screen of 1280 pixels, and a
# picture that needs no scaling costs the browser less.
_WIDTH, _ROW, _DIGITS, _LINE = 7.6, 2.0, 0.45, 0.18
_FONT = {"family": "monospace", "fontsize": 9.5, "va": "center"}
_STRIP = 10 * _LETTERS * 0.08  # 8 pixels each, in this size, at 100 an inch.


class RacePicture:
    """A figure whose curves grow.

    Args:
        settings: `Settings` of the race.
        axis: String, one of `AXES`.
    """

    def __init__(self, settings, axis):
        # A rule of one's own keeps its colour, whoever races with it.
        shown = looks((*RULES, *settings.models))
        self._looks = {rule: shown[rule] for rule in settings.rules}
        boundaries = {
            rule: settings.boundaries(rule) for rule in settings.rules
        }
        self._boundaries = {rule: k for rule, k in boundaries.items() if k}
        self._key, self._axis, self._end = AXES[axis], axis, None
        # An axis that grows is drawn anew, in the time of many pictures.
        examples = len(digits()[0][1])
        steps = min(settings.epochs, _EPOCHS) * examples / settings.batch_size
        updates = steps * settings.depth * settings.update_probability
        rooms = {"step": steps, "updates": updates, "seconds": _SECONDS}
        self._room = rooms[self._key]
        strip = _DIGITS + _LINE * len(settings.rules) + 0.15
        count = 2 + len(self._boundaries)
        columns = 3 if count == 3 else 2
        rows = math.ceil(count / columns)
        height = _ROW * rows + strip
        self._figure = Figure(figsize=(_WIDTH, height), dpi=100)
        self._canvas = FigureCanvasAgg(self._figure)
        grid = self._figure.add_gridspec(rows, columns, wspace=0.25, hspace=0.5)
        grid.update(left=0.07, right=0.98, top=1 - 0.25 / height)
        grid.update(bottom=(strip + 0.45) / height)
        places = list(grid)[:count]
        self.axes = [self._figure.add_subplot(place) for place in places]
        self.curves = self._add_curves()
        self.readings = self._add_digits(height)

    def make_room(self, log):
        """Lets the x-axis end beyond what has been measured.

        Args:
            log: `Log`.

        Returns:
            Boolean, whether it ends elsewhere than before.
        """
        room, end = self._room, self._end_of(log)
        while room < end:
            room *= 2
        return self._show_until(room)

    def axes_alone(self):
        """Returns the PNG of what stays while a race goes on."""
        self._canvas.draw()  # All that is not animated.
        return encode(self._canvas)

    def live(self, log):
        """Returns the SVG of what changes, to lie on `axes_alone`.

        Args:
            log: `Log`, for which there is room.
        """
        self._update(log)
        return svg(self._figure, self.curves.values(), self.readings.values())

    def whole(self, log):
        """Returns the PNG of all that has been measured.

        Args:
            log: `Log`, with which the x-axis ends.
        """
        self._show_until(self._end_of(log))
        self._update(log)
        self._canvas.draw()
        for artist in (*self.curves.values(), *self.readings.values()):
            self._figure.draw_artist(artist)
        return encode(self._canvas, png_metadata(self._figure))

    def _end_of(self, log):
        ends = [rows[self._key][-1] for rows in log.losses.values()]
        return max(ends, default=0) or self._room

    def _show_until(self, end):
        """Returns whether the x-axis ended elsewhere before."""
        if end == self._end:
            return False
        self._end = end
        for ax in self.axes:
            ax.set_xlim(0, 1.02 * end)
        return True

    def _update(self, log):
        for key, curve in self.curves.items():
            curve.set_data(*self._points(log, *key))
        for rule, text in self.readings.items():
            text.set_text(reading_line(log.history.get(rule)))

    def _points(self, log, what, rule):
        rows = (log.losses if what == "loss" else log.history).get(rule)
        if rows is None:
            return [], []
        if isinstance(what, int):
            return rows[self._key], [
                cosines[what] for cosines in rows["cosine"]
            ]
        return rows[self._key], rows[what]

    def _add_curves(self):
        loss, accuracy, *cosines = self.axes
        curves = {}
        for rule, (name, color, line) in self._looks.items():
            for what, ax in (("loss", loss), ("val_accuracy", accuracy)):
                style = line + "o" * (ax is accuracy)
                curves[what, rule] = _curve(ax, style, color, name)
        for (rule, boundaries), ax in zip(
            self._boundaries.items(), cosines, strict=True
        ):
            name, color, _ = self._looks[rule]
            shades = boundary_shades(color, len(boundaries))
            for k, shade in enumerate(shades):
                label = boundaries[k] if k else f"boundary {boundaries[0]}"
                curves[k, rule] = _curve(ax, "-o", shade, label)
            _finish(ax, self._axis, f"{name}: gradient cosine")
            ax.axhline(0, color=COLORS["forward"], linewidth=1, zorder=0)
            ax.set(ylim=(-0.3, 1.05))
            place = {"loc": "upper left", "ncols": len(boundaries)}
            ax.legend(**place, **_LEGEND)
        _finish(loss, self._axis, "training loss")
        loss.set(yscale="log", ylim=(1e-3, 5))
        _finish(accuracy, self._axis, "test accuracy")
        accuracy.set(ylim=(0, 1.05))
        if self._looks:
            accuracy.legend(loc="lower right", **_LEGEND)
        return curves

    def _add_digits(self, height):
        left = 0.98 - _STRIP / _WIDTH
        bottom = (_LINE * len(self._looks) + 0.1) / height
        ax = self._figure.add_axes(
            (left, bottom, _STRIP / _WIDTH, _DIGITS / height)
        )
        ax.imshow(_side_by_side(samples()), cmap="gray_r", aspect="equal")
        ax.set_axis_off()
        self._figure.text(
            0.02, bottom + 0.15 / height, "read so (✗: wrong)", fontsize=9
        )
        texts = {}
        for line, (rule, look) in enumerate(self._looks.items()):
            y = bottom - (0.5 + line) * _LINE / height
            self._figure.text(0.02, y, look.name, **_FONT)
            texts[rule] = self._figure.text(left, y, "", animated=True, **_FONT)
        return texts


def _curve(ax, style, color, label):
    look = {"color": color, "markersize": 3, "animated": True}
    (curve,) = ax.plot([], [], style, label=label, **look)
    return curve


def _finish(ax, xlabel, title):
    ax.set_title(title, fontsize=10, loc="left")
    ax.set_xlabel(xlabel, fontsize=9, labelpad=1)
    ax.tick_params(labelsize=9)
    ax.locator_params(axis="x", nbins=5)
    sns.despine(ax=ax)


def _side_by_side(images):
    """Returns the digits in a row, each in the middle of its letters' width."""
    room = round(28 * (_STRIP / 10 / _DIGITS - 1) / 2)
    padded = np.pad(images.reshape(-1, 28, 28), ((0, 0), (0, 0), (room, room)))
    return np.hstack(padded)


def in_words(log):
    """Returns the text twin of the picture, empty before the first turn."""
    if not log.losses:
        return ""
    columns = {
        "Iterations a second": {
            rule: f"{rows['step'][-1] / rows['seconds'][-1]:.0f}"
            for rule, rows in log.losses.items()
        },
        "Training loss": {
            rule: f"{rows['loss'][-1]:.3f}" for rule, rows in log.losses.items()
        },
        "Test accuracy": {
            rule: f"{rows['val_accuracy'][-1]:.1%}"
            for rule, rows in log.history.items()
        },
        "Cosine of the synthetic with the true gradient, from boundary 1 up": {
            rule: ", ".join(f"{cosine:.2f}" for cosine in rows["cosine"][-1])
            for rule, rows in log.history.items()
            if not np.all(np.isnan(rows["cosine"][-1]))
        },
        "Of the ten digits shown, read wrongly": {
            rule: str(reading_line(rows).count("✗"))
            for rule, rows in log.history.items()
        },
    }
    return " ".join(
        f"{name}: "
        + ("; " if "boundary" in name else ", ").join(
            f"{look.name} {column[rule]}"
            for rule, look in looks(column).items()
        )
        + "."
        for name, column in columns.items()
        if column
    )


def standing(state, settings, log):
    """Returns a sentence on how far a race has come.

    Args:
        state: String, see `RacePanel.state`.
        settings: `Settings` of the race.
        log: `Log`.
    """
    if state == "ready":
        return "Ready: press Run."
    if not log.losses:
        return "Running: Keras prepares each network for some seconds."
    epochs = f"{log.epochs(settings.rules)} of {settings.epochs} epochs"
    return f"{state.capitalize()}: {epochs}."


def reading_line(rows):
    """Returns what a rule reads in the ten digits, a cell for each.

    Args:
        rows: The rule's `history`, see `Log`, or `None`.
    """
    if not rows:
        return ""
    cells = [
        str(read) if read == digit else f"{read} ✗"
        for digit, read in enumerate(rows["reading"][-1])
    ]
    return "".join(cell.center(_LETTERS) for cell in cells)
