"""The course's result in one picture, for the README.

    python -m dni_lesson.experiments.picture PICTURE.png

trains the four rules from three seeds each on the 4,000 digits (some minutes)
and draws what came out. Nothing is chosen afterwards: these are the settings
and the seeds of lessons 00 and 04.
"""

import argparse
import itertools

from dni_lesson.data import load_digits
from dni_lesson.experiments.files import check_file
from dni_lesson.monitors import GradientMonitor
from dni_lesson.networks import mlp
from dni_lesson.plots import looks
from dni_lesson.plots.style import INK, boundary_shades
from dni_lesson.updates import crossentropy

import keras
import matplotlib.ticker as ticker
import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

RULES = ("backprop", "dni", "cdni", "no_bprop")
SEEDS = (0, 1, 2)
EPOCHS = 20


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
    (x, y), test = data
    accuracy, agreement = [], []
    for rule, seed in itertools.product(RULES, seeds):
        model = mlp(rule=rule, seed=seed, **architecture)
        model.compile(
            keras.optimizers.Adam(1e-3), crossentropy(), metrics=["accuracy"]
        )
        monitor = GradientMonitor(x[:200], y[:200])
        is_watched = any(model.interfaces)  # Of backprop none is to be seen.
        keras.utils.set_random_seed(seed)
        history = model.fit(
            x,
            y,
            batch_size=100,
            epochs=epochs,
            validation_data=test,
            validation_batch_size=100,
            callbacks=[monitor] if is_watched else [],
            verbose=0,
        )
        run = {"rule": rule, "seed": seed}
        values = pd.Series(history.history["val_accuracy"], name="accuracy")
        accuracy.append(values.to_frame().assign(**run, epoch=values.index + 1))
        if is_watched:
            rows = pd.DataFrame(monitor.history)[["boundary", "cosine"]]
            rows["epoch"] = rows.groupby("boundary").cumcount() + 1
            agreement.append(rows.assign(**run))
    return (
        pd.concat(accuracy, ignore_index=True),
        pd.concat(agreement, ignore_index=True).dropna(),
    )


def draw(accuracy, agreement):
    """Returns the picture of what `measure` saw, 1200 pixels wide.

    Lines are means over the seeds, bands reach from the worst to the best.
    """
    figure = Figure(figsize=(8, 3.6), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = looks(RULES)
    for rule, look in shown.items():
        runs = accuracy[accuracy["rule"] == rule]
        end = _band(left, runs, "accuracy", look.color)
        below = {"backprop": 5, "cdni": -5}.get(rule, 0)  # They end together.
        _label(left, f"{look.name} {end:.1%}", end, -below)
    left.set_title("Test accuracy: 1,000 digits", loc="left", fontsize=10)
    left.yaxis.set_major_formatter(ticker.PercentFormatter(1, decimals=0))
    left.set_ylim(0.6, 1)

    boundaries = sorted(agreement["boundary"].unique())
    shades = boundary_shades(shown["cdni"].color, len(boundaries))
    lines = [("cdni", *pair) for pair in zip(boundaries, shades, strict=True)]
    lines.append(("dni", boundaries[-1], shown["dni"].color))
    for rule, boundary, color in lines:
        rows = agreement[agreement["boundary"] == boundary]
        end = _band(right, rows[rows["rule"] == rule], "cosine", color)
        _label(right, f"{shown[rule].name}, boundary {boundary}", end)
    right.set_ylim(0, 1)
    title = "Cosine of true and synthetic gradient"
    right.set_title(title, loc="left", fontsize=10)
    for axes in (left, right):
        axes.set(xlabel="epoch", ylabel="")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        axes.margins(x=0)
        axes.grid(axis="y", color="#EEEEEE")
        axes.set_axisbelow(True)
        sns.despine(ax=axes)
    return figure


def _band(axes, runs, value, color):
    """Draws mean, worst and best over the seeds; returns the last mean."""
    sns.lineplot(
        runs,
        x="epoch",
        y=value,
        errorbar=("pi", 100),
        color=color,
        linewidth=2,
        err_kws={"linewidth": 0},
        ax=axes,
    )
    return axes.lines[-1].get_ydata()[-1]


def _label(axes, text, height, shift=0):
    axes.annotate(
        text,
        (axes.lines[-1].get_xdata()[-1], height),
        xytext=(5, shift),
        textcoords="offset points",
        va="center",
        fontsize=9,
        color=INK,
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
