"""What every panel is: controls, a picture, and the picture in words.

Pictures are drawn with `matplotlib.figure.Figure` on Agg, away from pyplot, and
sent as PNG to an image widget: drawing then works from any thread, leaves no
open figures behind and prints nothing into the cell. Controls have a label, one
width, and stand in columns.
"""

import base64
import contextlib
import html
import io
import threading

from dni_lesson.plots.png import png_metadata

import ipywidgets as widgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imsave

_DPI = 100
# JupyterLab leaves a notebook about 590 px on a screen of 1024: one column.
_COLUMN = "330px"


class Panel(widgets.VBox):
    """Controls above a picture above the same picture in words.

    A panel shows itself as the last expression of a cell. Where no kernel is
    running, as in a notebook on a web page, the notebook shows the still
    picture and `repr(panel)` instead, and has the words in its metadata.

    Args:
        name: String, what the panel is; its `repr` is `<name>`.
        controls: List of widgets, from top to bottom.
        below: List of widgets below the words. Default: none.
        above: Widget that lies on the picture. Default: none.
    """

    def __init__(self, name, controls, below=(), above=None):
        self._name = name
        # Without width="auto" a box stretches its images.
        self.picture = widgets.Image(
            format="png", layout=widgets.Layout(width="auto", max_width="100%")
        )
        self.words, self._plain_words = widgets.HTML(), ""
        shown = stack(self.picture, above) if above else self.picture
        super().__init__([*controls, shown, self.words, *below])
        self.add_class("dni-panel")

    def show(self, picture, words):
        """Shows a picture and its text twin.

        Args:
            picture: Bytes, a PNG.
            words: String, what the picture shows, with its numbers.
        """
        self.picture.value = picture
        self.say(words)

    def say(self, words, role="status"):
        """Shows words and leaves the picture as it is.

        Args:
            words: String.
            role: String, `"status"`, or `"alert"` for what went wrong.
        """
        self._plain_words = words
        # Without line-height, a widget's text has the height of a slider.
        text = html.escape(words)
        self.words.value = (
            f"<p role='{role}' style='line-height: 1.5'>{text}</p>"
        )

    def __repr__(self):
        return f"<{self._name}>"

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = repr(self)
        if not self.picture.value:
            return bundle
        bundle["image/png"] = base64.b64encode(self.picture.value).decode()
        metadata = {"alt": repr(self), "words": self._plain_words}
        return bundle, {"image/png": metadata}


class Explorer(Panel):
    """A panel that redraws whenever one of its controls changes.

    Args:
        name: String, what the panel is.
        draw: Pure function from the controls' values, by keyword, to a figure
            and its text twin.
        controls: Dict from argument name of `draw` to a widget with a value.
        buttons: Buttons between the controls and the picture. Default: none.

    Attributes:
        controls: That dict.
    """

    def __init__(self, name, draw, controls, buttons=()):
        super().__init__(name, [grid(controls.values()), row(buttons)])
        self._draw, self.controls, self._waits = draw, controls, False
        # Controls may be moved from several threads; the last one wins.
        self._lock = threading.RLock()
        for control in controls.values():
            control.observe(self._redraw, names="value")
        self._redraw()

    @contextlib.contextmanager
    def hold(self):
        """Changes several controls inside it and redraws once, at its end."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
        self._redraw()

    def _redraw(self, change=None):
        if self._waits:
            return
        with self._lock:
            values = {k: control.value for k, control in self.controls.items()}
            try:
                figure, words = self._draw(**values)
            except ValueError as error:  # A setting that cannot be drawn.
                self.say(str(error), role="alert")
            else:
                self.show(png(figure), words)


def png(figure):
    """Returns the figure as PNG bytes."""
    figure.set_dpi(_DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return encode(canvas, png_metadata(figure))


def encode(canvas, metadata=None):
    """Returns what an Agg canvas holds as PNG bytes.

    Args:
        canvas: `FigureCanvasAgg`, drawn.
        metadata: Dict, texts for the PNG to carry. Default: none.
    """
    buffer = io.BytesIO()
    imsave(
        buffer,
        np.asarray(canvas.buffer_rgba()),
        format="png",
        metadata=metadata,
        # The lowest: a live picture is looked at once, and must not wait.
        pil_kwargs={"compress_level": 1},
    )
    return buffer.getvalue()


def grid(controls):
    """Returns a box with as many columns of controls as there is room for."""
    columns = f"repeat(auto-fill, minmax({_COLUMN}, 1fr))"
    layout = widgets.Layout(grid_template_columns=columns, grid_gap="0 1.5em")
    return widgets.GridBox(list(controls), layout=layout)


def row(controls):
    """Returns a box with controls side by side, wrapped where they must."""
    layout = widgets.Layout(flex_flow="row wrap", align_items="center")
    return widgets.HBox(list(controls), layout=layout)


def sheet(name):
    """Returns an empty widget for SVG, of a CSS class, to lie on a picture."""
    return widgets.HTML().add_class(name)


def stack(widget, above):
    """Returns a box in which one widget lies on another."""
    for layer in (widget, above):
        layer.layout.grid_area = "1 / 1 / 2 / 2"
        layer.layout.margin = "0"  # Widths in percent leave no room for it.
    return widgets.GridBox([widget, above])


def slider(description, low, high, value, step=1):
    """Returns a labelled slider that acts when it is let go."""
    kind = widgets.FloatSlider if isinstance(step, float) else widgets.IntSlider
    limits = {"min": low, "max": high, "step": step}
    return _labelled(
        kind, description, value=value, continuous_update=False, **limits
    )


def choices(description, options, value):
    """Returns a labelled slider over a list of values, no two alike."""
    return _labelled(
        widgets.SelectionSlider,
        description,
        options=options,
        value=value,
        continuous_update=False,
    )


def dropdown(description, options, value=None):
    """Returns a labelled drop-down list; `value` by default the first."""
    chosen = {} if value is None else {"value": value}
    return _labelled(widgets.Dropdown, description, options=options, **chosen)


def count(description, low, high, value):
    """Returns a labelled field for an integer, which acts when it is left."""
    limits = {"min": low, "max": high}
    return _labelled(widgets.BoundedIntText, description, value=value, **limits)


def line(description):
    """Returns a labelled line of text, to be copied."""
    return _labelled(widgets.Text, description)


def _labelled(kind, description, **options):
    return kind(
        description=description,
        style={"description_width": "11em"},
        layout=widgets.Layout(width="auto"),
        **options,
    )


def checkbox(description, value):
    """Returns a box to tick, with its name beside it."""
    return widgets.Checkbox(
        value=value,
        description=description,
        indent=False,
        layout=widgets.Layout(width="auto", margin="0 1.5em 0 0"),
    )


def button(description, act):
    """Returns a button that calls `act` without arguments."""
    made = widgets.Button(
        description=description, layout=widgets.Layout(width="7em")
    )
    made.on_click(lambda _: act())
    return made
