"""Test error of a small convolutional network on the full MNIST.

    python benchmarks/convolutional.py --rules backprop cdni --seeds 0 1 2

Appends one row per run to data/results/convolutional.csv and skips runs that
are there already. Data, optimizer and schedule are those of accuracy.py, whose
settings were chosen on an MLP; nothing was chosen here.

`--predictor batch-mean`, `random-bias` and `both` train cDNI with what public
implementations do otherwise: predictors that regress to the gradient of the
mean over the batch, and whose last layer begins with random offsets, as those
of PyTorch do (weights zero).

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
from dni_lesson.predictors import convolutional_predictor
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
        # As for `cnn`, filters as in 64-64; or one of `DEFECTS`.
        "predictor": Column(),
        "batch_size": tables.BATCH,
        "epochs": tables.EPOCHS,
        "seed": tables.SEED,
    },
    measured={"test_error_percent": tables.PERCENT},
    machine=accuracy.MACHINE,
)


class BatchMeanUnits(dni.SyntheticGradient):
    """Its predictor regresses to the gradient of the mean over the batch."""

    def call(self, inputs, labels=None, gradient_scale=None, training=False):
        return super().call(inputs, labels, 1.0, training)


# Whether the units are those of the batch's mean, whether offsets are random.
DEFECTS = {
    "batch-mean": (True, False),
    "random-bias": (False, True),
    "both": (True, True),
}


def network(blocks, filters, rule, predictor, seed):
    """Returns a `cnn`, as it is or with a defect of its predictors."""
    if predictor not in DEFECTS:
        predictor = accuracy.widths(predictor)
        return dni.cnn(blocks, filters, rule, predictor=predictor, seed=seed)
    modules = dni.cnn(blocks, filters, "backprop", seed=seed).modules
    by_batch, is_random = DEFECTS[predictor]
    interfaces = []
    for k in range(blocks):
        most = (9 * (filters + 10)) ** -0.5 if is_random else 0.0
        bias = keras.initializers.RandomUniform(-most, most, 1000 * seed + k)
        layer = convolutional_predictor(filters, bias_initializer=bias)
        kind = BatchMeanUnits if by_batch else dni.SyntheticGradient
        interfaces.append(kind(layer, num_classes=10))
    model = dni.DecoupledModel(modules, interfaces)
    model.build((None, 28, 28, 1))
    return model


def predictor(text):
    """Returns the text, if it is one that the table may hold."""
    return text if text in DEFECTS else accuracy.predictor(text)


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
    for name, (make, inputs) in networks.items():
        for seed in range(3):
            model = make(rule="no_bprop", seed=seed)
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
        type=predictor,
        default="linear",
        help="linear, softmax, the filters of hidden layers as in 64-64, or "
        + ", ".join(DEFECTS),
    )
    options = parser.parse_args()
    if options.gradients:
        return gradients()
    if options.predictor in DEFECTS and options.rules != ["cdni"]:
        parser.error(f"--predictor {options.predictor} is for --rules cdni")
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
        make = functools.partial(
            network, blocks, filters, rule, options.predictor
        )
        error = accuracy.train(
            data, make, options.batch_size, options.epochs, seed
        )
        RESULTS.add(
            [{**run, "test_error_percent": error, **accuracy.machine()}]
        )
        say(f"{run} -> {error} %")


if __name__ == "__main__":
    main()
