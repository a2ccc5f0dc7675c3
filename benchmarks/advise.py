"""What `dni.advise` foretells, beside what `fit_async` then takes.

    python benchmarks/advise.py develop
    python benchmarks/advise.py test --models 1 2 3
    python benchmarks/advise.py report

`develop`: 4 models on which the prediction was made as good as it is; it only
prints. `test`: others, which it had not seen. Each model is asked about once,
and then trained under every schedule of the advice, schedule after schedule,
in three rounds; measured is the median. Each worker has one thread. Rows go to
data/results/advise.csv; models that are there already are not run again.
"""

import argparse
import functools
import statistics
from typing import NamedTuple

import dni_lesson as dni
from dni_lesson.experiments.machine import environment
from dni_lesson.schedules.advice import ALONE
from dni_lesson.terminal import say
from dni_lesson.workers.advising import as_chain

import keras
import numpy as np
import tables
from inputs import arrays
from keras import layers
from teams import loss

ROUNDS, SECONDS, BATCHES = 3, 1.0, 16
BAR = 0.2


class Case(NamedTuple):
    """A model, how it is split, and over which links.

    Attributes:
        kind: String: `"mlp"`, or a chain that is none.
        rule: String, of the interfaces: `"cdni"` or `"backprop"`.
        depth: Integer, weight layers.
        units: Integer, or channels of the first convolution.
        batch, workers: Integers.
        delay_ms: Float.
    """

    kind: str
    rule: str
    depth: int
    units: int
    batch: int
    workers: int
    delay_ms: float


DEVELOP = [
    Case("mlp", "cdni", 4, 256, 64, 2, 0.0),
    Case("mlp", "backprop", 5, 64, 256, 2, 1.0),
    Case("mlp", "cdni", 8, 256, 64, 4, 5.0),
    Case("cnn", "cdni", 3, 12, 256, 2, 0.0),
]
TEST = [
    Case("mlp", "cdni", 3, 64, 64, 2, 0.0),
    Case("mlp", "cdni", 4, 512, 64, 2, 1.0),
    Case("mlp", "cdni", 5, 128, 256, 2, 5.0),
    Case("mlp", "cdni", 6, 256, 256, 3, 0.0),
    Case("mlp", "cdni", 8, 64, 256, 4, 1.0),
    Case("mlp", "cdni", 8, 512, 64, 2, 0.0),
    Case("mlp", "backprop", 3, 128, 64, 2, 0.0),
    Case("mlp", "backprop", 6, 512, 256, 3, 1.0),
    Case("mlp", "backprop", 7, 64, 64, 2, 5.0),
    Case("cnn", "cdni", 4, 8, 64, 2, 0.0),
    Case("cnn", "backprop", 3, 16, 64, 2, 1.0),
    Case("residual", "backprop", 5, 256, 64, 3, 0.0),
    Case("residual", "cdni", 4, 128, 256, 2, 5.0),
    Case("cnn", "cdni", 3, 16, 64, 3, 5.0),
]
RESULTS = tables.table(
    "advise",
    key={
        "model": tables.COUNT,
        "kind": tables.Column(),
        "rule": tables.Column(),
        "depth": tables.COUNT,
        "units": tables.UNITS,
        "batch": tables.BATCH,
        "workers": tables.COUNT,
        "delay_ms": tables.NUMBER,
        "schedule": tables.Column(),
    },
    measured={
        "cut": tables.Column(),
        "predicted_ms": tables.NUMBER,
        "ms": tables.NUMBER,
        "low_ms": tables.NUMBER,
        "high_ms": tables.NUMBER,
        "one_process_ms": tables.NUMBER,
        "model_cores_worth": tables.NUMBER,
    },
)
machine = functools.cache(environment)


def build(case):
    """Returns a compiled model: a `DecoupledModel` with interfaces, else a
    chain of layers as Keras has it."""
    if case.kind == "mlp":
        model = dni.mlp(case.depth, case.units, case.rule)
    else:
        blocks = {"cnn": cnn_blocks, "residual": residual_blocks}[case.kind]
        blocks = [*blocks(case.depth, case.units), [layers.Dense(10)]]
        model = chain(blocks, case.rule)
    model.compile("adam", loss())
    return model


