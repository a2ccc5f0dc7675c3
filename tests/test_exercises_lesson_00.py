"""Right forms of answers to lesson 00 are accepted, slips get a hint."""

import judging
import numpy as np


def counted(k, modules):
    passes = [f"forward {one}" for one in range(modules)]
    passes += [f"backward {one}" for one in range(k + 1, modules + 1)]
    return len(passes)


def in_a_loop(readings, labels):
    right = 0
    for reading, label in zip(readings, labels, strict=True):
        right += int(reading == label)
    return right / len(labels)


RIGHT = {
    "00-1": (
        lambda k, modules: modules + (modules - k),
        lambda k, modules: 2 * modules - k,
        lambda k, modules: float(2 * modules - k),
        lambda k, modules: np.int64(2 * modules - k),
        lambda *both: 2 * both[1] - both[0],
        lambda k, modules: np.array([2 * modules - k]),
        counted,
    ),
    "00-2": judging.choice_forms("a"),
    "00-3": (
        lambda read, labels: np.mean(np.equal(read, labels)),
        lambda read, labels: np.mean(read == labels),
        lambda read, labels: (read == labels).sum() / len(labels),
        lambda read, labels: 1 - np.mean(read != labels),
        lambda read, labels: np.count_nonzero(read == labels) / read.size,
        lambda read, labels: np.float32(np.mean(read == labels)),
        in_a_loop,
    ),
    "00-4": judging.choice_forms("b"),
}
WRONG = {
    "00-1": (
        (lambda k, modules: modules + k, "(1, 4): expected 7, received 5"),
        (lambda k, modules: 2 * modules, "received 8"),
        (lambda k, modules: modules - k, "received 3"),
        (lambda k, modules: 2 * modules - k + 1, "received 8"),
        (lambda k, modules: 8 - k, "waits_for(2, 10): expected 18"),
        (lambda k, modules: None, "received None (is there a `return`?)"),
        (lambda k, modules: "7", "received '7'"),
        (lambda k: 7, "called with 2 arguments: too many"),
        (7, "Expected the function `waits_for` itself, without brackets"),
    ),
    "00-2": judging.choice_slips("a", "abc"),
    "00-3": (
        (lambda read, labels: 4, "expected 1, received 4"),
        (lambda read, labels: None, "received None"),
        (lambda read, labels: read == labels, "received [True, True, True"),
        (lambda read, labels: np.all(read == labels), "received True"),
        (lambda read, labels: np.sum(read == labels), "received 4"),
        (lambda read, labels: np.mean(read != labels), "received 0"),
        (lambda read, labels: 100 * np.mean(read == labels), "received 100"),
        (
            lambda read, labels: float(sum(np.equal(read, labels)) / 4),
            "([1, 1, 1, 1, 1], [0, 0, 0, 0, 1]): expected 0.2, received 0.25",
        ),
        (0.5, "Expected the function `accuracy` itself"),
    ),
    "00-4": judging.choice_slips("b", "abc"),
}


TestForms = judging.tests_of("00", RIGHT, WRONG)
