"""Recorded gradients, true against synthetic: the panel of lesson 04."""

from dni_lesson.monitors import agreement
from dni_lesson.panels.panel import Explorer, button, choices, dropdown
from dni_lesson.plots import COLORS, plot_gradient_pair
from dni_lesson.plots.style import in_powers_of_ten

import numpy as np
from matplotlib.figure import Figure

_POINTS = 4000  # More make the scatter darker and slower, not clearer.


class GradientPanel(Explorer):
    """Shows one boundary at one recorded moment of one run.

    Args:
        records: Dict from rule to a dict from training step to the list of
            `BoundaryGradient` recorded then, as `boundary_gradients` returns
            it. All rules have the same steps and boundaries. While training
            goes on: a function that returns what there is so far, perhaps an
            empty dict; the panel then has a button to look again.
        rule: String, the rule shown first. Default: the first.
        boundary: Integer, the boundary shown first. Default: the last.
        step: Integer, the step shown first. Default: the middle one.

    Raises:
        ValueError: If the rules differ in steps or boundaries.
    """

    def __init__(self, records, rule=None, boundary=None, step=None):
        is_live = callable(records)
        self._read = records if is_live else lambda: records
        if not is_live:
            _check(records)
        rules, boundaries, steps = _choices(self._read())
        again = [button("Look again", self.look_again)] if is_live else []
        super().__init__(
            "Gradient panel: true against synthetic",
            self._draw_one,
            {
                "rule": dropdown("rule", rules, rule),
                "boundary": dropdown(
                    "boundary", boundaries, boundary or boundaries[-1]
                ),
                "step": choices(
                    "training step",
                    steps,
                    steps[len(steps) // 2] if step is None else step,
                ),
            },
            again,
        )

    def look_again(self):
        """Shows the newest of the records that there are by now."""
        rules, boundaries, steps = _choices(self._read())
        lists = {"rule": rules, "boundary": boundaries, "step": steps}
        with self.hold():
            for name, options in lists.items():
                control, before = self.controls[name], self.controls[name].value
                control.options = options
                control.value = before if before in options else options[-1]
            self.controls["step"].value = steps[-1]

    def _draw_one(self, rule, boundary, step):
        for gradient in self._read().get(rule, {}).get(step, []):
            if gradient.boundary == boundary:
                return gradient_pair(rule, step, gradient)
        raise ValueError(
            "Nothing is recorded here yet. When training has gone on for an "
            "epoch, press Look again."
        )


def _check(records):
    places = {
        tuple((step, g.boundary) for step, row in run.items() for g in row)
        for run in records.values()
    }
    if len(places) != 1 or not next(iter(places)):
        raise ValueError(
            "`records`. Expected the same steps and boundaries for every "
            f"rule, at least one. Received: {len(places)} different sets"
        )


def _choices(records):
    """Returns the rules, boundaries and steps that can be chosen."""
    # Copies, as training may add to them in its thread.
    runs = {rule: dict(run) for rule, run in dict(records).items() if run}
    if not runs:
        return ["none yet"], [1], [0]
    rows = [row for run in runs.values() for row in run.values()]
    boundaries = {gradient.boundary for row in rows for gradient in row}
    steps = set().union(*runs.values())
    return list(runs), sorted(boundaries), sorted(steps)


def gradient_pair(rule, step, gradient):
    """Draws the two gradients of one boundary at one moment.

    Args:
        rule: String, for the title.
        step: Integer, training steps so far, for the title.
        gradient: `BoundaryGradient`.

    Returns:
        `(figure, words)`.
    """
    boundary, true, synthetic, _ = gradient
    figure = Figure(figsize=(9, 3.3), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    figure.suptitle(f"{rule}, boundary {boundary}, step {step}", fontsize=11)
    every = max(1, true.size // _POINTS)
    plot_gradient_pair(true.ravel()[::every], synthetic.ravel()[::every], left)
    _draw_distributions(middle, true, synthetic)
    units = unit_cosines(true, synthetic)
    _draw_units(right, units)
    words = _in_words(boundary, agreement(true, synthetic))
    return figure, words + _units_in_words(units)


def _draw_distributions(axes, true, synthetic):
    limit = max(abs(true).max(), abs(synthetic).max(), 1e-12)
    bins = np.linspace(-limit, limit, 61)
    for values, key in ((true, "true"), (synthetic, "synthetic")):
        axes.hist(
            values.ravel(),
            bins,
            histtype="step",
            linewidth=1.5,
            color=COLORS[key],
            label=key,
            log=True,
        )
    axes.set(xlabel="value of the gradient", ylabel="number of values")
    in_powers_of_ten(axes, "x", limit)
    # The middle is full, and so are both sides below.
    axes.legend(
        loc="upper left",
        fontsize=9,
        frameon=False,
        borderpad=0,
        handlelength=1,
    )
    axes.spines[["top", "right"]].set_visible(False)


def unit_cosines(true, synthetic):
    """Returns for each unit the cosine of its two gradients over a batch.

    Args:
        true: Float array `(batch, units)`; more axes than one of units are
            taken together.
        synthetic: Array of the same shape.

    Returns:
        Float array: `(units,)` without the units whose true or synthetic
        gradient is zero throughout, as that of a unit that never fires.
    """
    true = true.reshape(len(true), -1)
    synthetic = synthetic.reshape(len(synthetic), -1)
    products = np.sum(true * synthetic, axis=0)
    lengths = np.linalg.norm(true, axis=0) * np.linalg.norm(synthetic, axis=0)
    return products[lengths > 0] / lengths[lengths > 0]


def _draw_units(axes, cosines):
    bins = np.linspace(-1, 1, 41)
    axes.hist(cosines, bins, color=COLORS["synthetic"])
    axes.axvline(0, color=COLORS["forward"], linewidth=1)
    axes.axvline(1, color=COLORS["true"], linewidth=1)
    axes.set(xlabel="cosine of one unit", ylabel="number of units")
    axes.spines[["top", "right"]].set_visible(False)


def _units_in_words(cosines):
    if not len(cosines):
        return ""
    low, middle, high = np.quantile(cosines, [0.1, 0.5, 0.9])
    return (
        f" Unit by unit the cosine is {middle:.2f} in the median; for eight "
        f"units in ten it lies between {low:.2f} and {high:.2f}."
    )


def _in_words(boundary, measures):
    if np.isnan(measures["cosine"]):
        return (
            f"At boundary {boundary} one of the gradients is zero everywhere, "
            "so there is no direction to compare. A predictor begins like this."
        )
    levels = {
        0.7: "much the same direction",
        0.3: "partly the same direction",
        0.1: "weakly the same direction",
        -1.0: "hardly any common direction",
    }
    cosine = measures["cosine"]
    direction = next(text for low, text in levels.items() if cosine >= low)
    error = measures["relative_error"]
    verdict = "better" if error < 1 else "no better"
    return (
        f"At boundary {boundary} the cosine is {cosine:.2f}: "
        f"{direction}. {measures['sign_agreement']:.0%} of the signs agree; "
        "half would be chance. The synthetic gradient is "
        f"{measures['norm_ratio']:.2f} times as long as the true one. The "
        f"relative error is {error:.2f}: {verdict} than predicting zero."
    )
