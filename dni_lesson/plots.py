"""Pictures of runs, gradients and timetables: data in, axes out.

Every function draws on the axes that it is given, or on the current ones, and
returns them. None trains, none calls `show`.
"""

import base64
import io

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import display
from matplotlib.collections import PolyCollection

# One colour per idea in the whole course, from the colour-blind safe palette
# of Okabe and Ito.
COLORS = {
    "true": "#0072B2",  # the true gradient, and backprop
    "synthetic": "#D55E00",  # the synthetic gradient, and cDNI
    "dni": "#E69F00",
    "local": "#999999",
    "forward": "#BBBBBB",
    "idle": "#F2F2F2",
    "backprop": "#0072B2",
    "cdni": "#D55E00",
}
# Of a timetable: what each phase is called, its colour, and that of its text.
_PHASES = {
    "forward": ("forward", COLORS["forward"], "black"),
    "backward": ("backward, true gradient", COLORS["true"], "white"),
    "synthetic backward": (
        "backward, synthetic gradient",
        COLORS["synthetic"],
        "white",
    ),
    "predictor": ("predictor", "#F2BF99", "black"),
}
_ROW = 0.8  # height of a row of boxes
_DIGIT = 0.012  # width of a digit with some room, as a share of the axes
_RULES = {
    "backprop": ("backprop", "-"),
    "dni": ("DNI", "-."),
    "cdni": ("cDNI", "-"),
    "local": ("local", ":"),
}


def plot_runs(runs, metric="val_accuracy", ax=None):
    """Draws one curve per run over epochs.

    Args:
        runs: Dict from rule to a Keras `History.history`, or any dict of lists.
        metric: String, the key to draw. Default `"val_accuracy"`.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    for rule, history in runs.items():
        values = history[metric]
        label, style = _RULES.get(rule, (rule, "-"))
        ax.plot(
            range(1, len(values) + 1),
            values,
            style,
            marker="o",
            markersize=3,
            color=COLORS.get(rule),
            label=label,
        )
    ax.set(xlabel="epoch", ylabel=metric.replace("val_", "test "))
    ax.legend(frameon=False)
    sns.despine(ax=ax)
    return ax


def plot_agreement(history, measure="cosine", ax=None):
    """Draws how well synthetic gradients agree with the true ones over steps.

    Args:
        history: The `history` of a `GradientMonitor`.
        measure: String: `"cosine"`, `"sign_agreement"`, `"norm_ratio"` or
            `"relative_error"`. Default `"cosine"`.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    frame = pd.DataFrame(history)
    boundaries = sorted(frame["boundary"].unique())
    # Lighter near the input, where a prediction is of a prediction.
    shades = sns.light_palette(COLORS["synthetic"], len(boundaries) + 1)[1:]
    for boundary, shade in zip(boundaries, shades, strict=True):
        rows = frame[frame["boundary"] == boundary]
        ax.plot(
            rows["step"],
            rows[measure],
            marker="o",
            markersize=3,
            color=shade,
            label=f"boundary {boundary}",
        )
    ideal = {"cosine": 1.0, "sign_agreement": 1.0, "norm_ratio": 1.0}
    ax.axhline(ideal.get(measure, 0.0), color=COLORS["true"], linewidth=1)
    ax.set(xlabel="training step", ylabel=measure.replace("_", " "))
    ax.legend(frameon=False)
    sns.despine(ax=ax)
    return ax


