"""What a message between two workers costs: threads, and Ray processes.

    python benchmarks/messages.py

The message is a mini-batch of activations, 256 x 256 float32. One way: half of
the median time from a message to its answer, while nothing else goes on.
Stream: messages a second, sent without waiting for answers. CPU: the time that
both ends compute for a message of the stream (Ray's own processes come on top).
Threads hand over a reference; Ray copies the array through shared memory, and
`Outbox` sends what has gathered together. Rows go to data/results/messages.csv,
three rounds of each, in turns.
"""

import os
import statistics
import threading
import time
from types import SimpleNamespace

from dni_lesson.experiments.machine import environment
from dni_lesson.experiments.store import Column
from dni_lesson.terminal import say
from dni_lesson.workers.mailbox import Mailbox

import ray
import tables
import tensorflow as tf

RESULTS = tables.table(
    "messages",
    key={
        "round": tables.COUNT,
        "transport": Column(choices=("threads", "ray")),
    },
    measured={
        "one_way_us": tables.NUMBER,
        "messages_per_second": tables.NUMBER,
        "cpu_us": tables.NUMBER,
    },
)
ROUNDS, PINGS, STREAM = 3, 200, 2000


class Peer:
    """One end: a mailbox, and what is done with it."""

    def __init__(self):
        self.box, self._value = Mailbox(0.0, ("input",)), tf.ones((256, 256))

    def ping(self, other):
        """Returns half of the median seconds until an answer came."""
        times = []
        for job in range(PINGS):
            begin = time.perf_counter()
            other.box.put("input", (job, self._value))
            self.box.take(["input"])
            times.append((time.perf_counter() - begin) / 2)
        return statistics.median(times)

    def answer(self, other):
        for _ in range(PINGS):
            _, message = self.box.take(["input"])
            other.box.put("input", message)

    def send(self, other):
        """Sends the stream; returns when, and how much it computed."""
        begin, computed = time.time(), time.process_time()
        for job in range(STREAM):
            other.box.put("input", (job, self._value))
        self.box.take(["input"])
        return begin, time.process_time() - computed

    def receive(self, other):
        computed = time.process_time()
        for _ in range(STREAM):
            self.box.take(["input"])
        end = time.time()
        other.box.put("input", (0, self._value))
        return end, time.process_time() - computed


class PeerActor:
    """A peer in a process of its own."""

    def __init__(self):
        self._peer = Peer()

    def deliver(self, generation, messages):
        for kind, (job, value) in messages:
            self._peer.box.put(kind, (job, tf.constant(value)))

    def call(self, what, other):
        from dni_lesson.workers.remote.outbox import Outbox

        box = Outbox(other, 0, self._peer.box.stop)
        result = getattr(self._peer, what)(SimpleNamespace(box=box))
        box.close()
        return result


def on_threads(what, answer):
    """Returns what both ends return."""
    one, other = Peer(), Peer()
    results = {}

    def run(name, mine, its):
        results[name] = getattr(mine, name)(its)

    threads = [
        threading.Thread(target=run, args=arguments)
        for arguments in ((what, one, other), (answer, other, one))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results[what], results[answer]


def on_ray(what, answer):
    actor = ray.remote(PeerActor).options(max_concurrency=8, num_cpus=0)
    one, other = actor.remote(), actor.remote()
    calls = [one.call.remote(what, other), other.call.remote(answer, one)]
    results = ray.get(calls)
    for process in (one, other):
        ray.kill(process)
    return results


def measure(transport, run):
    one_way, _ = run("ping", "answer")
    (begin, computed), (end, received) = run("send", "receive")
    # Threads share one clock of computing.
    cpu = received if transport == "threads" else computed + received
    return {
        "transport": transport,
        "one_way_us": round(1e6 * one_way, 1),
        "messages_per_second": round(STREAM / (end - begin)),
        "cpu_us": round(1e6 * cpu / STREAM, 1),
        **environment(),
    }


def main():
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(include_dashboard=False, log_to_driver=False)
    for number in range(1, ROUNDS + 1):
        for transport, run in (("threads", on_threads), ("ray", on_ray)):
            if not RESULTS.has(transport=transport, round=number):
                row = {"round": number, **measure(transport, run)}
                RESULTS.add([row])
    ray.shutdown()
    columns = ["one_way_us", "messages_per_second", "cpu_us"]
    say(RESULTS.table().groupby("transport")[columns].median())


if __name__ == "__main__":
    main()
