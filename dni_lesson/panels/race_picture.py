"""The picture of a race: a whole one, and a live one that costs little.

While training goes on, curves and readings are SVG on a still picture of the
axes. It takes kernel and browser some milliseconds together; a whole picture
would take many, and both cores from training, to be drawn, packed, unpacked and
painted.
"""

import math

from dni_lesson import plots
from dni_lesson.panels.panel import encode
from dni_lesson.panels.race_words import LETTERS, reading_line
from dni_lesson.panels.racer import PREDICTING
from dni_lesson.panels.racing import EXAMPLES, samples
from dni_lesson.panels.svg import svg
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
_STRIP = 10 * LETTERS * 0.08  # 8 pixels each, in this size, at 100 an inch.


class RacePicture:
    """A figure whose curves grow.

    Args:
        settings: `Settings` of the race.
        axis: String, one of `AXES`.
    """

    def __init__(self, settings, axis):
        self._rules, self._boundaries = settings.rules, settings.depth - 1
        self._looks = plots.looks(settings.rules)
        self._predicting = [r for r in settings.rules if r in PREDICTING]
        self._key, self._axis, self._end = AXES[axis], axis, None
        # An axis that grows is drawn anew, in the time of many pictures.
        steps = min(settings.epochs, _EPOCHS) * EXAMPLES / settings.batch_size
        updates = steps * settings.depth * settings.update_probability
        rooms = {"step": steps, "updates": updates, "seconds": _SECONDS}
        self._room = rooms[self._key]
        strip = _DIGITS + _LINE * len(settings.rules) + 0.15
        count = 2 + len(self._predicting)
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
        for rule, ax in zip(self._predicting, cosines, strict=True):
            name, color, _ = self._looks[rule]
            shades = boundary_shades(color, self._boundaries)
            for k, shade in enumerate(shades):
                label = k + 1 if k else "boundary 1"
                curves[k, rule] = _curve(ax, "-o", shade, label)
            _finish(ax, self._axis, f"{name}: gradient cosine")
            ax.axhline(0, color=plots.COLORS["forward"], linewidth=1, zorder=0)
            ax.set(ylim=(-0.3, 1.05))
            place = {"loc": "upper left", "ncols": self._boundaries}
            ax.legend(**place, **_LEGEND)
        _finish(loss, self._axis, "training loss")
        loss.set(yscale="log", ylim=(1e-3, 5))
        _finish(accuracy, self._axis, "test accuracy")
        accuracy.set(ylim=(0, 1.05))
        if self._rules:
            accuracy.legend(loc="lower right", **_LEGEND)
        return curves

    def _add_digits(self, height):
        left = 0.98 - _STRIP / _WIDTH
        bottom = (_LINE * len(self._rules) + 0.1) / height
        ax = self._figure.add_axes(
            (left, bottom, _STRIP / _WIDTH, _DIGITS / height)
        )
        _, images = samples()
        ax.imshow(_side_by_side(images), cmap="gray_r", aspect="equal")
        ax.set_axis_off()
        self._figure.text(
            0.02, bottom + 0.15 / height, "read so (✗: wrong)", fontsize=9
        )
        texts = {}
        for line, rule in enumerate(self._rules):
            y = bottom - (0.5 + line) * _LINE / height
            self._figure.text(0.02, y, self._looks[rule].name, **_FONT)
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
