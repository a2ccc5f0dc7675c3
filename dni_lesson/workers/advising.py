"""One call: which schedule would train a model how fast on this machine."""

import itertools
from typing import NamedTuple

from dni_lesson.checks import (
    check_int,
    check_not_negative,
    check_positive,
    check_that,
)
from dni_lesson.interfaces import Interface, needs_output_gradient
from dni_lesson.model import DecoupledModel
from dni_lesson.schedules import best_cut
from dni_lesson.schedules.advice import Advice, options
from dni_lesson.stochastic import same_optimizer
from dni_lesson.workers.alone import best_seconds
from dni_lesson.workers.batches import Batches
from dni_lesson.workers.devices import devices_of
from dni_lesson.workers.fit import (
    check_arrays,
    check_masks,
    check_model,
    claimed,
)
from dni_lesson.workers.measuring import (
    held_bytes,
    measure_costs,
    measure_crossing,
    measure_sharing,
    reaching_the_last,
    unchanged,
)
from dni_lesson.workers.partition import partition
from dni_lesson.workers.schedule import make_plan, make_schedule
from dni_lesson.workers.team import Team, kept_team

import keras
import numpy as np

_BATCHES = 8  # as many different ones are measured with
_LATE = (
    "These are seconds a step, not seconds to an error: with late or predicted "
    "gradients a step may learn less."
)
_ONE_THREAD = (
    "One process was measured with as few threads as this program has set; "
    "with all cores it may be faster."
)


def advise(
    model,
    x,
    y=None,
    workers=2,
    link_delay=0.0,
    bandwidth=None,
    *,
    batch_size=64,
    queue_size=8,
    microbatches=4,
    devices=None,
):
    """Says how fast each schedule of `fit_async` would train a model here.

    Every call of every worker is measured alone for a second, then how much
    calls at once slow each other, what a message takes, and a step of one
    process, which may use all cores: backprop by `fit`, without predictors. The
    rest is arithmetic. Workers are measured as `fit_async` would run them in
    this process: call `worker_devices` first in a program and pass what it
    returns, so that each has a thread of its own. Nothing about the model
    changes.

    Args:
        model: A built and compiled `DecoupledModel`; or a `keras.Sequential`,
            compiled, whose layers are then the modules, with an interface where
            there is an `Interface` among them.
        x: Array `(examples, *features)`, or a data set of pairs `(x, y)` in
            batches, of which the first few are used.
        y: Array `(examples,)` or `(examples, num_classes)`; `None` with a data
            set. Default `None`.
        workers: Integer >= 1, or a list with the number of modules of each. Of
            all cuts into so many parts the one is taken whose slowest worker
            has least to do. Default `2`.
        link_delay: Float >= 0, seconds that each message between workers takes.
            Default `0.0`.
        bandwidth: Float > 0, bytes that a link sends in a second, as in
            `fit_async`. Default `None`: no limit.
        batch_size: Integer >= 1; a data set has its own. Default `64`.
        queue_size, microbatches: As in `fit_async`; where the micro-batches do
            not divide the batch there is no `"gpipe"`.
        devices: As in `fit_async`. Default `None`.

    Returns:
        `Advice`, which prints as a table and a sentence.

    Raises:
        ValueError: If an argument is out of its range, or the model cannot be
            cut among so many workers.

    Example:

        devices = dni.worker_devices(2)  # at the start of a program
        print(dni.advise(model, x, y, workers=2, devices=devices))
    """
    link_delay = check_not_negative("link_delay", link_delay)
    if bandwidth is not None:
        bandwidth = check_positive("bandwidth", bandwidth)
    chain = as_chain(model)
    ask = Question(chain, *_examples(chain, x, y, batch_size))
    kinds = {
        name: make_schedule(name, queue_size, microbatches)
        for name in _names(chain, ask.batch_size, microbatches)
    }
    count, sizes = _check_workers(chain, workers)
    devices = devices_of(devices, count, "threads")
    with claimed(chain), unchanged(_state(chain)):
        *alone, all_cores = ask.one_process()
        costs, cores = {}, 1.0
        if count > 1:
            sizes = sizes or ask.best_sizes(count, kinds)
            costs, cores = ask.workers(sizes, kinds, devices)
    found = options(
        costs,
        sizes or [len(chain.modules)],
        alone,
        crossing=measure_crossing(link_delay),
        bandwidth=bandwidth,
        cores=cores,
        queue_size=queue_size,
        microbatches=microbatches,
    )
    notes = (_LATE,) if all_cores else (_LATE, _ONE_THREAD)
    return Advice(tuple(found), cores, notes=notes)


