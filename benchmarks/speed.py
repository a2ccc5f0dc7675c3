"""Milliseconds a training step: backprop and cDNI beside Keras and PyTorch.

    python benchmarks/speed.py --rounds 21
    python benchmarks/speed.py --units 1024 --arms backprop cDNI "cDNI, softmax"
    python benchmarks/speed.py --torch-python /path/to/python-with-torch
    python benchmarks/speed.py --peer "name=program that answers lines"

784-256-256-256-10 with BatchNorm and ReLU, or as many layers of other units,
batch 256, Adam, shuffled epochs of 234 steps. Each arm is a process of its own,
where the threads of one library cannot disturb another, and all take turns
after warm-up and compilation, an epoch each in a round, so that a busy moment
of the machine hits them alike. Of
Keras and ours it is the second of three epochs: like the plain loop, without
what a run does once. A process can be some percent faster than the next of the
same arm, from its first step to its last, so every 3 rounds all start anew.

- PyTorch backprop: a plain loop (skipped without torch);
- Keras backprop: the same layers in `keras.Sequential`, all defaults of Keras;
- our backprop and our cDNI: `dni.mlp` with its defaults, and with softmax
  predictors;
- our cDNI on two workers: the same by `dni.fit_async`, cut above the first
  layer, each worker with one thread; once with a message for each mini-batch,
  and once with one for four;
- any `--peer`: a program that trains such an epoch for each line of its input,
  and prints its seconds.

Read the ratios, which are medians over rounds of the ratio inside a round. Rows
go to data/results/speed.csv; rounds that are there already are not run again,
and `--rounds 0` only prints the table. Arms that come later take turns in
rounds of their own, beside those that they are compared with: `--first 22`.
"""

import argparse
import contextlib
import functools
import importlib.util
import shlex
import sys
import time

from inputs import arrays

BATCH_SIZE, STEPS = 256, 234
ROUNDS_A_START = 3


def compiled(model):
    from teams import loss

    model.compile("adam", loss())
    return model


def running_epoch(train):
    from teams import second_epoch

    return second_epoch(train, STEPS, BATCH_SIZE)


def fit_arm(model):
    return running_epoch(functools.partial(model.fit, verbose=0))


def keras_arm(units):
    import dni_lesson as dni

    from teams import plain

    return fit_arm(compiled(plain(dni.mlp(units=units, rule="backprop"))))


def our_arm(rule, predictor, units):
    import dni_lesson as dni

    return fit_arm(compiled(dni.mlp(4, units, rule, predictor=predictor)))


def workers_arm(predictor, steps_per_execution, units):
    import dni_lesson as dni

    devices = dni.worker_devices(2)
    model = compiled(dni.mlp(4, units, "cdni", predictor=predictor))
    return running_epoch(
        functools.partial(
            dni.fit_async,
            model,
            modules=[1, 3],
            devices=devices,
            steps_per_execution=steps_per_execution,
        )
    )


def torch_arm(units):
    import torch

    layers = []
    for inputs in (784, units, units):
        layers += [
            torch.nn.Linear(inputs, units, bias=False),
            torch.nn.BatchNorm1d(units),
            torch.nn.ReLU(),
        ]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(units, 10))
    optimizer = torch.optim.Adam(model.parameters())
    loss_function = torch.nn.CrossEntropyLoss()
    x, y = map(torch.tensor, arrays(BATCH_SIZE * STEPS))

    def epoch():
        start = time.perf_counter()
        for rows in torch.randperm(len(x)).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss_function(model(x[rows]), y[rows]).backward()
            optimizer.step()
        return time.perf_counter() - start

    return epoch


ARMS = {
    "PyTorch backprop": torch_arm,
    "Keras backprop": keras_arm,
    "backprop": functools.partial(our_arm, "backprop", "linear"),
}
for _name, _predictor in (("cDNI", "linear"), ("cDNI, softmax", "softmax")):
    _workers = functools.partial(workers_arm, _predictor)
    ARMS |= {
        _name: functools.partial(our_arm, "cdni", _predictor),
        f"{_name}, two workers": functools.partial(_workers, 1),
        f"{_name}, two workers, 4 a message": functools.partial(_workers, 4),
    }


