"""True against synthetic gradients, as recorded while a network trained."""

from dni_lesson.gradients import agreement
from dni_lesson.panels.panel import Explorer, choices, dropdown
from dni_lesson.plots import COLORS, plot_gradient_pair

import numpy as np
from matplotlib.figure import Figure

_POINTS = 4000  # More make the scatter darker and slower, not clearer.


class GradientPanel(Explorer):
    """Shows one boundary at one recorded moment of one run.

    Args:
        records: Dict from rule to a dict from training step to the list of
            `BoundaryGradient` recorded then, as `boundary_gradients` returns
            it. All rules with the same steps and boundaries.
        rule: String, the rule shown first. Default: the first.
        boundary: Integer, the boundary shown first. Default: the last.
        step: Integer, the step shown first. Default: the middle one.

    Raises:
        ValueError: If the rules differ in steps or boundaries.
    """

    def __init__(self, records, rule=None, boundary=None, step=None):
        keys = {
            tuple((s, g.boundary) for s, row in run.items() for g in row)
            for run in records.values()
        }
        if len(keys) != 1 or not (pairs := next(iter(keys))):
            raise ValueError(
                "`records`. Expected the same steps and boundaries for every "
                f"rule, at least one. Received: {len(keys)} different sets"
            )
        steps = sorted({s for s, _ in pairs})
        boundaries = sorted({k for _, k in pairs})

        def draw(rule, boundary, step):
            row = {g.boundary: g for g in records[rule][step]}
            return gradient_pair(rule, step, row[boundary])

        controls = {
            "rule": dropdown("rule", list(records), rule),
            "boundary": dropdown(
                "boundary", boundaries, boundary or max(pairs)[1]
            ),
            "step": choices(
                "training step",
                steps,
                steps[len(steps) // 2] if step is None else step,
            ),
        }
        super().__init__(
            "Gradient panel: true against synthetic", draw, controls
        )


def gradient_pair(rule, step, gradient):
    """Returns the figure and its words for one boundary at one moment.

    Args:
        rule: String, for the title.
        step: Integer, training steps so far, for the title.
        gradient: `BoundaryGradient`.
    """
    boundary, true, synthetic = gradient
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle(f"{rule}, boundary {boundary}, step {step}", fontsize=11)
    every = max(1, true.size // _POINTS)
    plot_gradient_pair(true.ravel()[::every], synthetic.ravel()[::every], left)
    left.ticklabel_format(style="sci", scilimits=(0, 0))
    _draw_distributions(right, true, synthetic)
    return figure, _in_words(boundary, agreement(true, synthetic))


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
    axes.ticklabel_format(axis="x", style="sci", scilimits=(0, 0))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


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
    direction = next(
        t for low, t in levels.items() if measures["cosine"] >= low
    )
    error = measures["relative_error"]
    verdict = "better" if error < 1 else "no better"
    return (
        f"At boundary {boundary} the cosine is {measures['cosine']:.2f}: "
        f"{direction}. {measures['sign_agreement']:.0%} of the signs agree; "
        "half would be chance. The synthetic gradient is "
        f"{measures['norm_ratio']:.2f} times as long as the true one. The "
        f"relative error is {error:.2f}: {verdict} than predicting zero."
    )
