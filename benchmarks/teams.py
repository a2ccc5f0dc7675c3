"""The arms of asynchrony.py: a team of one schedule, and one process.

Run by itself this file is that process: `fits` starts it.
"""

import functools
import sys
import time
from typing import NamedTuple

import dni_lesson as dni
from dni_lesson.costs import module_macs
from dni_lesson.schedules import best_cut, step_time
from dni_lesson.workers import (
    Batches,
    Team,
    make_plan,
    make_schedule,
    partition,
)

import keras
import numpy as np
from inputs import arrays
from served import Served

DEPTH, SECONDS, QUEUE = 8, 1.5, 64


def cut_sizes(width, workers):
    """Returns how many layers each worker gets: the best cut by their work.

    For two workers it was measured: the lower one has more calls to make, so
    in narrow nets it should get less. Of 1 to 4 layers for it these were the
    fastest in decoupled training.
    """
    if workers == 2:
        return [2, 6] if width < 1024 else [3, 5]
    macs = module_macs(dni.mlp(DEPTH, width, "cdni"))
    return best_cut(*macs, workers, exactly=True)


# Every schedule, by name: `schedule_of` reads it.
OPPONENTS = (
    "locked",
    "gpipe-4",
    "decoupled",
    "decoupled softmax",
    "decoupled greedy",
    "delayed",
)
# What stands at the cuts of decoupled workers, by the last word of an arm.
AT_CUTS = {
    "linear": {"rule": "cdni", "predictor": "linear"},
    "softmax": {"rule": "cdni", "predictor": "softmax"},
    "greedy": {"rule": "greedy"},
}


def cut_model(width, sizes, seed=0, at_cuts="linear"):
    """Returns a compiled net with an interface at each cut and nowhere else."""
    net = dni.mlp(DEPTH, width, seed=seed, **AT_CUTS[at_cuts])
    cuts = set(np.cumsum(sizes[:-1]).tolist())
    interfaces = [
        one if k in cuts else None for k, one in enumerate(net.interfaces, 1)
    ]
    model = dni.DecoupledModel(net.modules, interfaces)
    model.build((None, 784))
    model.compile("adam", loss(), metrics=["accuracy"])
    return model


def loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def plain(net):
    """Returns the layers of a net as Keras has them, without modules."""
    layers = [layer for one in net.modules for layer in one.layers]
    return keras.Sequential([keras.Input((784,)), *layers])


class Run(NamedTuple):
    """What workers did, and the seconds of a step: by the clock, on the cores.

    Attributes:
        records: List of what each worker did: `events` and `staleness`.
        seconds, cpu_seconds: Floats.
    """

    records: list
    seconds: float
    cpu_seconds: float

    def events(self):
        return [event for record in self.records for event in record.events]


def schedule_of(arm):
    """Returns schedule, micro-batches and what stands at the cuts.

    `"gpipe-4"` has 4 micro-batches; `"decoupled softmax"` softmax predictors.
    """
    arm, _, at_cuts = arm.partition(" ")
    schedule, _, microbatches = arm.partition("-")
    return schedule, int(microbatches or 1), at_cuts or "linear"


class TeamArm:
    """Workers of one schedule; their steps are compiled once."""

    def __init__(self, name, width, batch, sizes, devices):
        schedule, microbatches, at_cuts = schedule_of(name)
        self._schedule = make_schedule(schedule, QUEUE, microbatches)
        model = cut_model(width, sizes, at_cuts=at_cuts)
        parts = partition(model, self._schedule, sizes)
        self._team = Team(model, parts, self._schedule, devices)
        self._batches = Batches(*arrays(64 * batch), batch, self._schedule)

    def run(self, steps, delay=0.0):
        """Returns the `Run` of that many steps."""
        plan = make_plan(
            self._schedule, 1, steps, link_delay=delay, step_timeout=600.0
        )
        begin = time.process_time()
        records = self._team.run(plan, self._batches)
        run = Run(records, 0.0, (time.process_time() - begin) / steps)
        return run._replace(seconds=step_time(run.events()))

    def steady(self, delay=0.0):
        """Returns a `Run` that is long enough."""
        steps = 8 if self._schedule.window == 1 else 100
        guess = self.run(steps, delay).seconds
        return self.run(min(max(int(SECONDS / guess), 12), 1000), delay)

    def batch_seconds(self):
        """Returns what it takes to gather the examples of a call."""
        begin = time.perf_counter()
        for job in range(60):
            self._batches(job)
        return (time.perf_counter() - begin) / 60


def second_epoch(train, steps, batch):
    """Returns a function that trains three epochs and returns the seconds of
    the second: without what a run does once, such as copying the arrays.

    Args:
        train: Function of arrays and of the keywords that `fit` and
            `fit_async` share.
        steps: Integer, mini-batches in an epoch.
        batch: Integer, examples in a mini-batch.
    """
    x, y = arrays(steps * batch)

    def epoch():
        ends = []
        clock = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_: ends.append(time.perf_counter())
        )
        train(x, y, epochs=3, batch_size=batch, callbacks=[clock])
        return ends[1] - ends[0]

    return epoch


FITS = ("backprop fit", "Keras fit")


def fits(width, batch):
    """Starts backprop by `fit` with all cores, in a process of its own.

    How many threads a product may use is one setting for a whole process.
    """
    arms = Served([sys.executable, __file__, str(width), str(batch)])
    for name in FITS:
        arms.ask(name)  # Compilation.
    return arms


def serve(width, batch):
    """Trains for every line that comes in; answers the seconds of a step."""
    ours, net = (dni.mlp(DEPTH, width, "backprop") for _ in range(2))
    steps = max(96, 4096 // batch)
    epochs = {}
    for name, model in zip(FITS, (ours, plain(net)), strict=True):
        model.compile("adam", loss())
        fit = functools.partial(model.fit, verbose=0)
        epochs[name] = second_epoch(fit, steps, batch)
    for line in sys.stdin:
        print(epochs[line.strip()]() / steps, flush=True)


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
