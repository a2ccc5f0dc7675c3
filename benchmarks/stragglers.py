"""What each schedule loses to workers that are slow now and then, on paper.

    python benchmarks/stragglers.py --workers 2 4 8 --seeds 20

At each mini-batch, with the given probability, one worker drawn at random takes
2 or 4 times as long for it. All schedules meet the same bad luck. Workers have
equal modules: forward 1, gradients of input and weights 1 each; a predictor
costs 0.065 of that, as a small one does. Flushed schedules split mini-batches
into 4 micro-batches for each worker. Links cost nothing.

Prints for each schedule the time of a mini-batch without slow workers, in a run
of 200, then by how much they lengthen the run: the mean over seeds, the least
and the most. Last the most mini-batches' activations and inputs that a worker
then holds. It is all arithmetic, so it comes out the same everywhere; about
7 minutes on one core.
"""

import argparse
import statistics

from dni_lesson.schedules import held, stragglers, timetable
from dni_lesson.terminal import say

FACTORS = (2, 4)
# Name, schedule, whether mini-batches are split, the queue size.
ARMS = (
    ("locked", "locked", False, None),
    ("GPipe", "gpipe", True, None),
    ("1F1B", "1f1b", True, None),
    ("ZB-H1", "zb-h1", True, None),
    ("asynchronous 1F1B", "async-1f1b", False, None),
    ("decoupled, queue of 1", "decoupled", False, 1),
    ("decoupled, queue of 8", "decoupled", False, 8),
    ("decoupled, any queue", "decoupled", False, None),
)


def run(arm, workers, minibatches, slowdown=None):
    """Returns the events of an arm and its micro-batches in a mini-batch."""
    _, schedule, splits, queue_size = arm
    parts = 4 * workers if splits else 1
    events = timetable(
        schedule,
        [1.0] * workers,
        [2.0] * workers,
        [0.065 * 3] * (workers - 1) + [0],
        minibatches=minibatches,
        microbatches=parts,
        queue_size=queue_size,
        slowdown=slowdown,
    )
    return events, parts


def last_end(events):
    return max(event.end for event in events)


def row(arm, workers, options):
    """Returns the words of one row of the table."""
    usual = last_end(run(arm, workers, options.minibatches)[0])
    each = usual / options.minibatches
    cells, most = [f"{workers:7}  {arm[0]:22}{each:8.2f}"], [0, 0]
    for factor in FACTORS:
        losses = []
        for seed in range(options.seeds):
            slowdown = stragglers(workers, factor, options.probability, seed)
            events, parts = run(arm, workers, options.minibatches, slowdown)
            losses.append(100 * (last_end(events) / usual - 1))
            kept = held(events)
            for k, counts in enumerate((kept.activations, kept.inputs)):
                most[k] = max(most[k], max(counts) / parts)
        mean, least = statistics.fmean(losses), min(losses)
        cells.append(f"{mean:6.1f} ({least:5.1f} to {max(losses):5.1f})")
    return "  ".join([*cells, f"{most[0]:11.2f}{most[1]:8.2f}"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--workers", nargs="+", type=int, default=[2, 4, 8])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--probability", type=float, default=0.2)
    parser.add_argument("--minibatches", type=int, default=200)
    options = parser.parse_args()
    heads = (f"lost, %: {factor} times as slow" for factor in FACTORS)
    say(
        "workers  schedule               a batch  "
        + "  ".join(f"{head:23}" for head in heads)
        + "  activations  inputs"
    )
    for workers in options.workers:
        for arm in ARMS:
            say(row(arm, workers, options))


if __name__ == "__main__":
    main()
