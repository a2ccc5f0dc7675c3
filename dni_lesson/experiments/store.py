"""Files of rows: nothing lost, nothing counted twice, nothing overwritten.

Every table of measurements in this repository is kept by a `Store`. Whatever
is asked or added takes the way through the file's text, so that a row which is
asked for is the row that was stored: 32, "32" and `np.int64(32)` are the same.
"""

import csv
import dataclasses
import io
import os
import pathlib
import sys
import warnings

from dni_lesson import files

import filelock
import pandas as pd

LOCK_SECONDS = 60  # A write takes milliseconds.


class ResultsError(ValueError):
    """A results file that cannot be trusted."""


@dataclasses.dataclass(frozen=True)
class Column:
    """What may stand in a column.

    Args:
        kind: `str`, `int` or `float`.
        least: Number, the lowest there is. Default `0`.
        most: Number, the highest there is. Default: the largest float.
        choices: Collection of the strings there are, `None` for any.
        optional: Boolean, whether a field may be empty. It is read as `None`,
            or as an empty string where strings stand.
        later: Boolean, whether files from before lack it. It is then optional
            and one of the last columns. Default `False`.
    """

    kind: type = str
    least: float = 0
    most: float = sys.float_info.max
    choices: tuple | None = None
    optional: bool = False
    later: bool = False

    def __str__(self):
        """What it holds, as a message says it."""
        if self.kind is int:
            return f"an integer from {self.least} to {self.most}"
        if self.kind is float:
            return f"a number from {self.least:g} to {self.most:g}"
        return f"one of {', '.join(self.choices)}" if self.choices else "a line"

    def value(self, value):
        """Returns a value as its field will be read, or raises `ValueError`."""
        text = "" if value is None else str(value)
        if not text and (self.optional or self.later):
            return "" if self.kind is str else None
        value = self.kind(text)
        if self.choices is not None:
            is_allowed = text in self.choices
        elif self.kind is str:
            is_allowed = len(text.splitlines()) == 1
        else:
            is_allowed = self.least <= value <= self.most  # NaN is not.
        if not is_allowed:
            raise ValueError(text)
        return value


