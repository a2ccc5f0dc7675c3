"""A fair race of training rules: what `RacePanel` trains and measures.

All rules start from the same weights and see the same batches in the same
order. They take turns, a quarter of an epoch each, so that their curves grow
side by side.
"""

import functools
import itertools
from typing import NamedTuple

from dni_lesson.checks import check_choice
from dni_lesson.data import load_digits
from dni_lesson.experiments.arms import (
    Arm,
    boundaries,
    course_network,
    layer_calls,
    new_network,
    take_turn,
    whole_calls,
)
from dni_lesson.experiments.running import epoch_of_turns, read
from dni_lesson.monitors import (
    BoundaryGradient,
    agreement,
    gradient_function,
)
from dni_lesson.updates import crossentropy

import keras
import numpy as np
import tensorflow as tf

TURNS = 4  # In an epoch, for each rule.
_PROBE = 256  # Examples on which gradients are compared.
_KEPT = 100  # Those of them whose gradients are kept.


# The shape of a digit for each kind of network, and settings that suit it.
_SHAPES = {"mlp": (784,), "cnn": (28, 28, 1)}
_USUAL = {"mlp": {}, "cnn": {"kind": "cnn", "depth": 3, "units": 8}}
_MIXING = ("dni", "cdni")  # Rules that may let a share of the truth through.


class Settings(NamedTuple):
    """What a race is run with; see `mlp` and `cnn` for the first three.

    Attributes:
        depth: Integer, the number of weight layers.
        units: Integer, the width of the hidden layers, or their filters.
        predictor: What predicts gradients. `"softmax"` needs the label: the
            rule `"dni"` has a linear one then.
        update_probability: Float in (0, 1], with which each module is updated
            at an iteration. The rules without synthetic gradients update all
            modules together: theirs are locked.
        learning_rate: Float, of Adam.
        batch_size: Integer.
        seed: Integer, of the initial weights and of the order of examples.
        rules: Tuple of strings, who races.
        epochs: Integer, when the race ends.
        models: Dict from the name of a rule of your own to a function of any of
            `depth`, `units` and `seed`, which returns a `DecoupledModel` that
            is not compiled.
        kind: String, the networks that the rules train: `"mlp"` or `"cnn"`.
        share: Float in [0, 1], how much of the true gradient goes down under
            the rules `"dni"` and `"cdni"`, see `SyntheticGradient`. Above 0
            their modules are locked, and are updated together.
    """

    depth: int = 4
    units: int = 128
    predictor: str | tuple[int, ...] = "linear"
    update_probability: float = 1.0
    learning_rate: float = 1e-3
    batch_size: int = 100
    seed: int = 0
    rules: tuple[str, ...] = ("backprop", "dni", "cdni")
    epochs: int = 20
    models: dict = {}
    kind: str = "mlp"
    share: float = 0.0

    @classmethod
    def of(cls, kind="mlp", **changes):
        """Returns the usual settings for a kind of network, with changes.

        Raises:
            ValueError: If there is no such kind.
        """
        check_choice("kind", kind, _USUAL)
        return cls(**{**_USUAL[kind], **changes})

    @property
    def shape(self):
        """The shape of an example, a tuple."""
        return _SHAPES[self.kind]

    def network(self, rule):
        """Returns a rule's network as arguments of `new_network`."""
        make = self.models.get(rule)
        unlabelled = rule == "dni" and self.predictor == "softmax"
        predictor = "linear" if unlabelled else self.predictor
        make = make or course_network(rule, predictor, self.kind)
        return make, self.depth, self.units

    def boundaries(self, rule):
        """Returns the boundaries at which gradients are compared."""
        if rule in self.models:
            return _boundaries(*self.network(rule), self.shape)
        # The course's networks have one above each hidden layer, or none; the
        # smallest of a rule is made in no time.
        has_some = _boundaries(course_network(rule), 2, 1, _SHAPES["mlp"])
        return list(range(1, self.depth)) if has_some else []


@functools.lru_cache
def _boundaries(make, depth, units, input_shape):
    return boundaries(new_network(make, depth, units, 0, input_shape))


