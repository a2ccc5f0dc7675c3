"""A fair race of training rules: what `RacePanel` trains and measures.

All rules start from the same weights and see the same batches in the same
order. They take turns, a quarter of an epoch each, so that their curves grow
side by side.
"""

import functools
import itertools
import math
import time

from dni_lesson.data import load_digits
from dni_lesson.monitors import BoundaryGradient, agreement
from dni_lesson.panels.racer import PREDICTING, racer

import numpy as np

EXAMPLES = 4000  # In an epoch: the digits to learn from.
TURNS = 4  # In an epoch, for each rule.
_PROBE = 256  # Examples on which gradients are compared.
_KEPT = 100  # Those of them whose gradients are kept.


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
        """Adds what one turn of a rule has brought."""
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
def samples():
    """Returns the first test digit of each kind, from 0 to 9.

    Returns:
        Integer array `(10,)`, their places in the test set, and their images,
        a float array `(10, 784)`.
    """
    _, (x, y) = load_digits()
    places = np.array([np.argmax(y == digit) for digit in range(10)])
    return places, x[places]


def race(settings, log, stop, until=None, on_epoch=None):
    """Trains all rules in turns, from where the log ends.

    Args:
        settings: `Settings`; the batch size must divide the 4,000 digits.
        log: `Log`, which grows. A race that was left goes on if it is given
            its log again, as if it had not been left.
        stop: A `threading.Event` that ends the race after the present turn.
        until: Function that returns the last epoch. It is asked after each, so
            that the end may be moved meanwhile. Default: `settings.epochs`.
        on_epoch: Function of the number of an epoch, called when all rules
            have finished it. Default: none.

    Yields:
        Boolean after each turn: whether all rules have come equally far.
    """
    data, racers = load_digits(), {}
    last = settings.rules[-1]
    try:
        for epoch, number, rows, due in _turns(settings, log, until):
            for rule in settings.rules:
                if log.turns(rule) > number:  # Had before the race was left.
                    continue
                if stop.is_set():
                    return
                if rule not in racers:
                    racers[rule] = _racer(rule, settings, log)
                one, batches = racers[rule], [part[rows] for part in data[0]]
                log.add_turn(rule, *_train(one, *batches, due))
                if log.turns(rule) == epoch * TURNS:
                    _measure(one, rule, epoch, *data, log)
                    if on_epoch and rule == last:
                        on_epoch(epoch)
                yield rule == last
    finally:
        for rule, one in racers.items():
            log.states[rule] = one.state()


def _turns(settings, log, until):
    """Yields the epoch, number, batches and due updates of turns to come."""
    for epoch in itertools.count(log.epochs(settings.rules) + 1):
        if epoch > (until() if until else settings.epochs):
            return
        # Not the global seed: it belongs to the reader's own cells.
        rng = np.random.default_rng((settings.seed, epoch))
        batches = rng.permutation(EXAMPLES).reshape(-1, settings.batch_size)
        luck = rng.random((len(batches), settings.depth))
        due = luck < settings.update_probability
        parts = np.array_split(np.arange(len(batches)), TURNS)
        for number, turn in enumerate(parts, (epoch - 1) * TURNS):
            yield epoch, number, batches[turn], due[turn]


def _racer(rule, settings, log):
    """Returns the rule's network as the log left it, or as races begin."""
    one = racer(
        rule,
        settings.depth,
        settings.units,
        settings.predictor_units,
        settings.update_probability < 1,
    )
    if rule in log.states:
        one.go_on_from(log.states[rule])
    else:
        one.restart(settings.seed, settings.learning_rate)
    return one


def _train(one, x, y, due):
    """Returns how many steps, updates and seconds it took, and the loss."""
    start = time.perf_counter()
    updates, losses = one.train(x, y, due[:, : one.calls])
    seconds = time.perf_counter() - start
    known = losses[~np.isnan(losses)]
    loss = float(known.mean()) if known.size else math.nan
    return len(x), updates, seconds, loss


def _measure(one, rule, epoch, train, test, log):
    logits = one.model.predict_on_batch(test[0])
    read = logits.argmax(axis=1)
    row = {"epoch": epoch, "val_accuracy": float(np.mean(read == test[1]))}
    row["reading"] = read[samples()[0]].tolist()
    pairs = one.gradients(*(part[:_PROBE] for part in train))
    row["cosine"] = [agreement(g.true, g.synthetic)["cosine"] for g in pairs]
    log.add_epoch(rule, **row)
    if rule in PREDICTING:
        kept = [
            BoundaryGradient(g.boundary, g.true[:_KEPT], g.synthetic[:_KEPT])
            for g in pairs
        ]
        step = log.history[rule]["step"][-1]
        log.records.setdefault(rule, {})[step] = kept
