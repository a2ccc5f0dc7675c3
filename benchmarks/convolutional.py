"""Test error of a small convolutional network on the full MNIST.

    python benchmarks/convolutional.py --rules backprop cdni --seeds 0 1 2

Appends one row per run to data/results/convolutional.csv and skips runs that
are there already. Data, optimizer and schedule are those of accuracy.py, whose
settings were chosen on an MLP; nothing was chosen here.

    python benchmarks/convolutional.py --gradients

prints how large the true gradient of an example's own loss is in networks that
have learned nothing: what a predictor, which starts at zero, has to reach.
"""

import argparse
import functools
import itertools

import dni_lesson as dni
from dni_lesson.experiments.store import Column
from dni_lesson.networks import RULES
from dni_lesson.terminal import say

import accuracy
import keras
import numpy as np
import tables

RESULTS = tables.table(
    "convolutional",
    key={
        "rule": Column(choices=RULES),
        "blocks": tables.COUNT,
        "filters": tables.COUNT,
        "predictor": Column(),  # as for `cnn`; filters as in 64-64
        "batch_size": tables.BATCH,
        "epochs": tables.EPOCHS,
        "seed": tables.SEED,
    },
    measured={"test_error_percent": tables.PERCENT},
    machine=accuracy.MACHINE,
)


def gradients(examples=256):
    """Prints the standard deviation of gradients at each boundary."""
    (x, y), _ = dni.load_digits(flat=False)
    x, y = x[:examples], y[:examples]
    flat = x.reshape(examples, -1)
    networks = {
        "mlp, 4 layers": (dni.mlp, flat),
        "cnn, 2 blocks": (dni.cnn, x),
        "cnn, 3 blocks": (functools.partial(dni.cnn, 3), x),
    }
    for name, (network, inputs) in networks.items():
        for seed in range(3):
            model = network(rule="no_bprop", seed=seed)
            model.compile(
                "sgd",
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                jit_compile=False,
            )
            found = dni.boundary_gradients(model, inputs, y)
            sizes = [examples * np.std(one.true) for one in found]
            say(f"{name}, seed {seed}: " + ", ".join(f"{s:.4f}" for s in sizes))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--gradients",
        action="store_true",
        help="print how large gradients are, and train nothing",
    )
    for name, column, default in (
        ("rules", RESULTS.columns["rule"], ["backprop", "cdni"]),
        ("seeds", tables.SEED, [0, 1, 2]),
        ("blocks", tables.COUNT, [2]),
        ("filters", tables.COUNT, [16]),
    ):
        parser.add_argument(
            f"--{name}",
            nargs="+",
            type=tables.argument(column),
            default=default,
        )
    parser.add_argument(
        "--epochs", type=tables.argument(tables.EPOCHS), default=5
    )
    parser.add_argument(
        "--batch-size", type=tables.argument(tables.BATCH), default=256
    )
    parser.add_argument(
        "--predictor",
        type=accuracy.predictor,
        default="linear",
        help="linear, softmax, or the filters of hidden layers as in 64-64",
    )
    options = parser.parse_args()
    if options.gradients:
        return gradients()
    data = dni.load_mnist(flat=False)
    for seed, rule, blocks, filters in itertools.product(
        options.seeds, options.rules, options.blocks, options.filters
    ):
        run = {
            "rule": rule,
            "blocks": blocks,
            "filters": filters,
            "predictor": options.predictor,
            "batch_size": options.batch_size,
            "epochs": options.epochs,
            "seed": seed,
        }
        if RESULTS.has(**run):
            continue
        network = functools.partial(
            dni.cnn,
            blocks,
            filters,
            rule,
            predictor=accuracy.widths(options.predictor),
        )
        error = accuracy.train(
            data, network, options.batch_size, options.epochs, seed
        )
        RESULTS.add(
            [{**run, "test_error_percent": error, **accuracy.machine()}]
        )
        say(f"{run} -> {error} %")


if __name__ == "__main__":
    main()