class Log:
    """What has been measured in a race so far, rule by rule.

    Everywhere `step` counts iterations, `updates` the layers updated in them,
    and `seconds` is the time spent in them alone.

    Attributes:
        losses: Dict from rule to a dict of equal-length lists, one entry per
            turn: `step`, `updates`, `seconds`, `loss`, the mean training loss,
            `nan` if the top module was not updated.
        history: Dict from rule to a dict of equal-length lists, one entry per
            epoch: `epoch`, `step`, `updates`, `seconds`, `val_accuracy`;
            `cosine`, a list with one cosine of true and synthetic gradient per
            boundary, from the input, `nan` where the synthetic gradient is
            zero, empty for backprop; `reading`, what is read in `samples`.
        records: Dict from rule to a dict from step to the list of
            `BoundaryGradient` of 100 examples, one entry per epoch; only of
            rules with synthetic gradients.
        states: Dict from rule to the `state` of its `Racer` when the race was
            last left: with it, the race goes on.
    """

    def __init__(self):
        self.losses, self.history = {}, {}
        self.records, self.states = {}, {}

    def turns(self, rule):
        """Returns how many turns a rule has had."""
        return len(self.losses[rule]["step"]) if rule in self.losses else 0

    def epochs(self, rules):
        """Returns how many epochs all of these rules have finished."""
        return min(map(self.turns, rules), default=0) // TURNS

    def add_turn(self, rule, steps, updates, seconds, loss):
        """Adds what one turn of a rule has brought, see `Turn`."""
        rows = self.losses.get(rule)
        row = {"step": steps, "updates": updates, "seconds": seconds}
        for key in row:
            row[key] += rows[key][-1] if rows else 0
        self.losses = _with_row(self.losses, rule, {**row, "loss": loss})

    def add_epoch(self, rule, **row):
        """Adds what was measured at the end of an epoch."""
        turns = self.losses[rule]
        row |= {key: turns[key][-1] for key in ("step", "updates", "seconds")}
        self.history = _with_row(self.history, rule, row)


def _with_row(table, rule, row):
    """Returns a new table: another thread may be reading the old one."""
    rows = table.get(rule, {})
    longer = {key: [*rows.get(key, []), value] for key, value in row.items()}
    return {**table, rule: longer}


@functools.cache
def digits():
    """Returns the digits that are raced on, see `load_digits`."""
    return load_digits()


def _digits(shape):
    """Returns the digits, each in a shape that a network takes."""
    return [(x.reshape(-1, *shape), y) for x, y in digits()]


def samples():
    """Returns the images of the first test digit of each kind, from 0 to 9."""
    _, (x, y) = digits()
    return x[_first_of_each(y)]


def _first_of_each(labels):
    return np.unique(labels, return_index=True)[1]


def race(settings, log, stop, until=None, on_epoch=None, data=None):
    """Trains all rules in turns, from where the log ends.

    Args:
        settings: `Settings`.
        log: `Log`, which grows. A race that was left goes on if it is given
            its log again, as if it had not been left.
        stop: A `threading.Event` that ends the race after the present turn.
        until: Function that returns the last epoch. It is asked after each, so
            that the end may be moved meanwhile. Default: `settings.epochs`.
        on_epoch: Function of the number of an epoch, called when all rules
            have finished it. Default: none.
        data: `(x_train, y_train), (x_test, y_test)`. Default: `digits()`.

    Yields:
        Boolean after each turn: whether all rules have come equally far.
    """
    (train, test), racers = data or _digits(settings.shape), {}
    last = settings.rules[-1]
    turns = _turns(settings, log, until, len(train[1]))
    try:
        for epoch, number, rows, luck in turns:
            for rule in settings.rules:
                if log.turns(rule) > number:  # Had before the race was left.
                    continue
                if stop.is_set():
                    return
                if rule not in racers:
                    racers[rule] = _racer(rule, settings, log, train)
                arm = racers[rule]
                chances = luck[:, np.arange(arm.calls) % settings.depth]
                log.add_turn(rule, *take_turn(arm, train, rows, chances))
                if log.turns(rule) == epoch * TURNS:
                    _measure(arm, rule, epoch, train, test, log)
                    if on_epoch and rule == last:
                        on_epoch(epoch)
                yield rule == last
    finally:
        for rule, arm in racers.items():
            log.states[rule] = arm.state()


def _turns(settings, log, until, examples):
    """Yields the epoch, number, batches and luck of turns to come."""
    for epoch in itertools.count(log.epochs(settings.rules) + 1):
        if epoch > (until() if until else settings.epochs):
            return
        # Not the global seed: it belongs to the reader's own cells.
        rng = np.random.default_rng((settings.seed, epoch))
        turns = epoch_of_turns(rng, examples, settings.batch_size, TURNS)
        for number, rows in enumerate(turns, (epoch - 1) * TURNS):
            luck = rng.random((len(rows), settings.depth))
            yield epoch, number, rows, luck


def _racer(rule, settings, log, examples):
    """Returns the rule's network as the log left it, or as races begin."""
    specs = [
        tf.TensorSpec((None, None, *values.shape[1:]), values.dtype)
        for values in examples
    ]
    share = settings.share if rule in _MIXING else 0.0
    by_layer = settings.update_probability < 1 and share == 0
    arm = racer(*settings.network(rule), by_layer, *specs)
    arm.p = settings.update_probability
    if rule in _MIXING:
        arm.mix(share)
    if rule in log.states:
        arm.set_state(log.states[rule])
    else:
        arm.restart(settings.seed, settings.learning_rate)
    return arm


