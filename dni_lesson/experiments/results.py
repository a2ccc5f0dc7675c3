"""The rows of the benchmark: a round of an arm each, run by run."""

import collections
import dataclasses
import math
import operator
import uuid
from typing import NamedTuple

from dni_lesson.experiments.experiment import (
    CHOICES,
    LIMITS,
    VARIED,
    Experiment,
    Group,
)
from dni_lesson.experiments.machine import ENVIRONMENT, SAME_MACHINE
from dni_lesson.experiments.store import Column, Store

_ABOVE_ZERO = math.ulp(0.0)
_COLUMNS = {
    **{name: Column(int, *limits) for name, limits in LIMITS.items()},
    **{name: Column(choices=names) for name, names in CHOICES.items()},
    "p": Column(float, _ABOVE_ZERO, 1),
    "learning_rate": Column(float, _ABOVE_ZERO),
}
GROUP = {
    "depth": _COLUMNS["depths"],
    "units": _COLUMNS["units"],
    "p": _COLUMNS["p"],
    "seed": _COLUMNS["seeds"],
}
SETTINGS = {
    field.name: _COLUMNS[field.name]
    for field in dataclasses.fields(Experiment)
    if field.name not in VARIED
}
MEASURED = {
    "round": Column(int, 1),
    "step": Column(int, 1),
    "seconds": Column(float),
    "layer_updates": Column(int),
    "macs": Column(float),
    "peak_mib": Column(float, optional=True),
    "validation_error": Column(float, most=100),
    "test_error": Column(float, most=100),
}
COLUMNS = {
    "run": Column(),
    "arm": _COLUMNS["arms"],
    **GROUP,
    **SETTINGS,
    **MEASURED,
    **ENVIRONMENT,
}
# Runs that the report would not compare are different runs; it would compare
# those of two commits.
CELL = ["arm", *Group._fields, *SETTINGS, *SAME_MACHINE]
_cell = operator.itemgetter(*CELL)


class Rest(NamedTuple):
    """What is left of a run.

    Args:
        run: String, the run's name.
        done: Integer, the rounds that are there.
        arms: Tuple of the arms that have come as far and take turns.
    """

    run: str
    done: int
    arms: tuple


class Results(Store):
    """The rows of a results file, one for each round of each arm.

    Args:
        path: Path of a CSV file; made at the first `add`.

    Attributes:
        frame: `pandas.DataFrame` with the columns `COLUMNS`: the rows of the
            arms that have all their rounds. `seconds` and `layer_updates` are
            those of the round alone, errors in percent after it; `step` counts
            iterations, the compiling ones left out; `peak_mib` is the peak
            memory of a process with this arm alone, which stands in at least
            one row of a run; `run` is the same for arms that took turns with
            each other.

    Raises:
        ResultsError: If the file is damaged. It is left as it is.
    """

    def __init__(self, path):
        super().__init__(path, COLUMNS, [*CELL, "round"])

    @property
    def frame(self):
        rows = self.rows
        reached = collections.Counter(map(_cell, rows))
        return self.table(
            [row for row in rows if reached[_cell(row)] == _total(row)]
        )

    def rest(self, experiment, group, machine):
        """Returns what is still to be run of a group, a list of `Rest`s.

        Arms that began together and have come equally far go on together.

        Args:
            experiment: `Experiment`.
            group: `Group`.
            machine: Dict, from `environment`: what ran on another machine, or
                with another TensorFlow, is not done.
        """
        wanted = {**group._asdict(), **experiment.settings()}
        wanted |= {name: machine[name] for name in SAME_MACHINE}
        wanted = self.as_read(wanted).items()
        there = collections.defaultdict(list)
        for row in self.rows:
            if wanted <= row.items():
                there[row["arm"]].append(row)
        new, parts = uuid.uuid4().hex[:12], collections.defaultdict(list)
        for arm in experiment.arms:
            run = there[arm][0]["run"] if there[arm] else new
            if len(there[arm]) < experiment.epochs * experiment.rounds:
                parts[run, len(there[arm])].append(arm)
        return [
            Rest(run, done, tuple(arms)) for (run, done), arms in parts.items()
        ]

    def new_rows(self, there, rows):
        """As in a `Store`; a cell belongs to the run that came first."""
        owner = {_cell(row): row["run"] for row in there}
        return [
            row
            for row in super().new_rows(there, rows)
            if owner.get(_cell(row), row["run"]) == row["run"]
        ]

    def check_rows(self, rows):
        """Raises `ResultsError` unless each run has its rounds in order."""
        runs, reached = {}, collections.Counter()
        for row in rows:
            cell = _cell(row)
            reached[cell] += 1
            if row["round"] != reached[cell] or row["round"] > _total(row):
                raise self.damage(
                    f"round {row['round']} of {_total(row)} as number "
                    f"{reached[cell]} of {cell[:5]}"
                )
            if runs.setdefault(cell, row["run"]) != row["run"]:
                raise self.damage(f"two runs of {cell[:5]}")


def _total(row):
    """Returns how many rounds a run has in all."""
    return row["epochs"] * row["rounds"]
