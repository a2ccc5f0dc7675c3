"""Workers on two Ray nodes with a slow link between them, real and emulated.

    sudo .venv/bin/python benchmarks/link.py --delays 0 5 20 --rounds 3

Linux, root. Makes two network namespaces, each a machine of its own as far as
the network goes, with one Ray node in each and one link between them: two TUN
devices, and this program, which hands each packet on when its delay is over.
(`tc netem` does so in kernels that have it; this link needs no module, and its
delay can change while both nodes are up.)

Two workers, one on each node, train 8 layers of 256 units, batch 64, locked and
decoupled: over the real link, and with `link_delay` over the link without
delay. Where emulation is right, both take the same time. Rows go to
data/results/link.csv; rounds that are there already are not run again.
"""

import argparse
import contextlib
import fcntl
import functools
import itertools
import os
import queue
import secrets
import struct
import subprocess
import sys
import threading
import time

import dni_lesson as dni
from dni_lesson.experiments.machine import environment
from dni_lesson.experiments.store import Column
from dni_lesson.terminal import say

import tables
from inputs import arrays
from served import Served
from teams import QUEUE, cut_model, cut_sizes

PLACES = {"dni-1": "10.77.0.1", "dni-2": "10.77.0.2"}  # namespace: address
HEAD = f"{PLACES['dni-1']}:6379"
WIDTH, BATCH, WORKERS = 256, 64, 2
SCHEDULES, KINDS = ("locked", "decoupled"), ("real", "emulated")
RESULTS = tables.table(
    "link",
    key={
        "round": tables.COUNT,
        "delay_ms": tables.NUMBER,
        "link": Column(choices=KINDS),
        "arm": Column(choices=SCHEDULES),
    },
    measured={"ms": tables.NUMBER},
)
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LARGEST = 60_000  # bytes in a packet
TOKEN = secrets.token_hex(32)  # of this run's cluster


class Link:
    """Two network namespaces and one link between them.

    Attributes:
        delay: Float, seconds that a packet takes from one to the other.
    """

    def __init__(self):
        self.delay, self._ends = 0.0, []

    def __enter__(self):
        for name, address in PLACES.items():
            command("ip", "netns", "add", name)
            self._ends.append(self._make_end(name, address))
        for here, there in itertools.permutations(self._ends):
            packets = queue.SimpleQueue()
            for work in (self._take, self._hand_on):
                end = here if work == self._take else there
                threading.Thread(
                    target=work, args=(end, packets), daemon=True
                ).start()
        return self

    def __exit__(self, *_):
        for name in PLACES:
            command("ip", "netns", "del", name)

    def _make_end(self, name, address):
        end = os.open("/dev/net/tun", os.O_RDWR)
        request = struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI)
        fcntl.ioctl(end, TUNSETIFF, request)
        command("ip", "link", "set", name, "netns", name)
        inside = ("ip", "-n", name)
        command(*inside, "addr", "add", f"{address}/24", "dev", name)
        command(*inside, "link", "set", name, "mtu", str(LARGEST), "up")
        command(*inside, "link", "set", "lo", "up")
        return end

    def _take(self, end, packets):
        with contextlib.suppress(OSError):  # The device is gone at the end.
            while True:
                packet = os.read(end, LARGEST)
                packets.put((time.perf_counter() + self.delay, packet))

    def _hand_on(self, end, packets):
        with contextlib.suppress(OSError):
            while True:
                due, packet = packets.get()
                time.sleep(max(due - time.perf_counter(), 0))
                os.write(end, packet)


def command(*words):
    subprocess.run(words, check=True)


def inside(name, *words):
    """Returns the command of a Python program in a namespace."""
    return ["ip", "netns", "exec", name, sys.executable, *words]


@contextlib.contextmanager
def nodes():
    """A Ray node in each namespace, and one program that trains on them."""
    head = ["--head", "--port=6379", "--include-dashboard=false"]
    parts = {"dni-1": head, "dni-2": [f"--address={HEAD}"]}
    env = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ADDRESS": HEAD,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
    }
    started = []
    try:
        for name, how in parts.items():
            where = f"--node-ip-address={PLACES[name]}"
            words = ["start", "--block", "--num-cpus=1", where, *how]
            node = inside(name, "-m", "ray.scripts.scripts", *words)
            started.append(
                subprocess.Popen(node, env=env, stdout=subprocess.DEVNULL)
            )
            time.sleep(8)  # A node that comes too early gives up.
        with Served(inside("dni-1", __file__, "--serve"), env) as program:
            yield program
    finally:
        for node in started:
            node.terminate()
        for node in started:
            node.wait(60)


def serve():
    """Trains for every line that comes in; answers its seconds a step."""
    import ray

    ray.init(HEAD, log_to_driver=False, logging_level="ERROR")
    while sum(node["Alive"] for node in ray.nodes()) < 2:
        time.sleep(0.2)
    sizes = cut_sizes(WIDTH, WORKERS)
    for line in sys.stdin:
        schedule, steps, delay = line.split()
        history = dni.fit_async(
            cut_model(WIDTH, sizes),
            *arrays(int(steps) * BATCH),
            batch_size=BATCH,
            schedule=schedule,
            workers="ray",
            queue_size=QUEUE,
            link_delay=float(delay),
            modules=sizes,
        )
        print(1 / history.steps_per_second, flush=True)


def seconds(program, schedule, delay):
    return program.ask(schedule, 400 if schedule == "decoupled" else 60, delay)


def measure(link, program, delays, rounds):
    machine = functools.cache(environment)
    for number, delay_ms in itertools.product(range(1, rounds + 1), delays):
        cell = {"round": number, "delay_ms": delay_ms}
        if RESULTS.has(**cell):
            continue
        found, delay = [], delay_ms / 1e3
        for kind, schedule in itertools.product(KINDS, SCHEDULES):
            link.delay = delay if kind == "real" else 0.0
            told = 0.0 if kind == "real" else delay
            ms = round(1e3 * seconds(program, schedule, told), 3)
            found.append(
                {**cell, "link": kind, "arm": schedule, "ms": ms, **machine()}
            )
        link.delay = 0.0
        RESULTS.add(found)
        say(report())


def report():
    """Returns a table of medians over rounds."""
    frame = RESULTS.table()
    table = frame.pivot_table(
        index="delay_ms", columns=["arm", "link"], values="ms", aggfunc="median"
    )
    for schedule in SCHEDULES:
        table[schedule, "emulated / real"] = (
            table[schedule, "emulated"] / table[schedule, "real"]
        )
    return table.sort_index(axis=1).round(2).to_string()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--delays",
        nargs="+",
        type=tables.argument(tables.NUMBER),
        default=[0, 5, 20],
    )
    parser.add_argument(
        "--rounds", type=tables.argument(tables.COUNT), default=3
    )
    parser.add_argument("--serve", action="store_true", help="internal")
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    with Link() as link, nodes() as program:
        measure(link, program, options.delays, options.rounds)


if __name__ == "__main__":
    main()
