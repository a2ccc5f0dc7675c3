"""Rows in a file: nothing lost, nothing counted twice, nothing overwritten."""

import contextlib
import os
import pathlib

from dni_lesson.benchmark.experiment import Experiment, Group

import pandas as pd

SETTINGS = list(Experiment().settings())
GROUP = list(Group._fields)
MEASURED = [
    "round",
    "step",
    "seconds",
    "layer_updates",
    "macs",
    "peak_mib",
    "validation_error",
    "test_error",
]
ENVIRONMENT = [
    "device_name",
    "cpu",
    "cores",
    "threads",
    "python",
    "tensorflow",
    "keras",
    "commit",
]
COLUMNS = ["run", "arm", *GROUP, *SETTINGS, *MEASURED, *ENVIRONMENT]
CELL = ["arm", *GROUP, *SETTINGS]


class ResultsError(ValueError):
    """A results file that cannot be trusted."""


class Results:
    """The rows of a results file, one for each round of each arm.

    Args:
        path: Path of a CSV file; made at the first `add`.

    Attributes:
        frame: `pandas.DataFrame` with the columns `COLUMNS`. `seconds` and
            `layer_updates` are those of the round alone, errors in percent
            after it; `step` counts iterations, the compiling ones left out;
            `peak_mib` is the peak memory of a process with this arm alone;
            `run` is the same for arms that took turns with each other.

    Raises:
        ResultsError: If the file is damaged. It is left as it is.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.frame = pd.DataFrame(columns=COLUMNS)
        if self.path.exists():
            self.frame = self._read()

    def _read(self):
        try:
            frame = pd.read_csv(self.path, dtype={"run": str, "commit": str})
        except Exception as error:  # pandas raises many kinds.
            raise self._damage(str(error)) from error
        if list(frame.columns) != COLUMNS:
            raise self._damage(f"the columns {list(frame.columns)}")
        for name in (*GROUP, *MEASURED):
            column = pd.to_numeric(frame[name], errors="coerce")
            if column.isna().any():
                row = int(column.isna().idxmax()) + 2
                raise self._damage(f"no number as {name} in line {row}")
        for name in ("run", *CELL, *ENVIRONMENT):
            if frame[name].isna().any():  # Grouping would drop the row.
                row = int(frame[name].isna().idxmax()) + 2
                raise self._damage(f"no {name} in line {row}")
        for key, rows in frame.groupby(CELL):
            expected = rows["epochs"].iloc[0] * rows["rounds"].iloc[0]
            if sorted(rows["round"]) != list(range(1, expected + 1)):
                raise self._damage(
                    f"not each of {expected} rounds once for {key[:4]}"
                )
        return frame

    def _damage(self, found):
        return ResultsError(
            f"{self.path}. Expected whole runs of the benchmark. Received: "
            f"{found}. The file is left as it is: repair it, or name another"
        )

    def missing(self, experiment, group):
        """Returns the arms of a group that have no rows yet."""
        wanted = {**group._asdict(), **experiment.settings()}
        same = self.frame
        for name, value in wanted.items():
            same = same[same[name] == value]
        return [arm for arm in experiment.arms if arm not in set(same["arm"])]

    def add(self, rows):
        """Appends the rows of a finished group, all of them or none.

        The file is read again: another benchmark may have written to it. Runs
        that it has by now are not added.

        Args:
            rows: List of dicts with the keys `COLUMNS`.

        Raises:
            ResultsError: If the file is damaged by now. It is left as it is.
        """
        frame = pd.DataFrame(rows, columns=COLUMNS)
        if self.path.exists():
            there = self._read()
            known = pd.MultiIndex.from_frame(there[CELL])
            is_known = pd.MultiIndex.from_frame(frame[CELL]).isin(known)
            frame = pd.concat([there, frame[~is_known]])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A file of its own that takes the old one's place in one move.
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with open(beside, "w", newline="") as file:
                frame.to_csv(file, index=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                beside.unlink()
        self.frame = frame.reset_index(drop=True)
