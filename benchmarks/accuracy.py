"""Test error of the training rules on the full MNIST, with seeds and spread.

    python benchmarks/accuracy.py --rules cdni backprop --seeds 0 1 2

Appends one row per run to data/results/accuracy.csv as soon as it is done and
skips runs that are there already, so an interrupted table continues. Needs the
full MNIST (`dni.load_mnist`); about one to two minutes a run on 2 CPU cores.

Settings are the same for all rules: 784-256-...-10 with BatchNorm and ReLU,
batch 256 unless another is asked for, AdamW, cosine decay to zero. The learning
rate 3e-3 and the weight decay 0.1 were chosen among four settings by the error
of 6-layer cDNI (seed 0) on 5,000 training digits held out for the purpose. Test
digits chose nothing.
"""

import argparse
import functools
import itertools
import os
import platform

import dni_lesson as dni
from dni_lesson.checks import PREDICTORS, check_predictor
from dni_lesson.experiments.results import SETTINGS
from dni_lesson.experiments.store import Column
from dni_lesson.networks import RULES
from dni_lesson.terminal import say

import keras
import tables
import tensorflow as tf

MACHINE = {
    "tensorflow": Column(),
    "keras": Column(),
    "device": SETTINGS["device"],
    "cores": tables.COUNT,
    "processor": Column(),
}
RESULTS = tables.table(
    "accuracy",
    key={
        "rule": Column(choices=RULES),
        "depth": tables.DEPTH,
        "predictor": Column(),  # as for `mlp`; widths as in 1024-1024
        "batch_size": tables.BATCH,
        "epochs": tables.EPOCHS,
        "seed": tables.SEED,
    },
    measured={"test_error_percent": tables.PERCENT},
    machine=MACHINE,
)
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.1


def train(data, network, batch_size, epochs, seed):
    """Returns the test error in percent after the last epoch.

    Args:
        data: As from `load_mnist`.
        network: Function of a seed that returns a `DecoupledModel`.
        batch_size, epochs, seed: Integers.
    """
    (x_train, y_train), test = data
    keras.utils.set_random_seed(seed)
    model = network(seed=seed)
    steps = epochs * -(-len(x_train) // batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=0)
    return tables.error_percent(model, *test)


def widths(text):
    """Returns the predictor that `mlp` takes for a text as in the table."""
    if text in PREDICTORS:
        return text
    return tuple(map(int, text.split("-")))


def predictor(text):
    """Returns the text, if it is one that the table may hold."""
    try:
        check_predictor("predictor", widths(text))
    except ValueError:
        raise argparse.ArgumentTypeError(
            "expected linear, softmax, or widths as in 1024-1024, "
            f"received {text!r}"
        ) from None
    return text


def machine():
    return {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "device": "GPU" if tf.config.list_physical_devices("GPU") else "CPU",
        "cores": os.cpu_count(),
        "processor": platform.machine(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--rules",
        nargs="+",
        type=tables.argument(RESULTS.columns["rule"]),
        default=["cdni", "backprop"],
    )
    parser.add_argument(
        "--depths",
        nargs="+",
        type=tables.argument(tables.DEPTH),
        default=[3, 4, 5, 6],
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=tables.argument(tables.SEED),
        default=[0, 1, 2],
    )
    parser.add_argument(
        "--batch-sizes",
        nargs="+",
        type=tables.argument(tables.BATCH),
        default=[256],
    )
    parser.add_argument(
        "--epochs", type=tables.argument(tables.EPOCHS), default=30
    )
    parser.add_argument(
        "--predictor",
        type=predictor,
        default="linear",
        help="linear, softmax, or widths as in 1024-1024",
    )
    options = parser.parse_args()
    data = dni.load_mnist()
    for seed, rule, depth, batch_size in itertools.product(
        options.seeds, options.rules, options.depths, options.batch_sizes
    ):
        run = {
            "rule": rule,
            "depth": depth,
            "predictor": options.predictor,
            "batch_size": batch_size,
            "epochs": options.epochs,
            "seed": seed,
        }
        if RESULTS.has(**run):
            continue
        network = functools.partial(
            dni.mlp, depth, rule=rule, predictor=widths(options.predictor)
        )
        error = train(data, network, batch_size, options.epochs, seed)
        row = {**run, "test_error_percent": error, **machine()}
        RESULTS.add([row])
        say(f"{run} -> {error} %")


if __name__ == "__main__":
    main()