class Question(NamedTuple):
    """A model and examples to measure with.

    Attributes:
        model: `DecoupledModel`.
        x, y: Arrays.
        batch_size: Integer, at most as many as there are examples.
    """

    model: DecoupledModel
    x: np.ndarray
    y: np.ndarray
    batch_size: int

    def one_process(self):
        """Returns the seconds of a step, the bytes that it keeps, and whether
        all cores were tried."""
        seconds, tried = best_seconds(
            self.model, self.x, self.y, self.batch_size
        )
        schedule = make_schedule("locked")
        (part,) = partition(self.model, schedule, [len(self.model.modules)])
        h, y = self._batches(schedule)(0)
        return seconds, held_bytes(self.model, part, h, y), tried

    def best_sizes(self, count, kinds):
        """Returns how many modules each of so many workers should get."""
        name = next(iter(kinds))
        parts = partition(self.model, kinds[name])
        sizes = [len(part.modules) for part in parts]
        if count == len(parts):
            return sizes
        team = Team(self.model, parts, kinds[name])
        batches = self._batches(kinds[name])
        team.compile(batches.examples())
        costs = measure_costs(team, batches)
        cut = best_cut(*costs[:3], count, exactly=True)
        ends = [sum(cut[:k]) for k in range(count + 1)]
        return [sum(sizes[a:b]) for a, b in itertools.pairwise(ends)]

    def workers(self, sizes, kinds, devices):
        """Returns a dict of `Costs` by schedule, and what cores are worth."""
        costs, cores = {}, None
        for name, schedule in kinds.items():
            parts = partition(self.model, schedule, sizes)
            check_masks(parts, self.x)
            batches = self._batches(schedule)
            plan = make_plan(schedule, 1, batches.per_epoch)
            with kept_team(self.model, parts, devices, plan, batches) as team:
                team.compile(batches.examples())
                costs[name] = measure_costs(team, batches)
                if cores is None:
                    cores = measure_sharing(team, batches)
                    last = reaching_the_last(team, batches)
        kept = held_bytes(self.model, parts[-1], *last)
        for one in costs.values():
            one.kept[-1] = kept
        return costs, cores

    def _batches(self, schedule):
        return Batches(self.x, self.y, self.batch_size, schedule)


def as_chain(model):
    """Returns a model as a compiled `DecoupledModel` with the same layers.

    Raises:
        ValueError: If it is none, and no chain of layers.
    """
    if not isinstance(model, keras.Sequential):
        check_model(model)
        return model
    if not model.built or not model.compiled or model.loss is None:
        raise ValueError(
            "`model`. Expected a Sequential that is built, and compiled with a "
            f"loss. Received: {model!r}"
        )
    modules, interfaces = [], []
    if any(isinstance(model.layers[end], Interface) for end in (0, -1)):
        raise ValueError(
            "`model`. Expected interfaces between layers. Received: "
            f"layers={model.layers}"
        )
    for layer in model.layers:
        if isinstance(layer, Interface):
            interfaces[len(modules) - 1 :] = [layer]
        else:
            interfaces += [None] * (len(modules) - len(interfaces))
            modules.append(layer)
    chain = DecoupledModel(modules, interfaces)
    chain.build(model.input_shape)
    chain.compile(same_optimizer(model.optimizer), model.loss)
    check_model(chain)
    return chain


def _check_workers(model, workers):
    """Returns how many workers there are, and the modules of each, if given."""
    locked = make_schedule("locked")
    if isinstance(workers, list | tuple):
        try:
            return len(partition(model, locked, workers)), list(workers)
        except ValueError as error:
            text = str(error).replace("modules", "workers")
            raise ValueError(text) from None
    most = len(partition(model, locked))
    return check_int("workers", workers, at_least=1, at_most=most), None


def _names(model, batch_size, microbatches):
    """Returns the schedules that can train a model, the first with the calls
    that the best cut is taken by."""
    # As in `partition`: one interface is enough for cuts at interfaces alone.
    names = ["locked", "delayed"]
    waits = any(map(needs_output_gradient, model.interfaces))
    if any(one is not None for one in model.interfaces) and not waits:
        names.insert(0, "decoupled")
    microbatches = check_int("microbatches", microbatches, at_least=1)
    return names if batch_size % microbatches else [*names, "gpipe"]


def _examples(model, x, y, batch_size):
    """Returns some arrays and the size of their batches."""
    batch_size = check_int("batch_size", batch_size, at_least=1)
    if y is None:
        x, y = _first_batches(x)
        batch_size = len(x[0])
        x, y = (
            np.concatenate([one[: len(x[0])] for one in them])
            for them in (x, y)
        )
    x, y = check_arrays(model, x, y)
    x, y = np.asarray(x), np.asarray(y)
    batch_size = min(batch_size, len(x))
    # Whole batches, so that nothing is compiled for a smaller one.
    whole = min(len(x) // batch_size, _BATCHES) * batch_size
    return x[:whole], y[:whole], batch_size


def _first_batches(data):
    """Returns two lists of arrays, from a data set."""
    expected = "an array with `y`, or a data set of batches `(x, y)`"
    if hasattr(data, "__array__") or not hasattr(data, "__iter__"):
        check_that(False, "x", data, expected)
    pairs = []
    for batch in itertools.islice(data, _BATCHES):
        is_pair = isinstance(batch, list | tuple) and len(batch) > 1
        check_that(is_pair, "x", batch, expected)
        pairs.append([np.asarray(one) for one in batch[:2]])
    check_that(pairs, "x", data, expected)
    return tuple(zip(*pairs, strict=True))


def _state(model):
    layers = [*model.modules, *filter(None, model.interfaces)]
    return [variable for layer in layers for variable in layer.variables]