def _measure(arm, rule, epoch, train, test, log):
    x, labels = test
    classes = read(arm.model, x)
    pairs = arm.gradients(*(values[:_PROBE] for values in train))
    log.add_epoch(
        rule,
        epoch=epoch,
        val_accuracy=float(np.mean(classes == labels)),
        reading=classes[_first_of_each(labels)].tolist(),
        cosine=[agreement(g.true, g.synthetic)["cosine"] for g in pairs],
    )
    if arm.boundaries:
        kept = [
            BoundaryGradient(g.boundary, g.true[:_KEPT], g.synthetic[:_KEPT])
            for g in pairs
        ]
        step = log.history[rule]["step"][-1]
        log.records.setdefault(rule, {})[step] = kept


class Racer(Arm):
    """An arm that takes a whole turn in one call, kept between races.

    For some hundred steps XLA costs more than it saves, so there is none. With
    synthetic gradients at every boundary modules can be updated one without the
    other, in a call for each.

    Args:
        make, depth, units: See `new_network`.
        by_layer: Boolean, whether there is a call for each layer, if there can
            be.
        x_spec: `tf.TensorSpec` of the examples of a turn,
            `(None, None, *features)`.
        y_spec: `tf.TensorSpec` of their labels.

    Attributes:
        boundaries: List of integers, see `boundaries`.
        gradients: The model's `gradient_function`.
    """

    def __init__(self, make, depth, units, by_layer, x_spec, y_spec):
        self._new = functools.partial(
            new_network, make, depth, units, input_shape=x_spec.shape[2:]
        )
        model = self._new(seed=0)
        self._start = model.variables
        self.boundaries = boundaries(model)
        if by_layer and len(self.boundaries) == len(model.interfaces):
            model.compile("sgd", crossentropy(), jit_compile=False)
            calls = layer_calls(model, 1e-3, jit_compile=False)
        else:
            calls = whole_calls(model, 1e-3, jit_compile=False)
        super().__init__(model, calls)
        self.gradients = gradient_function(model)
        specs = x_spec, y_spec, tf.TensorSpec((None, self.calls), tf.bool)
        turn = tf.function(self._losses, input_signature=specs, autograph=False)
        # Called by itself, that of a fifth network would be taken for one that
        # is traced too often, and warn.
        self._turn = turn.get_concrete_function()
        # Run on no batches at all, so that no iteration has to prepare it.
        shapes = [[0, *(size or 1 for size in one.shape[1:])] for one in specs]
        self._turn(*map(tf.zeros, shapes, [one.dtype for one in specs]))

    def restart(self, seed, learning_rate):
        """Puts back everything that training has changed.

        Args:
            seed: Integer, of the initial weights.
            learning_rate: Float.
        """
        new = self._new(seed=seed).variables
        for variable, value in zip(self._start, new, strict=True):
            variable.assign(value)
        for optimizer in self._optimizers:
            for variable in optimizer.variables:
                variable.assign(keras.ops.zeros_like(variable))
            optimizer.learning_rate = learning_rate

    def mix(self, share):
        """Lets this share of the true gradient through at every boundary."""
        for interface in self.model.interfaces:
            interface.share = share

    def ready(self, x, y, due):
        return tf.constant(x), tf.constant(y), tf.constant(due)

    def train(self, x, y, due):
        """Takes some iterations, without a return to Python between them.

        Returns:
            Float, the mean training loss of the batches in which the top
            module was updated, NaN if there are none.
        """
        losses = self._turn(x, y, due).numpy()
        losses = losses[~np.isnan(losses)]
        return float(losses.mean()) if losses.size else np.nan

    def _losses(self, x, y, due):
        """Returns the loss of each batch, NaN unless the top was updated."""

        def update(function, x, y):
            logs = function(x, y)  # Those of a layer below the top are None.
            return logs["loss"] if logs else np.nan

        def step(_, batch):
            x, y, due = batch
            for k, function in enumerate(self._functions):
                loss = tf.cond(
                    due[k],
                    functools.partial(update, function, x, y),
                    lambda: tf.constant(np.nan),
                )
            return loss

        return tf.scan(step, (x, y, due), np.nan, parallel_iterations=1)


# Keras traces a training step in seconds, once for each network. Keeping the
# last ones lets a race with another seed or learning rate begin at once.
racer = functools.lru_cache(maxsize=8)(Racer)
