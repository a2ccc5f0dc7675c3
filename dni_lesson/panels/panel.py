"""What every panel is: controls, a picture, and the picture in words.

Pictures are drawn with `matplotlib.figure.Figure` on Agg, away from pyplot, and
sent as PNG to an image widget: drawing then works from any thread, leaves no
open figures behind and prints nothing into the cell.
"""

import base64
import html
import io

import ipywidgets as widgets
from matplotlib.backends.backend_agg import FigureCanvasAgg

_DPI = 100


class Panel(widgets.VBox):
    """Controls above a picture above the same picture in words.

    A panel shows itself as the last expression of a cell. Where no kernel is
    running, as in a notebook on a web page, the notebook shows the still
    picture and `repr(panel)` instead.

    Args:
        name: String, what the panel is; its `repr` is `<name>`.
        controls: List of widgets, each with a description.
    """

    def __init__(self, name, controls):
        self._name = name
        # Without width="auto" a box stretches its images.
        self.picture = widgets.Image(
            format="png", layout=widgets.Layout(width="auto", max_width="100%")
        )
        self.words = widgets.HTML()
        self.controls = widgets.HBox(
            controls, layout=widgets.Layout(flex_flow="row wrap")
        )
        super().__init__([self.controls, self.picture, self.words])
        self.add_class("dni-panel")

    def show(self, figure, words):
        """Shows a figure and its text twin.

        Args:
            figure: A `matplotlib.figure.Figure` made without pyplot.
            words: String, what the picture shows, with its numbers.
        """
        self.picture.value = png(figure)
        self.words.value = f"<p role='status'>{html.escape(words)}</p>"

    def __repr__(self):
        return f"<{self._name}>"

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = repr(self)
        bundle["image/png"] = base64.b64encode(self.picture.value).decode()
        return bundle, {"image/png": {"alt": repr(self)}}


class Explorer(Panel):
    """A panel that redraws whenever one of its controls changes.

    Args:
        name: String, what the panel is.
        draw: Pure function from the controls' values, by keyword, to a figure
            and its text twin.
        controls: Dict from argument name of `draw` to widget.
    """

    def __init__(self, name, draw, controls):
        super().__init__(name, list(controls.values()))
        self._draw, self._named = draw, controls
        for control in controls.values():
            control.observe(self._redraw, names="value")
        self._redraw()

    def _redraw(self, change=None):
        values = {name: one.value for name, one in self._named.items()}
        try:
            figure, words = self._draw(**values)
        except ValueError as error:  # A setting that cannot be drawn.
            self.words.value = f"<p role='alert'>{html.escape(str(error))}</p>"
        else:
            self.show(figure, words)


def png(figure):
    """Returns the figure as PNG bytes."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(
        buffer, format="png", dpi=_DPI, pil_kwargs={"compress_level": 1}
    )
    return buffer.getvalue()


def slider(description, low, high, value, step=1, **kwargs):
    """Returns a labelled slider that acts when it is let go."""
    kind = widgets.FloatSlider if isinstance(step, float) else widgets.IntSlider
    return kind(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
        continuous_update=False,
        style={"description_width": "initial"},
        **kwargs,
    )


def dropdown(description, options, value=None):
    """Returns a labelled drop-down list."""
    return widgets.Dropdown(
        options=options,
        value=value if value is not None else next(iter(options)),
        description=description,
        style={"description_width": "initial"},
    )
