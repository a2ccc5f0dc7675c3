"""Test error where modules wait for less: chance updates, predicted inputs.

    python benchmarks/unlock.py chance --p 1 0.5 0.2 0.05 --seeds 0 1 2
    python benchmarks/unlock.py inputs --inputs true predicted random

`chance` updates each module of cDNI with probability p, and trains 1 / p times
as many epochs, so that each module gets about as many updates whatever p is.
`inputs` gives each module but the first a predicted input in training, and the
true one in the test: complete unlock. Its control, `random`, is a fixed random
projection in the place of what is learned. `passed_over_percent` is the test
error of the last module when it gets its predicted input in the test, too: what
the modules between are worth.

784-256-256-256-10, AdamW and cosine decay as in accuracy.py, chosen there; each
module's rate goes by its own updates. Full MNIST, of whose training digits
`chance` takes the first 5,000. Appends one row per run to
data/results/unlock.csv and skips runs that are there already.
"""

import argparse
import itertools

import dni_lesson as dni
from dni_lesson.experiments.store import Column
from dni_lesson.networks import RULES, glorot
from dni_lesson.terminal import say

import accuracy
import keras
import numpy as np
import tables

UNITS = 256
INPUTS = ("true", "predicted", "random")
P = Column(float, least=1e-3, most=1)
RESULTS = tables.table(
    "unlock",
    key={
        "rule": Column(choices=RULES),
        "inputs": Column(choices=INPUTS),
        "p": P,
        "examples": tables.COUNT,
        "depth": tables.DEPTH,
        "batch_size": tables.BATCH,
        "epochs": tables.EPOCHS,  # Of updates: `epochs / p` of steps.
        "seed": tables.SEED,
    },
    measured={
        "layer_updates": tables.NUMBER,  # The mean over modules.
        "test_error_percent": tables.PERCENT,
        "passed_over_percent": Column(float, most=100, optional=True),
    },
    machine=accuracy.MACHINE,
)


def network(run):
    """Returns the network of a run, which is a row's key."""
    make = {
        "depth": run["depth"],
        "units": UNITS,
        "rule": run["rule"],
        "seed": run["seed"],
        "update_probability": run["p"],
    }
    if run["inputs"] != "random":
        return dni.mlp(**make, synthetic_inputs=run["inputs"] == "predicted")
    plain, projections = dni.mlp(**make), []
    for k in range(1, run["depth"]):
        projection = keras.layers.Dense(
            UNITS, "relu", kernel_initializer=glorot(1000 * run["seed"] + k)
        )
        projection.trainable = False
        projections.append(dni.SyntheticInput(projection))
    model = dni.DecoupledModel(
        plain.modules, plain.interfaces, synthetic_inputs=projections
    )
    model.build((None, 784))
    return model


def train(data, run):
    """Returns what was measured in a run, a dict."""
    (x, y), test = data
    x, y = x[: run["examples"]], y[: run["examples"]]
    keras.utils.set_random_seed(run["seed"])
    model = network(run)
    updates = run["epochs"] * -(-len(x) // run["batch_size"])
    rate = keras.optimizers.schedules.CosineDecay(
        accuracy.LEARNING_RATE, updates
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=accuracy.WEIGHT_DECAY),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    epochs = round(run["epochs"] / run["p"])
    model.fit(x, y, batch_size=run["batch_size"], epochs=epochs, verbose=0)
    return {
        "layer_updates": round(float(model.layer_updates.mean()), 1),
        "test_error_percent": tables.error_percent(model, *test),
        "passed_over_percent": passed_over(model, *test),
    }


def passed_over(model, x, y):
    """Returns the error in percent of the last module on its predicted input,
    `None` if it has none."""
    given = model.synthetic_inputs[-1]
    if given is None:
        return None
    said = [
        np.argmax(model.modules[-1](given.predictor(part)), axis=1)
        for part in np.split(x, 10)
    ]
    return round(100 * float(np.mean(np.concatenate(said) != y)), 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("which", choices=("chance", "inputs"))
    for name, column, default in (
        ("rules", RESULTS.columns["rule"], ["cdni"]),
        ("inputs", RESULTS.columns["inputs"], INPUTS),
        ("p", P, [1, 0.5, 0.2, 0.05]),
        ("seeds", tables.SEED, [0, 1, 2]),
    ):
        convert = tables.argument(column)
        parser.add_argument(
            f"--{name}", nargs="+", type=convert, default=default
        )
    epochs, batch = (
        tables.argument(tables.EPOCHS),
        tables.argument(tables.BATCH),
    )
    parser.add_argument("--epochs", type=epochs, default=15)
    parser.add_argument("--batch-size", type=batch, default=None)
    options = parser.parse_args()
    is_chance = options.which == "chance"
    data = dni.load_mnist()
    for seed, rule, inputs, p in itertools.product(
        options.seeds,
        options.rules,
        ["true"] if is_chance else options.inputs,
        options.p if is_chance else [1],
    ):
        run = {
            "rule": rule,
            "inputs": inputs,
            "p": p,
            "examples": 5000 if is_chance else len(data[0][0]),
            "depth": 4,
            "batch_size": options.batch_size or (64 if is_chance else 256),
            "epochs": options.epochs,
            "seed": seed,
        }
        if RESULTS.has(**run):
            continue
        found = train(data, run)
        RESULTS.add([{**run, **found, **accuracy.machine()}])
        say(f"{run} -> {found}")


if __name__ == "__main__":
    main()
