"""Steps per second of one process: backprop and cDNI, beside PyTorch.

    python benchmarks/speed.py --rounds 15

784-256-256-256-10 with BatchNorm and ReLU, batch 256, Adam, `fit` with the
defaults of `dni.mlp`; PyTorch (backprop only) takes part where it is installed.
The arms take turns in one process after warm-up and compilation; read the
ratios of medians, not the absolute figures.
"""

import argparse
import statistics
import time

import dni_lesson as dni

import keras
import numpy as np

BATCH_SIZE, STEPS = 256, 64


def keras_arm(rule):
    """Returns a function that runs `STEPS` training steps."""
    model = dni.mlp(rule=rule)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    x, y = examples()
    return lambda: model.fit(x, y, batch_size=BATCH_SIZE, verbose=0)


def torch_arm():
    """Returns the same for a plain PyTorch loop, batches at hand."""
    import torch

    layers = []
    for inputs in (784, 256, 256):
        layers += [
            torch.nn.Linear(inputs, 256, bias=False),
            torch.nn.BatchNorm1d(256),
            torch.nn.ReLU(),
        ]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(256, 10))
    optimizer = torch.optim.Adam(model.parameters())
    loss_function = torch.nn.CrossEntropyLoss()
    x, y = (torch.from_numpy(one) for one in examples())

    def run():
        order = torch.randperm(len(x))
        for start in range(0, len(x), BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            optimizer.zero_grad()
            loss_function(model(x[rows]), y[rows]).backward()
            optimizer.step()

    return run


def examples():
    rng = np.random.default_rng(0)
    x = rng.random((BATCH_SIZE * STEPS, 784), dtype="float32")
    return x, rng.integers(10, size=len(x))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    arms = {rule: keras_arm(rule) for rule in ("backprop", "cdni")}
    try:
        arms["PyTorch backprop"] = torch_arm()
    except ImportError:
        print("PyTorch is not installed: without it.")
    for run in arms.values():
        run()
    times = {name: [] for name in arms}
    for _ in range(options.rounds):
        for name, run in arms.items():
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) / STEPS)
    base = statistics.median(times["backprop"])
    print("arm               ms a step (quartiles)   steps/s   to our backprop")
    for name, values in times.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(
            f"{name:16}  {1e3 * middle:5.2f} ({1e3 * low:5.2f} to "
            f"{1e3 * high:5.2f})   {1 / middle:7.0f}   {middle / base:10.2f}"
        )


if __name__ == "__main__":
    main()
