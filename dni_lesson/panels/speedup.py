"""When does decoupling pay? The panel of lessons 05, 07 and 10."""

import functools

from dni_lesson.panels.panel import Explorer, choices, dropdown, slider
from dni_lesson.schedules import (
    CLAIM,
    max_speedup,
    split,
    step_time,
    timetable,
)

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

DELAYS = (0, 0.5, 1, 2, 5, 10, 20, 50)  # ms
_MOST_WORKERS = 8
_PREDICTORS = {
    "linear, sees the label": "linear",
    "softmax": "softmax",
    "two layers of 1024": (1024, 1024),
    "free": None,
}
# A mini-batch of locked training does not touch the next one; decoupled
# workers need some until they run evenly.
_FEW, _MANY = 2, 40
# White where nobody wins; safe for colour-blind readers.
_COLORS = {"cmap": "PuOr_r", "norm": LogNorm(1 / 20, 20)}


class SpeedupPanel(Explorer):
    """Shows where decoupled training would be faster, and by how much.

    Args:
        measured: `pandas.DataFrame` with the columns `workers`,
            `link_delay_ms` and `speedup`, over locked backprop on the same
            workers; it is drawn into the map. Default: none.

    Raises:
        ValueError: If a column is missing.

    Example:

    >>> SpeedupPanel()
    <Speed-up panel: predicted for workers and link delays>
    """

    def __init__(self, measured=None):
        wanted = ["workers", "link_delay_ms", "speedup"]
        if measured is not None and not {*wanted} <= {*measured.columns}:
            raise ValueError(
                f"`measured`. Expected the columns {', '.join(wanted)}. "
                f"Received: {', '.join(map(str, measured.columns))}"
            )

        super().__init__(
            "Speed-up panel: predicted for workers and link delays",
            functools.partial(speedup, measured=measured),
            {
                "layers": slider("weight layers", 2, 10, 4),
                "units": dropdown("units", (64, 128, 256, 384, 512, 1024), 256),
                "predictor": dropdown("predictor", list(_PREDICTORS)),
                "step_ms": choices(
                    "step on 1 worker, ms", (1, 2, 5, 10, 20, 50, 100, 200), 5
                ),
            },
        )


def speedup(layers, units, predictor, step_ms, measured=None):
    """Draws the predicted speed-up over workers and link delay.

    Time is taken to be proportional to multiply-accumulates.

    Args:
        layers: Integer >= 2, the weight layers of an MLP for MNIST.
        units: Integer >= 1, the width of its hidden layers.
        predictor: String, one of the choices of the panel.
        step_ms: Float > 0, how long one worker needs for a mini-batch of
            backprop, in ms.
        measured: As in `SpeedupPanel`.

    Returns:
        `(figure, words)`.
    """
    workers = list(range(2, min(layers, _MOST_WORKERS) + 1))
    splits = [
        split(layers, units, _PREDICTORS[predictor], step_ms, count)
        for count in workers
    ]
    gains = np.array([_gains(costs) for costs in splits])
    bounds = [max_speedup(*costs) for costs in splits]
    figure = _draw(workers, gains, bounds, measured)
    words = _say(workers, gains, bounds)
    return figure, words + _compare(workers, gains, measured)


def _gains(costs):
    """Returns how many times as fast as locked, for each of `DELAYS`."""
    # Links cost decoupled workers no time: gradients only come later.
    decoupled = step_time(timetable("decoupled", *costs, minibatches=_MANY))
    locked = [
        timetable("locked", *costs, link_delay=delay, minibatches=_FEW)
        for delay in DELAYS
    ]
    return [step_time(events) / decoupled for events in locked]


def _draw(workers, gains, bounds, measured):
    figure = Figure(
        figsize=(8, 1.1 + 0.42 * len(workers)), layout="constrained"
    )
    left, right = figure.subplots(1, 2, width_ratios=(len(DELAYS), 1.2))
    boxes = " (in boxes: measured)" if measured is not None else ""
    title = f"times as fast as locked backprop, same workers{boxes}"
    _draw_map(left, gains, title)
    _draw_map(right, np.array(bounds)[:, None], "as one worker")
    left.set_xticks(range(len(DELAYS)), [f"{delay:g}" for delay in DELAYS])
    left.set_xlabel("link delay, ms")
    left.set_ylabel("workers")
    right.set_xticks([0], ["any"])
    right.set_xlabel("link delay")
    for ax in (left, right):
        ax.set_yticks(range(len(workers)), workers)
    if measured is not None:
        _draw_measured(left, workers, measured)
    return figure


def _draw_map(ax, values, title):
    ax.imshow(values, origin="lower", aspect="auto", **_COLORS)
    ax.set_title(title, fontsize=10, loc="left")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        ax.text(
            column,
            row,
            f"{value:.2g}" if value < 10 else f"{value:.0f}",
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold" if value >= CLAIM else "normal",
            color="white" if value > 8 or value < 1 / 8 else "black",
        )


def _draw_measured(ax, workers, measured):
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white"}
    for point in measured[measured["workers"].isin(workers)].itertuples():
        x = np.interp(point.link_delay_ms, DELAYS, range(len(DELAYS)))
        # Above the prediction, so that both can be read.
        y = workers.index(point.workers) + 0.32
        text = f"{point.speedup:.2g}"
        ax.text(x, y, text, ha="center", va="center", fontsize=7, bbox=box)


def _say(workers, gains, bounds):
    most = int(np.argmax(bounds))
    words = (
        "Predicted, decoupled over locked backprop on the same workers: "
        f"{gains[0, 0]:.2g} times as fast with {workers[0]} workers and no "
        f"link delay, {gains[-1, 0]:.2g} times with {workers[-1]}; at "
        f"{DELAYS[-1]} ms {gains[0, -1]:.2g} and {gains[-1, -1]:.3g} times. "
        "The bound over backprop on one worker, at any link delay: "
        f"{bounds[most]:.2f} times, with {workers[most]} workers"
    )
    if bounds[most] < 1:
        words += ": one worker by itself is faster"
    return words + f". {_threefold(workers, gains)}"


def _threefold(workers, gains):
    places = [
        f"from {DELAYS[np.argmax(row >= CLAIM)]:g} ms on with {count} workers"
        for count, row in zip(workers, gains, strict=True)
        if row.max() >= CLAIM
    ]
    if not places:
        return "Nowhere on this map is it 3 times as fast as locked backprop."
    return f"3 times as fast as locked backprop: {'; '.join(places[:3])}."


def _compare(workers, gains, measured):
    """Says how far measured points are from predicted ones."""
    if measured is None:
        return ""
    points = measured[measured["workers"].isin(workers)]
    if points.empty:
        return " None of the measured points has so many workers."
    predicted = [
        np.interp(
            point.link_delay_ms, DELAYS, gains[workers.index(point.workers)]
        )
        for point in points.itertuples()
    ]
    ratios = points["speedup"] / predicted
    return (
        f" {len(ratios)} measured points: they are {min(ratios):.2f} to "
        f"{max(ratios):.2f} times what is predicted, "
        f"{np.median(ratios):.2f} in the median."
    )
