"""The controls of panels: labelled, of one width, in columns."""

import ipywidgets as widgets

_LABEL = {"description_width": "11em"}
# JupyterLab leaves a notebook about 590 px on a screen of 1024: one column.
_COLUMN = "330px"


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
    for one in (widget, above):
        one.layout.grid_area = "1 / 1 / 2 / 2"
        one.layout.margin = "0"  # Widths in percent leave no room for it.
    return widgets.GridBox([widget, above])


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
        style=_LABEL,
        layout=widgets.Layout(width="auto"),
        **kwargs,
    )


def count(description, low, high, value):
    """Returns a labelled field for an integer, which acts when it is left."""
    return widgets.BoundedIntText(
        value=value,
        min=low,
        max=high,
        description=description,
        style=_LABEL,
        layout=widgets.Layout(width="auto"),
    )


def choices(description, options, value):
    """Returns a labelled slider over a list of values, no two alike."""
    return widgets.SelectionSlider(
        options=options,
        value=value,
        description=description,
        continuous_update=False,
        style=_LABEL,
        layout=widgets.Layout(width="auto"),
    )


def dropdown(description, options, value=None):
    """Returns a labelled drop-down list; `value` by default the first."""
    if value is None:
        first = next(iter(options))
        value = options[first] if isinstance(options, dict) else first
    return widgets.Dropdown(
        options=options,
        value=value,
        description=description,
        style=_LABEL,
        layout=widgets.Layout(width="auto"),
    )


def checkbox(description, value):
    """Returns a labelled box to tick."""
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


def line(description):
    """Returns a labelled line of text, to be copied."""
    return widgets.Text(
        description=description,
        style=_LABEL,
        layout=widgets.Layout(width="auto"),
    )