def cnn_blocks(depth, channels):
    """Returns lists of layers: convolutions, each at half the resolution."""
    first = layers.Reshape((28, 28, 1))
    blocks = [
        [layers.Conv2D(channels * 2**k, 3, strides=2, activation="relu")]
        for k in range(depth - 1)
    ]
    return [[first, *blocks[0]], *blocks[1:-1], [*blocks[-1], layers.Flatten()]]


def residual_blocks(depth, units):
    """Returns lists of layers: dense ones with LayerNorm and a way around."""
    start = [layers.Dense(units)]
    return [start, *([Residual(units)] for _ in range(depth - 2))]


@keras.saving.register_keras_serializable(package="benchmarks")
class Residual(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.norm, self.dense = layers.LayerNormalization(), layers.Dense(units)

    def build(self, input_shape):
        self.norm.build(input_shape)
        self.dense.build(input_shape)

    def call(self, inputs):
        return inputs + keras.ops.relu(self.dense(self.norm(inputs)))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def chain(blocks, rule):
    if rule == "backprop":
        flat = [layer for block in blocks for layer in block]
        return keras.Sequential([keras.Input((784,)), *flat])
    modules = [keras.Sequential(block) for block in blocks]
    model = dni.DecoupledModel(
        modules,
        [dni.SyntheticGradient(num_classes=10) for _ in modules[1:]],
    )
    model.build((None, 784))
    return model


def measure(number, case, devices):
    """Returns the rows of a model, a list of dicts."""
    model, (x, y) = build(case), arrays(BATCHES * case.batch)
    used, delay = devices[: case.workers], case.delay_ms / 1e3
    advice = dni.advise(
        model,
        x,
        y,
        case.workers,
        delay,
        batch_size=case.batch,
        devices=used,
    )
    say(f"{number} {case}\n{advice}\ncores worth {advice.cores_worth:.2f}")
    alone = next(o for o in advice.options if o.schedule == ALONE)
    options = [o for o in advice.options if o.schedule != ALONE]
    model, found = as_chain(model), {o.schedule: [] for o in options}
    for _ in range(ROUNDS):
        for one in options:
            steps = min(max(SECONDS / one.seconds, 32), 1600)
            history = dni.fit_async(
                model,
                x,
                y,
                epochs=int(np.ceil(steps / BATCHES)),
                batch_size=case.batch,
                schedule=one.schedule,
                link_delay=delay,
                modules=list(one.cut),
                devices=used,
            )
            found[one.schedule].append(1e3 / history.steps_per_second)
    return [
        {
            "model": number,
            **case._asdict(),
            "schedule": one.schedule,
            "cut": " + ".join(map(str, one.cut)),
            "predicted_ms": round(1e3 * one.seconds, 3),
            "ms": round(statistics.median(found[one.schedule]), 3),
            "low_ms": round(min(found[one.schedule]), 3),
            "high_ms": round(max(found[one.schedule]), 3),
            "one_process_ms": round(1e3 * alone.seconds, 3),
            "model_cores_worth": round(advice.cores_worth, 3),
        }
        for one in options
    ]


def report(frame):
    """Returns the table, and how many predictions are within the bar."""
    frame = frame.assign(ratio=frame["predicted_ms"] / frame["ms"])
    shown = [*Case._fields, "schedule", "cut", "predicted_ms", "ms", "ratio"]
    off = (frame["ratio"] - 1).abs()
    within = (off <= BAR).groupby(frame["model"]).all()
    return (
        f"{frame[shown].round(2).to_string(index=False)}\n\n"
        f"within {BAR:.0%}: {(off <= BAR).sum()} of {len(frame)} predictions, "
        f"all of {within.sum()} of {len(within)} models; median error "
        f"{off.median():.0%}, nine of ten within {off.quantile(0.9):.0%}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=("develop", "test", "report"))
    parser.add_argument("--models", nargs="+", type=int)
    options = parser.parse_args()
    if options.what == "report":
        say(report(RESULTS.table()))
        return
    is_test = options.what == "test"
    cases = TEST if is_test else DEVELOP
    devices = dni.worker_devices(max(case.workers for case in cases))
    for number in options.models or range(1, len(cases) + 1):
        if is_test and RESULTS.has(model=number):
            continue
        rows = measure(number, cases[number - 1], devices)
        say(report(RESULTS.table(rows)))
        if is_test:
            RESULTS.add([{**row, **machine()} for row in rows])


if __name__ == "__main__":
    main()
