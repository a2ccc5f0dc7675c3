"""Tells how safely the lessons' verdicts hold: `python tests/margins.py`.

A lesson prints verdicts on what it has trained. Another CPU adds up in another
order, and after some epochs its run is as different as that of another seed.
So this program runs lessons with other seeds, and on request with other
arithmetic. It tells by how much each comparison in their cells held, and which
printed lines changed.

    python tests/margins.py                     all lessons and solutions
    python tests/margins.py 00 04 --seeds 3     some, with three seeds
    python tests/margins.py 02 --numerics       and as other machines add up
"""

import argparse
import ast
import collections
import contextlib
import json
import operator
import os
import pathlib
from unittest import mock

import lessons
import numpy as np
import pandas as pd
import portable
from nbformat import v4

COMPARISONS = {
    "Lt": (operator.lt, operator.neg),
    "LtE": (operator.le, operator.neg),
    "Gt": (operator.gt, operator.pos),
    "GtE": (operator.ge, operator.pos),
    "Eq": (operator.eq, lambda gap: -abs(gap)),
}
SEEDED = {"mlp", "fit_async", "RacePanel"}  # Their `seed` is 0 if not given.
KEY = ["lesson", "cell", "comparison", "time"]

records = []  # In the kernel, one for each comparison that a cell made.


def compare(cell, source, names, *values):
    """Compares in the kernel, as the cell would, and notes the distances."""
    result = True
    for name, left, right in zip(names, values, values[1:], strict=False):
        holds, signed = COMPARISONS[name]
        truth = holds(left, right)
        result = truth if result is True else result and truth
        with contextlib.suppress(TypeError, ValueError, NotImplementedError):
            gap = np.subtract(left, right, dtype=float)
            _note(cell, source, signed(gap), truth)
    return result


def close(cell, source, function, left, right, rtol=1e-5, atol=1e-8):
    """Calls `np.allclose` or `np.isclose` and notes how much is left."""
    result = function(left, right, rtol=rtol, atol=atol)
    gap = np.abs(np.subtract(left, right))
    _note(cell, source, 1 - gap / (atol + rtol * np.abs(right)), result)
    return result


def _note(cell, source, distances, truth):
    row = cell, source, float(np.min(distances)), bool(np.all(truth))
    records.append(row)


class _Instrument(ast.NodeTransformer):
    """Shifts the seeds in a cell and has its comparisons noted."""

    def __init__(self, cell, offset, tree):
        self.cell, self.offset = cell, offset
        self.silent = {id(node) for node in _not_asserted(tree)}

    def visit_Compare(self, node):
        source = ast.unparse(node)
        names = [type(op).__name__ for op in node.ops]
        self.generic_visit(node)
        if id(node) in self.silent or not set(names) <= set(COMPARISONS):
            return node
        call = self._call(source, names)
        call.args += [node.left, *node.comparators]
        return call

    def visit_Call(self, node):
        source = ast.unparse(node)
        self.generic_visit(node)
        name = ast.unparse(node.func).split(".")[-1]
        seed = [word for word in node.keywords if word.arg == "seed"]
        if name in ("set_random_seed", "default_rng"):
            node.args[0] = self._shift(node.args[0])
        elif seed:
            seed[0].value = self._shift(seed[0].value)
        elif name in SEEDED:
            node.keywords.append(ast.keyword("seed", ast.Constant(self.offset)))
        elif name in ("allclose", "isclose"):
            node.args = [*self._call(source).args, node.func, *node.args]
            node.func = ast.parse("_margins.close", mode="eval").body
        return node

    def visit_Assign(self, node):
        self.generic_visit(node)
        if ast.unparse(node.targets[0]).endswith(".fields['seed'].value"):
            node.value = self._shift(node.value)
        return node

    def _shift(self, seed):
        return ast.BinOp(seed, ast.Add(), ast.Constant(self.offset))

    def _call(self, *arguments):
        text = f"_margins.compare{(self.cell, *arguments)!r}"
        return ast.parse(text, mode="eval").body