class Store:
    """The rows of a CSV file.

    A row is added as a whole or not at all, whatever interrupts: the file is
    written beside itself and takes its own place in one move. What is there
    stays as it is, byte by byte, but for empty fields in columns that came
    later. Processes that add at the same time wait for
    one another. Their lock is `filelock`'s: the operating system takes it away
    from a process that is killed, which a file that only exists would outlive.
    The lock's own file, hidden beside the rows, stays and is empty.

    Args:
        path: Path of the file; made, with its folder, by the first `add`. A
            link is followed, and the file keeps its mode.
        columns: Dict of `Column`s, in the file's order.
        key: Sequence of names of columns: what tells a row from all others.

    Raises:
        ResultsError: If the file is damaged. It is left as it is. Half a last
            row, which a killed program can leave, is no damage: it is warned of
            and left out.
    """

    def __init__(self, path, columns, key):
        self.path = pathlib.Path(path)
        self.columns, self.key = columns, list(key)
        self._read()  # A damaged file is refused at once.

    @property
    def rows(self):
        """The rows that are in the file now, a list of dicts."""
        return self._read()[1]

    def table(self, rows=None):
        """Returns rows, by default all, as a `pandas.DataFrame`."""
        rows = self.rows if rows is None else rows
        return pd.DataFrame(rows, columns=list(self.columns))

    def has(self, **values):
        """Returns whether there is a row with these values now."""
        wanted = self.as_read(values).items()
        return any(wanted <= row.items() for row in self.rows)

    def as_read(self, values):
        """Returns a dict of values as they are after reading them again.

        Raises:
            ValueError: If one cannot stand in its column.
        """
        read = {}
        for name, value in values.items():
            try:
                read[name] = self.columns[name].value(value)
            except ValueError:
                raise ValueError(
                    f"`{name}`. Expected {self.columns[name]}. "
                    f"Received: {name}={value!r}"
                ) from None
        return read

    def add(self, rows):
        """Appends rows, all of them or none.

        The file is read again, as another program may have written to it. Rows
        whose key is there by now are not added.

        Args:
            rows: List of dicts with a value for each column; those that came
                later may be left out.

        Raises:
            ResultsError: If the file is damaged by now. It is left as it is.
        """
        rows = [
            self.as_read(
                {
                    name: row.get(name) if column.later else row[name]
                    for name, column in self.columns.items()
                }
            )
            for row in rows
        ]
        target = pathlib.Path(os.path.realpath(self.path))
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = target.with_name(f".{target.name}.lock")
        with filelock.FileLock(lock, timeout=LOCK_SECONDS):
            text, there = self._read()
            new = self.new_rows(there, rows)
            self.check_rows(there + new)
            if new:
                lines = [_line(row.values()) for row in new]
                text = self._with_all_columns(text) or _line(self.columns)
                files.replace(target, text + "".join(lines))

    def new_rows(self, there, rows):
        """Returns those of `rows` that are not among the rows `there`, once."""
        by_key = {self._key_of(row): row for row in reversed(rows)}
        for row in there:
            by_key.pop(self._key_of(row), None)
        return list(by_key.values())[::-1]

    def check_rows(self, rows):
        """Raises an error of `damage` if rows do not fit with one another."""

    def damage(self, received):
        return ResultsError(
            f"{self.path}. Expected whole rows of measurements. Received: "
            f"{received}. The file is left as it is: repair it, or name another"
        )

    def _key_of(self, row):
        return tuple(row[name] for name in self.key)

    def _read(self):
        """Returns the whole lines of the file, a string, and their rows."""
        try:
            text = self.path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return "", []
        except UnicodeDecodeError as error:
            raise self.damage(f"no text: {error}") from None
        text, half = self._without_half_a_line(text)
        rows, lines = [], {}
        head, *rest = text.split("\n")
        for number, line in enumerate(rest, 2):
            if line.strip():
                row = self._row(line, number, _width(head))
                first = lines.setdefault(self._key_of(row), number)
                if first != number:
                    raise self.damage(f"lines {first} and {number} of one run")
                rows.append(row)
        self.check_rows(rows)
        if half:
            warnings.warn(
                f"{self.path}. Half a last row, {half!r}, is left out",
                stacklevel=3,
            )
        return text, rows

    def _without_half_a_line(self, text):
        """Returns a file's whole lines and what follows the last of them.

        A line that does not end may be half of one: 3 is the beginning of 35.
        """
        whole, end, half = text.rpartition("\n")
        whole += end
        head, wanted = whole.partition("\n")[0], _line(self.columns)
        # An empty file is a beginning, too; a mark of the encoding no name.
        if not whole and wanted.startswith(half.removeprefix("\ufeff")):
            return "", half
        names = next(csv.reader([head.removeprefix("\ufeff")]), [])
        if names not in (list(self.columns), self._from_before()):
            lacks = [name for name in self.columns if name not in names]
            extra = [name for name in names if name not in self.columns]
            raise self.damage(
                f"the columns {names if whole else half[:80]}, without "
                f"{lacks} and with {extra}"
            )
        return whole, half

    def _from_before(self):
        """Returns the names of the columns that every file has."""
        return [name for name, one in self.columns.items() if not one.later]

    def _with_all_columns(self, text):
        """Returns whole lines with empty fields in columns that came later."""
        head, *rows = text.split("\n")
        lacking = list(self.columns)[_width(head) :]
        if not text or not lacking:
            return text
        rows = [row and row + "," * len(lacking) for row in rows]
        return "\n".join([",".join([head, *lacking]), *rows])

    def _row(self, line, number, width):
        try:
            (fields,) = csv.reader([line], strict=True)
        except (csv.Error, ValueError) as error:
            raise self.damage(f"{error} in line {number}") from None
        if len(fields) != width:
            raise self.damage(
                f"{len(fields)} fields instead of {width} in line {number}"
            )
        fields += [""] * (len(self.columns) - width)
        row = dict(zip(self.columns, fields, strict=True))
        for name, text in row.items():
            try:
                row[name] = self.columns[name].value(text)
            except ValueError:
                raise self.damage(
                    f"{text!r} as {name} in line {number}, where "
                    f"{self.columns[name]} should stand"
                ) from None
        return row


def _width(head):
    """Returns how many columns the first line of a file names."""
    return len(next(csv.reader([head]), []))


def _line(values):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()