def plot_gradient_pair(true, synthetic, ax=None):
    """Draws each value of a synthetic gradient against the true one.

    Args:
        true: Array of any shape.
        synthetic: Array of the same shape.
        ax: Matplotlib axes. Default: the current ones.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    true, synthetic = true.ravel(), synthetic.ravel()
    ax.scatter(
        true, synthetic, s=4, alpha=0.3, color=COLORS["synthetic"], linewidths=0
    )
    limit = max(abs(true).max(), abs(synthetic).max(), 1e-12)
    ax.plot([-limit, limit], [-limit, limit], color=COLORS["true"], linewidth=1)
    ax.set(
        xlim=(-limit, limit),
        ylim=(-limit, limit),
        xlabel="true gradient",
        ylabel="synthetic gradient",
    )
    sns.despine(ax=ax)
    return ax


def plot_digits(images, titles=None, axes=None):
    """Draws digits in a row.

    Args:
        images: Array `(n, 784)` or `(n, 28, 28)`.
        titles: Sequence of n strings. Default: none.
        axes: Sequence of n matplotlib axes. Default: a new row of them.

    Returns:
        The axes.
    """
    if axes is None:
        _, axes = plt.subplots(
            1, len(images), figsize=(len(images), 1.4), squeeze=False
        )
        axes = axes[0]
    for k, (image, ax) in enumerate(zip(images, axes, strict=True)):
        ax.imshow(image.reshape(28, 28), cmap="gray_r")
        ax.set_axis_off()
        if titles is not None:
            ax.set_title(str(titles[k]), fontsize=9)
    return axes


def plot_timetable(events, ax=None, end=None, legend=True):
    """Draws one row per worker, one box per event; the hatched rest is idle.

    Args:
        events: List of `Event`, see `dni_lesson.timetable`.
        ax: Matplotlib axes. Default: the current ones.
        end: Float, where the time axis ends. Default: with the last event.
        legend: Boolean, whether to explain the colours above the axes.

    Returns:
        The axes.
    """
    ax = ax or plt.gca()
    end = end or max(event.end for event in events)
    workers = sorted({event.worker for event in events})
    ax.set(xlim=(0, end), ylim=(0.5, len(workers) + 0.5), xlabel="time")
    ax.set_yticks(workers, [f"worker {worker}" for worker in workers])
    ax.tick_params(axis="y", length=0)
    ax.barh(
        workers,
        end,
        height=_ROW,
        facecolor=COLORS["idle"],
        edgecolor="#DDDDDD",
        hatch="////",
        linewidth=0,
        label="idle",
    )
    for phase, (label, color, ink) in _PHASES.items():
        boxes = [event for event in events if event.phase == phase]
        if boxes:  # One artist for all, or panels become slow.
            corners = [_corners(event) for event in boxes]
            shares = [(event.end - event.start) / end for event in boxes]
            style = {
                "facecolor": color,
                "edgecolor": "white",
                # An edge must not cover its box.
                "linewidth": [min(0.7, 150 * share) for share in shares],
            }
            ax.add_collection(PolyCollection(corners, label=label, **style))
        for event in boxes:
            _number_box(ax, event, end, ink)
    if legend:
        style = {"frameon": False, "fontsize": 8, "columnspacing": 1.2}
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, **style)
    sns.despine(ax=ax, left=True)
    return ax


def _corners(event):
    low, high = event.worker - _ROW / 2, event.worker + _ROW / 2
    left, right = event.start, event.end
    return [(left, low), (left, high), (right, high), (right, low)]


def _number_box(ax, event, end, ink):
    """Writes the mini-batch into a box that is wide enough for it."""
    right = min(event.end, end)
    text = str(event.minibatch)
    if (right - event.start) / end > _DIGIT * len(text):
        middle = (event.start + right) / 2
        style = {"fontsize": 8, "ha": "center", "va": "center_baseline"}
        ax.text(middle, event.worker, text, color=ink, **style)


def show(figure, alt):
    """Displays a figure in a notebook, with a text for those who cannot see it.

    Args:
        figure: Matplotlib figure; it is closed.
        alt: String, one or two sentences: what the figure shows.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
    plt.close(figure)
    picture = base64.b64encode(buffer.getvalue()).decode()
    # The text is the output's plain form too: it stands in where no picture
    # can be shown, and tests can compare it.
    display(
        {"image/png": picture, "text/plain": alt},
        metadata={"image/png": {"alt": alt}},
        raw=True,
    )