def _not_asserted(tree):
    """Yields nodes whose truth is counted, multiplied or chosen by."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp):
            if not isinstance(node.op, ast.BitAnd | ast.BitOr):
                yield from (node.left, node.right)
        elif isinstance(node, ast.comprehension):
            yield from node.ifs
        elif isinstance(node, ast.Subscript):
            yield node.slice
        elif isinstance(node, ast.Compare):
            for operand in (node.left, *node.comparators):
                yield from ast.walk(operand)
        elif isinstance(node, ast.Call):
            if ast.unparse(node.func).split(".")[-1] in ("mean", "sum"):
                yield from (getattr(node.func, "value", node), *node.args)


def instrument(source, cell=0, offset=0):
    """Returns a cell's source with seeds shifted and comparisons noted."""
    tree = ast.parse(source)
    return ast.unparse(_Instrument(cell, offset, tree).visit(tree))


def measure(notebook, folder, offset=0):
    """Runs a notebook; returns its records and a dict of its printed lines."""
    numbered = enumerate(notebook.cells)
    code = {k: cell for k, cell in numbered if cell.cell_type == "code"}
    for k, cell in code.items():
        cell.source = instrument(cell.source, k, offset)
    here = str(pathlib.Path(__file__).parent)
    first = f"import sys; sys.path.append({here!r}); import margins as _margins"
    last = v4.new_code_cell("import json; print(json.dumps(_margins.records))")
    notebook.cells = [v4.new_code_cell(first), *code.values(), last]
    for cell in notebook.cells:
        cell.metadata["tags"] = ["raises-exception"]  # Goes on all the same.
    lessons.run(notebook, folder)
    printed = {k: _lines(cell) for k, cell in code.items()}
    return json.loads(last.outputs[0].text), printed


def _lines(cell):
    text = ""
    for output in cell.outputs:
        error = f"{output.get('ename')}: {output.get('evalue')}\n"
        shown = output.get("data", {}).get("text/plain", "") + "\n"
        # What a cell prints may come in pieces, so nothing is put between.
        text += output.get("text") or (shown if "data" in output else error)
    return text.splitlines()


def survey(path, name, runs):
    """Runs a notebook once for each `(offset, variables)`.

    Returns a frame of all comparisons and a dict: cell and line to its runs.
    """
    rows, seen = [], collections.defaultdict(set)
    columns = ["run", *KEY[:-1], "distance", "holds"]
    for run, (offset, variables) in enumerate(runs):
        with mock.patch.dict(os.environ, variables):
            found, printed = measure(lessons.read(path), path.parent, offset)
        rows += [[run, name, *record] for record in found]
        for cell, lines in printed.items():
            for line in lines:
                seen[cell, line].add(run)
        print(f"{name}: run {run}, seeds + {offset}, {variables}", flush=True)
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(time=frame.groupby(columns[:4]).cumcount()), seen


def summarise(frame):
    """Returns the comparisons that vary, those with the least margin first.

    A distance counts as positive where the truth is that of the first run.
    """
    truth = frame.groupby(KEY)["holds"].transform("first")
    signed = frame.assign(
        distance=frame["distance"].where(truth, -frame["distance"]),
        same=frame["holds"] == truth,
    )
    groups = signed.groupby(KEY)
    table = groups["distance"].agg(["min", "mean", "std"])
    table["mean/sd"] = table["mean"] / table["std"]
    table["same"] = groups["same"].agg(lambda same: f"{sum(same)}/{len(same)}")
    return table[table["std"] > 0].sort_values("mean/sd")


def main(arguments=None):
    """Runs notebooks and prints what their verdicts have to spare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="beginnings of file names")
    parser.add_argument("--seeds", type=int, default=5, help="default: 5")
    parser.add_argument("--numerics", action="store_true", help="other sums")
    parser.add_argument("--out", type=pathlib.Path, help="CSV file of all rows")
    options = parser.parse_args(arguments)
    runs = [(offset, {}) for offset in range(options.seeds)]
    if options.numerics:
        runs += [(0, changed) for changed in portable.variants().values()][1:]
    frames = []
    for path in lessons.find(options.names, lessons.NOTEBOOKS):
        name = path.relative_to(lessons.NOTEBOOKS).with_suffix("").as_posix()
        frame, seen = survey(path, name, runs)
        frames.append(frame)
        for (cell, line), where in seen.items():
            if len(where) < len(runs):
                print(f"  cell {cell}, runs {sorted(where)}: {line}")
        print(summarise(frame).droplevel("lesson").to_string(), flush=True)
        if options.out:
            pd.concat(frames).to_csv(options.out, index=False)


if __name__ == "__main__":
    main()
