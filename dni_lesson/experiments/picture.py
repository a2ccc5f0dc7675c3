"""The course's result in one picture, for the README.

    python -m dni_lesson.experiments.picture PICTURE.png

trains the four rules from three seeds each on the 4,000 digits (some minutes)
and draws what came out. Nothing is chosen afterwards: these are the settings
and the seeds of lessons 00 and 04.
"""

import argparse

from dni_lesson.data import load_digits
from dni_lesson.experiments.paths import check_file
from dni_lesson.monitors import GradientMonitor
from dni_lesson.networks import RULES, mlp
from dni_lesson.plots import COLORS

import keras
import matplotlib.ticker as ticker
import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SEEDS = (0, 1, 2)
EPOCHS = 20
_NAMES = {"backprop": "backprop", "cdni": "cDNI", "dni": "DNI"}
_INK = "#333333"


def measure(data, seeds=SEEDS, epochs=EPOCHS, **architecture):
    """Trains every rule from every seed and returns what was seen.

    Args:
        data: `(x_train, y_train), (x_test, y_test)`, as from `load_digits`.
        seeds: Sequence of integers. Default `(0, 1, 2)`.
        epochs: Integer. Default `20`.
        **architecture: Passed on to `mlp`.

    Returns:
        Two `pandas.DataFrame`: `rule`, `seed`, `epoch`, `accuracy` on the test
        digits; and `rule`, `seed`, `epoch`, `boundary`, `cosine` of the true
        and the synthetic gradient of 200 training digits.
    """
    accuracy, agreement = [], []
    for rule in RULES:
        for seed in seeds:
            values, history = _train(rule, seed, data, epochs, architecture)
            frame = pd.DataFrame({"accuracy": values})
            frame["epoch"] = frame.index + 1
            accuracy.append(frame.assign(rule=rule, seed=seed))
            if history["boundary"]:  # Backprop has no interfaces.
                frame = pd.DataFrame(history)[["boundary", "cosine"]]
                frame["epoch"] = frame.groupby("boundary").cumcount() + 1
                agreement.append(frame.assign(rule=rule, seed=seed))
    return (
        pd.concat(accuracy, ignore_index=True),
        pd.concat(agreement, ignore_index=True).dropna(),
    )


def _train(rule, seed, data, epochs, architecture):
    (x, y), test = data
    model = mlp(rule=rule, seed=seed, **architecture)
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    monitor = GradientMonitor(x[:200], y[:200])
    # Without interfaces there is nothing to watch.
    watched = [monitor] if any(model.interfaces) else []
    keras.utils.set_random_seed(seed)
    history = model.fit(
        x,
        y,
        batch_size=100,
        epochs=epochs,
        validation_data=test,
        validation_batch_size=100,
        callbacks=watched,
        verbose=0,
    )
    return history.history["val_accuracy"], monitor.history


def draw(accuracy, agreement):
    """Returns the picture of what `measure` saw, 1200 pixels wide.

    Lines are means over the seeds, bands reach from the worst to the best.
    """
    figure = Figure(figsize=(8, 3.6), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    for rule in RULES:
        runs = accuracy[accuracy["rule"] == rule]
        end = _band(left, runs, "accuracy", COLORS[rule])
        below = {"backprop": 5, "cdni": -5}.get(rule, 0)  # They end together.
        text = f"{_NAMES.get(rule, rule)} {end:.1%}"
        _label(left, text, end, runs["epoch"].max(), -below)
    left.set_title("Test accuracy: 1,000 digits", loc="left", fontsize=10)
    left.yaxis.set_major_formatter(ticker.PercentFormatter(1, decimals=0))
    left.set_ylim(0.6, 1)

    boundaries = sorted(agreement["boundary"].unique())
    shades = sns.light_palette(COLORS["cdni"], len(boundaries) + 1)[1:]
    shown = [("cdni", *pair) for pair in zip(boundaries, shades, strict=True)]
    shown.append(("dni", boundaries[-1], COLORS["dni"]))
    for rule, boundary, color in shown:
        rows = agreement[agreement["boundary"] == boundary]
        rows = rows[rows["rule"] == rule]
        end = _band(right, rows, "cosine", color)
        text = f"{_NAMES[rule]}, boundary {boundary}"
        _label(right, text, end, rows["epoch"].max())
    right.set_ylim(0, 1)
    right.set_title(
        "Cosine of true and synthetic gradient", loc="left", fontsize=10
    )
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        axes.margins(x=0)
        axes.grid(axis="y", color="#EEEEEE")
        axes.set_axisbelow(True)
        sns.despine(ax=axes)
    return figure


def _band(axes, runs, value, color):
    """Draws mean, worst and best over the seeds; returns the last mean."""
    by_epoch = runs.groupby("epoch")[value]
    mean = by_epoch.mean()
    axes.plot(mean.index, mean, color=color, linewidth=2)
    axes.fill_between(
        mean.index,
        by_epoch.min(),
        by_epoch.max(),
        color=color,
        alpha=0.2,
        linewidth=0,
    )
    return mean.iloc[-1]


def _label(axes, text, height, epoch, shift=0):
    axes.annotate(
        text,
        (epoch, height),
        xytext=(5, shift),
        textcoords="offset points",
        va="center",
        fontsize=9,
        color=_INK,
        annotation_clip=False,
    )


def main(arguments=None):
    """Trains, prints the table behind the picture and stores the picture."""
    parser = argparse.ArgumentParser(
        prog="python -m dni_lesson.experiments.picture",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument("picture", help="PNG file to write")
    options = parser.parse_args(arguments)
    try:
        check_file("picture", options.picture, (".png",))
    except ValueError as error:  # Before minutes of training.
        parser.error(str(error))
    accuracy, agreement = measure(load_digits())
    last = accuracy[accuracy["epoch"] == EPOCHS]
    table = last.pivot(index="rule", columns="seed", values="accuracy")
    print((100 * table.loc[list(RULES)]).round(1).to_string())
    figure = draw(accuracy, agreement)
    FigureCanvasAgg(figure)
    figure.savefig(options.picture)


if __name__ == "__main__":
    main()