def serve(name, units):
    """Trains an epoch for every line that comes in; answers its seconds."""
    epoch = ARMS[name](units)
    for _ in sys.stdin:
        print(epoch(), flush=True)


def commands(arms, units, torch_python, peers):
    """Returns the program of each arm, a dict of lists."""
    found = dict(peers)
    for name in arms:
        python = torch_python if name.startswith("PyTorch") else sys.executable
        if python:
            serves = ["--serve", name, "--units", str(units)]
            found[name] = [python, __file__, *serves]
    return found


def results():
    """Returns the table. Only the program that writes it loads what it needs:
    the arms are to be alone with their library.
    """
    from dni_lesson.experiments.store import Column

    import tables

    return tables.table(
        "speed",
        key={"units": tables.UNITS, "arm": Column(), "round": tables.COUNT},
        measured={"ms": tables.NUMBER},
    )


def measure(programs, units, numbers):
    table = results()
    missing = missing_rounds(table, programs, units, numbers)
    for first in range(0, len(missing), ROUNDS_A_START):
        numbers = missing[first : first + ROUNDS_A_START]
        measure_rounds(table, programs, units, numbers)


def missing_rounds(table, programs, units, numbers):
    """Returns those of the numbers of rounds that are to be run.

    Raises:
        SystemExit: If one is there in which not all of these arms took turns:
            an arm that runs alone later has no ratio to the others.
    """
    there = {}
    for row in table.rows:
        if row["units"] == units:
            there.setdefault(row["round"], set()).add(row["arm"])
    for number, arms in there.items():
        late = set(programs) - arms
        if number in numbers and late:
            raise SystemExit(
                f"{table.path}. Round {number} has no rows of "
                f"{', '.join(sorted(late))}, and ratios hold inside a round. "
                "Begin with another round: --first"
            )
    return [number for number in numbers if number not in there]


def measure_rounds(table, programs, units, numbers):
    """Adds the rows of these rounds, all by the same processes."""
    from dni_lesson.experiments.machine import environment

    from served import Served

    machine = environment()
    with contextlib.ExitStack() as stack:
        arms = {
            name: stack.enter_context(Served(command))
            for name, command in programs.items()
        }
        for arm in arms.values():
            arm.ask()  # Warm-up and compilation.
        for number in numbers:
            found = []
            for name, arm in arms.items():
                ms = round(1e3 * arm.ask() / STEPS, 3)
                row = {"units": units, "arm": name, "round": number, "ms": ms}
                found.append({**row, **machine})
            table.add(found)


def report(units):
    """Returns a table: medians, quartiles, and ratios inside rounds."""
    rows = results().table().query("units == @units")
    ms = rows.pivot(index="round", columns="arm", values="ms")
    ms = ms[ms.median().sort_values().index]
    table = ms.quantile([0.25, 0.5, 0.75]).T.round(2)
    table.columns = ["quartile", "ms a step", "quartile"]
    for name in ms:
        table[f"to {name}"] = ms.div(ms[name], axis=0).median()
    return table.round(2).to_string()


def peer(text):
    name, _, command = text.partition("=")
    return name, shlex.split(command)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--first", type=int, default=1, help="round")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument(
        "--torch-python",
        default=sys.executable if importlib.util.find_spec("torch") else None,
        help="a Python that has torch; default: this one, if it has",
    )
    parser.add_argument("--peer", action="append", type=peer, default=[])
    parser.add_argument("--serve", choices=ARMS, help="internal")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.units)
        return
    if options.rounds:
        programs = commands(
            options.arms, options.units, options.torch_python, options.peer
        )
        last = options.first + options.rounds
        measure(programs, options.units, range(options.first, last))
    from dni_lesson.terminal import say

    say(report(options.units))


if __name__ == "__main__":
    main()
