"""The figures that the rows of a results file allow."""

from dni_lesson.experiments.headline import LINKS, p_that_gives, speedup_chain
from dni_lesson.experiments.summary import GROUPED, rounds
from dni_lesson.plots import (
    plot_chain,
    plot_currencies,
    plot_speed_against_p,
)
from dni_lesson.schedules.speed import CLAIM

import numpy as np
from matplotlib.figure import Figure

CHAIN_P = 0.2  # The probability of the public notebook.


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
