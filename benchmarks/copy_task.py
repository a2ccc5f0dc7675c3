"""The longest sequence that a recurrent network learns to copy, by rule.

    python benchmarks/copy_task.py --windows 3 5 --seeds 0 1 2 --seconds 30

An episode shows N symbols of two random bits, then a stop sign, and asks for
the symbols in their order: 2 N + 1 steps. Only the answers count. When the
answers to fresh episodes cost less than 0.15 bits a bit, N grows by one; what
is stored is the longest N that was solved so, 0 if none was. Four arms, with
the same network, the same Adam and the same seconds of training:

- "truncated": backpropagation through the steps of a window;
- "dni": with synthetic gradients at the cuts, by a linear predictor or, with
  `--hidden`, by one with a hidden layer, and with a `--rate` of its own;
- "frozen": only the readout learns; what a random memory can do;
- "full": backpropagation through all steps, one update an episode.

Seconds are those of one processor core, so that what else runs beside it does
not count. A step is compiled anew for each N. The first round of each N, in
which that happens, is charged what its steps took at the N before. A row per
run goes to data/results/copy_task.csv as soon as it is done; runs that are
there already are not made again.
"""

import argparse
import itertools
import math
import time

import dni_lesson as dni
from dni_lesson.experiments.machine import environment
from dni_lesson.experiments.store import Column
from dni_lesson.terminal import say

import keras
import numpy as np
import tables
import tensorflow as tf

UNITS, BATCH_SIZE, SYMBOL_BITS, SOLVED = 64, 64, 2, 0.15
ROUND = 32 * BATCH_SIZE  # Episodes between two looks.
LOOK = 512  # Fresh episodes of a look.
ARMS = ("truncated", "dni", "frozen", "full")
CELLS = {"gru": keras.layers.GRUCell, "lstm": keras.layers.LSTMCell}
RESULTS = tables.table(
    "copy_task",
    key={
        "arm": Column(choices=ARMS),
        "cell": Column(choices=tuple(CELLS)),
        "window": Column(int),  # 0: the whole episode.
        "hidden": Column(int),  # Units of the predictor's; 0: linear.
        "rate": Column(float),  # Of the predictor, in those of the network.
        "discount": Column(float, most=1),
        "learning_rate": tables.NUMBER,
        "seconds": tables.NUMBER,
        "seed": tables.SEED,
    },
    measured={
        "longest": Column(int),
        "bits": tables.NUMBER,  # Of the last look, at the N that is not solved.
        "episodes": tables.COUNT,
        "updates": tables.COUNT,
    },
)


def episodes(rng, count, length):
    """Returns inputs, answers and weights, `(count, 2 * length + 1, ...)`."""
    time_steps = 2 * length + 1
    bits = rng.integers(0, 2, (count, length, SYMBOL_BITS))
    x = np.zeros((count, time_steps, SYMBOL_BITS + 1), "float32")
    x[:, :length, :SYMBOL_BITS] = 2 * bits - 1
    x[:, length, SYMBOL_BITS] = 1
    y = np.zeros((count, time_steps, SYMBOL_BITS), "float32")
    y[:, length + 1 :] = bits
    weight = np.zeros((count, time_steps), "float32")
    weight[:, length + 1 :] = 1
    return x, y, weight


def network(arm, cell, window, hidden, rate, discount, learning_rate):
    """Returns the model of an arm, compiled; a window of 0 is an episode."""
    recurrence = CELLS[cell](UNITS)
    states = UNITS * (2 if cell == "lstm" else 1)
    interface = None
    if arm == "dni":
        layers = [keras.layers.Dense(states, kernel_initializer="zeros")]
        if hidden:
            layers.insert(0, keras.layers.Dense(hidden, "relu"))
        # Adam's steps do not see it, so that they count so many times.
        layers.append(keras.layers.Rescaling(rate))
        interface = dni.SyntheticGradient(keras.Sequential(layers))
    model = dni.TruncatedRNN(
        recurrence,
        keras.layers.Dense(SYMBOL_BITS),
        window or 10**6,
        interface,
        discount,
    )
    recurrence.trainable = arm != "frozen"
    model.compile(
        keras.optimizers.Adam(learning_rate),
        keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,
    )
    return model


def bits(model, rng, length):
    """Returns the cost of a bit of the answers to fresh episodes, in bits."""
    x, y, weight = episodes(rng, LOOK, length)
    logits = np.asarray(model(x))
    cost = np.logaddexp(0, logits) - y * logits
    return float(np.sum(cost * weight[..., None]) / y[:, length + 1 :].size) / (
        math.log(2)
    )


def train(model, seconds, seed):
    """Returns what a curriculum of so many seconds came to."""
    rng = np.random.default_rng(seed)
    spent = rate = 0.0
    length, rounds_here, seen, cost = 1, 0, 0, math.inf
    while spent < seconds:
        data = episodes(rng, ROUND, length)
        x, y, weight = data
        begin = time.process_time()
        model.fit(x, y, BATCH_SIZE, verbose=0, sample_weight=weight)
        took = time.process_time() - begin
        if rounds_here:
            rate = took / x.shape[1]
        spent += rate * x.shape[1]
        seen, rounds_here = seen + ROUND, rounds_here + 1
        cost = bits(model, rng, length)
        if cost < SOLVED:
            length, rounds_here = length + 1, 0
    return {
        "longest": length - 1,
        "bits": round(cost, 3),
        "episodes": seen,
        "updates": int(model.optimizer.iterations),
    }


def runs(options):
    """Yields the columns that tell a run; arms that share a run share it."""
    for seed, window in itertools.product(options.seeds, options.windows):
        for arm in options.arms:
            yield {
                "arm": arm,
                "cell": options.cell,
                "window": 0 if arm == "full" else window,
                "hidden": options.hidden if arm == "dni" else 0,
                "rate": options.rate if arm == "dni" else 1.0,
                "discount": options.discount if arm == "dni" else 1.0,
                "learning_rate": options.learning_rate,
                "seconds": options.seconds,
                "seed": seed,
            }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name, default in (
        ("arm", ARMS),
        ("window", (3, 5)),
        ("seed", (0, 1, 2)),
    ):
        kind = tables.argument(RESULTS.columns[name])
        parser.add_argument(
            f"--{name}s", nargs="+", type=kind, default=list(default)
        )
    for name, default in (
        ("cell", "gru"),
        ("discount", 1.0),
        ("hidden", 0),
        ("rate", 10.0),
        ("learning_rate", 1e-3),
        ("seconds", 30.0),
    ):
        kind = tables.argument(RESULTS.columns[name])
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=kind, default=default)
    options = parser.parse_args()
    # Threads of one process would share out what is too small to be shared.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for run in runs(options):
        if RESULTS.has(**run):
            continue
        keras.utils.set_random_seed(run["seed"])
        asked = ("arm", "cell", "window", "hidden", "rate", "discount")
        asked += ("learning_rate",)
        model = network(*(run[name] for name in asked))
        found = train(model, run["seconds"], run["seed"])
        RESULTS.add([{**run, **found, **environment()}])
        say(f"{run} -> {found}")


if __name__ == "__main__":
    main()
