"""Milliseconds a training step: backprop and cDNI beside Keras and PyTorch.

    python benchmarks/speed.py --rounds 15
    python benchmarks/speed.py --torch-python /path/to/python-with-torch

784-256-256-256-10 with BatchNorm and ReLU, batch 256, Adam, shuffled epochs of
234 steps. Four arms take turns after warm-up and compilation, one round of all
of them after the other, so that a busy moment of the machine hits them alike:

- PyTorch backprop: a plain loop, in a process of its own, where the thread
  pools of the two libraries cannot disturb each other (skipped without torch);
- Keras backprop: the same layers in `keras.Sequential`, all defaults of Keras;
- our backprop and our cDNI: `dni.mlp` with its defaults.

Read the ratios, which are medians over rounds of the ratio inside a round.
"""

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time

BATCH_SIZE, STEPS = 256, 234


def keras_arm(rule=None):
    """Returns a function that times one epoch; no rule: plain Keras."""
    import dni_lesson as dni

    import keras
    import numpy as np

    if rule is None:
        modules = dni.mlp(rule="backprop").modules
        layers = [layer for module in modules for layer in module.layers]
        model = keras.Sequential([keras.Input((784,)), *layers])
    else:
        model = dni.mlp(rule=rule)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    rng = np.random.default_rng(0)
    x = rng.random((BATCH_SIZE * STEPS, 784), dtype="float32")
    y = rng.integers(10, size=len(x))

    def epoch():
        start = time.perf_counter()
        model.fit(x, y, batch_size=BATCH_SIZE, verbose=0)
        return time.perf_counter() - start

    return epoch


def torch_arm(python):
    """Returns the same for PyTorch, in a process that `python` runs."""
    command = [python, __file__, "--serve-torch"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def epoch():
        process.stdin.write("epoch\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    return epoch


def serve_torch():
    """Trains an epoch for every line that comes in; answers its seconds."""
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
    x = torch.rand(BATCH_SIZE * STEPS, 784)
    y = torch.randint(10, (len(x),))
    for _ in sys.stdin:
        start = time.perf_counter()
        for rows in torch.randperm(len(x)).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss_function(model(x[rows]), y[rows]).backward()
            optimizer.step()
        print(time.perf_counter() - start, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--torch-python",
        default=sys.executable if importlib.util.find_spec("torch") else None,
        help="a Python that has torch; default: this one, if it has",
    )
    parser.add_argument("--serve-torch", action="store_true", help="internal")
    options = parser.parse_args()
    if options.serve_torch:
        serve_torch()
        return
    arms = {
        "Keras backprop": keras_arm(),
        "backprop": keras_arm("backprop"),
        "cDNI": keras_arm("cdni"),
    }
    if options.torch_python:
        arms = {"PyTorch backprop": torch_arm(options.torch_python), **arms}
    else:
        print("Without PyTorch, which this Python lacks (--torch-python).")
    for epoch in arms.values():
        epoch()  # Warm-up and compilation.
    times = {name: [] for name in arms}
    for _ in range(options.rounds):
        for name, epoch in arms.items():
            times[name].append(epoch() / STEPS)
    print(report(times))


def report(times):
    """Returns a Markdown table of seconds a step, `{arm: [one a round]}`."""
    lines = [
        "| arm | ms a step (quartiles) | steps/s | "
        + " | ".join(f"to {name}" for name in times)
        + " |",
        "|---" * (len(times) + 3) + "|",
    ]
    for name, seconds in times.items():
        low, middle, high = statistics.quantiles(seconds, n=4)
        ratios = [
            statistics.median(
                a / b for a, b in zip(seconds, other, strict=True)
            )
            for other in times.values()
        ]
        lines.append(
            f"| {name} | {1e3 * middle:.2f} ({1e3 * low:.2f} to "
            f"{1e3 * high:.2f}) | {1 / middle:.0f} | "
            + " | ".join(f"{ratio:.2f}" for ratio in ratios)
            + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
