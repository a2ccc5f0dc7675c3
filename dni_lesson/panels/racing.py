"""A fair race of training rules, and its picture: what `RacePanel` joins.

All rules start from the same weights and see the same batches in the same
order; after each epoch of one rule the next rule has its turn, so that their
curves grow side by side.
"""

import functools
from typing import NamedTuple

from dni_lesson import plots
from dni_lesson.data import load_digits
from dni_lesson.gradients import agreement, gradient_function
from dni_lesson.networks import RULES, mlp
from dni_lesson.panels.training import StopTraining

import keras
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

NAMES = {"backprop": "backprop", "dni": "DNI", "cdni": "cDNI", "local": "local"}
_PROBE = 256  # Examples on which gradients are compared.


class Settings(NamedTuple):
    """What a race is run with; see `mlp` for the first two.

    Attributes:
        depth: Integer, the number of weight layers.
        units: Integer, the width of the hidden layers.
        learning_rate: Float, of Adam.
        batch_size: Integer.
        seed: Integer, of the initial weights and of the order of examples.
        rules: Tuple of strings, who races.
        epochs: Integer, when the race ends.
    """

    depth: int = 4
    units: int = 128
    learning_rate: float = 1e-3
    batch_size: int = 100
    seed: int = 0
    rules: tuple[str, ...] = ("backprop", "dni", "cdni")
    epochs: int = 20


def race(settings, history, stop):
    """Trains all rules in turns, epoch by epoch.

    Args:
        settings: `Settings`.
        history: Empty dict; gets one entry per rule, a dict of equal-length
            lists: `epoch`, `step`, `val_loss`, `val_accuracy` and `cosine`.
            An entry of `cosine` is a list with one cosine of true and
            synthetic gradient per boundary, from the input; `nan` where the
            synthetic gradient is zero; empty for backprop.
        stop: A `threading.Event` that ends the race after the present step.

    Yields:
        Boolean after each epoch of each rule: whether all have come as far.
    """
    data = load_digits()
    for epoch in range(1, settings.epochs + 1):
        for rule in settings.rules:
            if stop.is_set():
                return
            model, gradients = _network(rule, settings.depth, settings.units)
            if epoch == 1:
                _restart(model, rule, settings)
            logs = _fit_epoch(model, data, settings, epoch, stop)
            if stop.is_set():
                return
            row = {
                "epoch": epoch,
                "step": int(model.optimizer.iterations),
                "val_loss": logs["val_loss"][0],
                "val_accuracy": logs["val_accuracy"][0],
                "cosine": _cosines(gradients, *data[0]),
            }
            for key, value in row.items():
                history.setdefault(rule, {}).setdefault(key, []).append(value)
            yield rule == settings.rules[-1]


def _fit_epoch(model, data, settings, epoch, stop):
    (x, y), test = data
    # Not the global seed: it belongs to the reader's own cells.
    rng = np.random.default_rng((settings.seed, epoch))
    order = rng.permutation(len(x))
    return model.fit(
        x[order],
        y[order],
        batch_size=settings.batch_size,
        shuffle=False,
        validation_data=test,
        validation_batch_size=len(test[0]),
        callbacks=[StopTraining(stop)],
        verbose=0,
    ).history


def _cosines(gradients, x, y):
    pairs = gradients(x[:_PROBE], y[:_PROBE])
    return [agreement(g.true, g.synthetic)["cosine"] for g in pairs]


# Keras traces a training step in seconds, once for each network. Keeping the
# last ones lets a race with another seed or learning rate begin at once.
@functools.lru_cache(maxsize=len(RULES))
def _network(rule, depth, units):
    model = mlp(depth, units, rule)
    model.compile(
        keras.optimizers.Adam(),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        # For some hundred steps XLA costs more than it saves; and Stop acts
        # after a group of steps.
        jit_compile=False,
        steps_per_execution=1,
    )
    return model, gradient_function(model)


def _restart(model, rule, settings):
    """Puts back everything that training has changed."""
    fresh = mlp(settings.depth, settings.units, rule, seed=settings.seed)
    model.set_weights(fresh.get_weights())
    for variable in model.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    model.optimizer.learning_rate = settings.learning_rate


def race_figure(settings):
    """Returns the figure of a race that has not begun, to be drawn into."""
    figure = Figure(figsize=(9.5, 3.1))
    predicting = _predicting(settings)
    axes = figure.subplots(1, 1 + len(predicting), squeeze=False)[0]
    figure.subplots_adjust(0.07, 0.15, 0.99, 0.9, wspace=0.3)
    if settings.rules:
        empty = {rule: {"val_accuracy": []} for rule in settings.rules}
        plots.plot_runs(empty, ax=axes[0])
        # "best", the default, is slow to find.
        axes[0].legend(loc="lower right", frameon=False)
    axes[0].set(ylim=(0, 1.02), ylabel="test accuracy")
    for rule, ax in zip(predicting, axes[1:], strict=True):
        _prepare_cosines(ax, rule, settings.depth - 1)
    for ax in axes:
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        sns.despine(ax=ax)
    return figure


def _prepare_cosines(ax, rule, boundaries):
    # Lighter near the input, where a prediction is of a prediction.
    shades = sns.light_palette(plots.COLORS[rule], boundaries + 1)[1:]
    for k, shade in enumerate(shades):
        label = k + 1 if k else "boundary 1"
        ax.plot([], [], "o-", markersize=3, color=shade, label=label)
    ax.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=boundaries,
        fontsize="small",
        frameon=False,
        handlelength=1,
        handletextpad=0.4,
        columnspacing=0.8,
        borderpad=0,
    )
    ax.axhline(0, color=plots.COLORS["forward"], linewidth=1, zorder=0)
    ax.set(
        ylim=(-0.3, 1.02), ylabel=f"{NAMES[rule]}: cosine with true gradient"
    )


def draw_race(history, settings, figure):
    """Draws test accuracy, and per boundary the cosine of the gradients.

    Args:
        history: The `history` of `race`, complete or not.
        settings: Its `Settings`.
        figure: What `race_figure` made for them. Moving its curves is several
            times as fast as drawing a new figure.

    Returns:
        String, what the figure shows in words.
    """
    accuracy, *cosines = figure.axes
    for rule, line in zip(settings.rules, accuracy.lines, strict=True):
        rows = history.get(rule, {})
        line.set_data(rows.get("epoch", []), rows.get("val_accuracy", []))
    predicting = _predicting(settings)
    for rule, ax in zip(predicting, cosines, strict=True):
        rows = history.get(rule, {"epoch": [], "cosine": []})
        for k, line in enumerate(ax.lines[: settings.depth - 1]):
            line.set_data(rows["epoch"], [one[k] for one in rows["cosine"]])
    epochs = max([5, *(len(rows["epoch"]) for rows in history.values())])
    for ax in figure.axes:
        ax.set_xlim(0.8, epochs + 0.2)
    return _words(history, predicting)


def _predicting(settings):
    return [rule for rule in settings.rules if rule in ("dni", "cdni")]


def _words(history, predicting):
    if not history:
        return ""
    results = ", ".join(
        f"{NAMES[rule]} {rows['val_accuracy'][-1]:.1%}"
        for rule, rows in history.items()
    )
    words = f"Test accuracy: {results}."
    listed = [
        f"{NAMES[rule]} "
        + ", ".join(f"{cosine:.2f}" for cosine in history[rule]["cosine"][-1])
        for rule in predicting
        if rule in history
    ]
    if listed:
        words += (
            " Cosine of the synthetic with the true gradient, from boundary 1 "
            f"up: {'; '.join(listed)}."
        )
    return words
