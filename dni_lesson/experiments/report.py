"""A results file as a page to read: Markdown, or HTML with the figures."""

import pathlib

from dni_lesson.experiments.currencies import (
    GROUPED,
    LINKS,
    TARGETS,
    p_that_gives,
    rounds,
    speedup_chain,
    summary,
)
from dni_lesson.experiments.experiment import ARMS
from dni_lesson.experiments.files import REPORTS, check_file
from dni_lesson.experiments.machine import SAME_MACHINE
from dni_lesson.experiments.results import SETTINGS
from dni_lesson.plots import (
    plot_chain,
    plot_currencies,
    plot_speed_against_p,
)
from dni_lesson.plots.png import encode
from dni_lesson.schedules.speed import CLAIM

import mistune
import numpy as np
from matplotlib.figure import Figure

TITLE = "Backprop against synthetic gradients: measured"
NOTE = (
    "Times are medians over rounds in which the arms took turns, in brackets "
    'the quartiles; the columns "x as fast" compare with backprop inside a '
    "round. Errors are test errors, mean over seeds and, in brackets, the "
    "lowest and the highest of them. Peak memory is that of a process that "
    "trains the arm alone. Compiling and evaluating do not count."
)
CHAIN_P = 0.2  # The probability of the public notebook.
# Rows are compared with each other only if they share all of these.
_SHARED = [name for name in (*SETTINGS, *SAME_MACHINE) if name not in GROUPED]
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><style>
body {{ font-family: sans-serif; max-width: 80em; margin: 2em auto;
       padding: 0 1em; line-height: 1.4; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #ccc; padding: 0.3em 0.7em;
         text-align: right; white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; }}
img {{ max-width: 100%; }}
</style></head>
<body>
{body}</body>
</html>
"""


def write(path, frame):
    """Writes the report of a results file.

    Args:
        path: Path that ends with `.md`, or with `.html` for the same tables
            and the figures in one file.
        frame: Rows of `Results`.

    Raises:
        ValueError: If the path ends otherwise.
    """
    check_file("report", path, REPORTS)
    form = page if pathlib.Path(path).suffix == ".html" else markdown
    pathlib.Path(path).write_text(form(frame), encoding="utf-8")


def page(frame):
    """Returns the report as one HTML page that needs no other file."""
    to_html = mistune.create_markdown(escape=True, plugins=["table"])
    body = to_html(markdown(frame, with_figures=True))
    return _PAGE.format(title=TITLE, body=body)


def markdown(frame, with_figures=False):
    """Returns the report of a results file as Markdown."""
    lines = [f"# {TITLE}", "", NOTE]
    for setting, rows in _by_setting(frame):
        lines += ["", setting]
        for title, table in _tables(rows):
            lines += ["", f"## {title}", "", *table]
        for title, figure, text in figures(rows) if with_figures else ():
            picture = f"![{text}](data:image/png;base64,{encode(figure)})"
            lines += ["", f"## {title}", "", picture, "", text]
    lines += ["", "## The arms", ""]
    arms = [arm for arm in ARMS if arm in set(frame["arm"])]
    lines += [f"- `{arm}`: {ARMS[arm].text}." for arm in arms]
    return "\n".join([*lines, ""])


def _by_setting(frame):
    """Yields what rows share, in words, and the rows."""
    for _, rows in frame.groupby(_SHARED, sort=False, dropna=False):
        words = (
            "{data}, batch {batch_size}, {epochs} epochs, Adam "
            "{learning_rate:g}, n = {refresh}. Device {device} "
            "({device_name}), {cpu}, {cores} cores, {threads} threads; "
            "TensorFlow {tensorflow}, Keras {keras}, Python {python}, commit "
        ).format(**rows.iloc[0])
        yield words + ", ".join(sorted(set(rows["commit"]))) + ".", rows


def _tables(frame):
    """Yields, for each depth, width and `p`, a title and a table's lines."""
    table = summary(frame)
    for (depth, units, p), rows in table.groupby(GROUPED, sort=False):
        cells = [_cells(row) for row in rows.to_dict("records")]
        lines = [list(cells[0]), *(row.values() for row in cells)]
        lines = [f"| {' | '.join(line)} |" for line in lines]
        lines.insert(1, "|---" * len(cells[0]) + "|")
        yield f"{depth} layers of {units} units, p = {p:g}", lines


def _cells(row):
    low, high = _number(row["error_low"]), _number(row["error_high"])
    return {
        "arm": row["arm"],
        "seeds": str(row["seeds"]),
        "MACs": f"{row['macs'] / 1e6:.2f} M",
        "ms an iteration": "{ms:.2f} ({ms_low:.2f} to {ms_high:.2f})".format(
            **row
        ),
        "x as fast an iteration": _number(row["per_iteration"]),
        "x as fast a layer-update": _number(row["per_update"]),
        "test error %": f"{row['error']:.2f} ({low} to {high})",
        **{
            f"s to {target:g} %": _number(row[f"time_to_{target:g}"])
            for target in TARGETS
        },
        "peak MiB": _number(row["peak_mib"], digits=0),
    }


def _number(value, digits=2):
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def figures(frame):
    """Yields title, figure and description of what the rows allow.

    Always the error in three currencies, for each depth, width and `p`; where
    `stochastic` was measured at several `p`, its speed against `p`; where the
    arms of `speedup_chain` were measured, the chain.

    Args:
        frame: Rows of `Results` that share their settings.
    """
    for (depth, units, p), rows in rounds(frame).groupby(GROUPED):
        name = f"{depth} layers of {units} units, p = {p:g}"
        yield _currencies(rows, name)
    for (depth, units), rows in frame.groupby(["depth", "units"]):
        name = f"{depth} layers of {units} units"
        stochastic = rounds(rows).query("arm == 'stochastic'")
        if stochastic["p"].nunique() > 1:
            yield _against_p(stochastic, name)
        try:
            chain = speedup_chain(rows, CHAIN_P)
        except ValueError:  # An arm or a probability was not measured.
            continue
        yield _chain(chain, name)


def _currencies(rows, name):
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    plot_currencies(rows, axes=figure.subplots(1, 3, sharey=True))
    return (
        f"Test error in three currencies: {name}",
        figure,
        "The same runs against iterations, layer-updates and seconds; lines "
        "are means over seeds, bands reach from the best to the worst.",
    )


def _against_p(rows, name):
    figure = Figure(figsize=(6, 4), layout="constrained")
    speeds = rows.groupby("p")["per_iteration"].median()
    crossing = p_that_gives(CLAIM, speeds.index, speeds)
    plot_speed_against_p(rows, crossing, figure.subplots())
    place = "nowhere here" if np.isnan(crossing) else f"at p = {crossing:.2f}"
    return (
        f"Speed of stochastic updates: {name}",
        figure,
        "Speed per iteration and per layer-update against the probability p, "
        f"as multiples of backprop's; {CLAIM:g} times as fast {place}.",
    )


def _chain(chain, name):
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    names = [LINKS[link] for link in chain["link"]]
    columns = chain["measured"], chain["counted"]
    plot_chain(names, *columns, ax=figure.subplots())
    words = ", ".join(
        f"{link} {speed:.2f}"
        for link, speed in zip(chain["link"], chain["measured"], strict=True)
    )
    return (
        f"How a speed-up per iteration is put together: {name}",
        figure,
        f"The speed-up after each change, p = {CHAIN_P:g}: {words}.",
    )
