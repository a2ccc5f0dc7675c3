"""What each task of a schedule waits for: a row of answers for each schedule.

A task is what one module does in one phase for one micro-batch. `"forward"` and
`"backward"` are the two passes, `"weights"` is the part of the backward pass
that nobody else waits for, where a schedule does it apart, and `"predictor"`
the prediction and its training.
"""

from typing import NamedTuple


class Rule(NamedTuple):
    """What the workers of a schedule wait for.

    Attributes:
        synthetic: Boolean: the gradient is predicted, so nobody waits for the
            true one; it trains the predictor when it arrives.
        input_arrives: Boolean: a module waits for its input, else it predicts
            that too.
        flush: Boolean: a module begins a mini-batch when it has done the one
            before, so that all its weights change together.
        splits: Boolean: mini-batches may be split into micro-batches.
        forwards_first: Boolean: all forward passes of a mini-batch come before
            its first backward pass.
        few: Boolean: module k = 1 to K has K - k + 1 micro-batches under way,
            fewer only before a flush or the end: forward and backward passes
            take turns.
        weights_apart: Boolean: gradients of weights are computed later than
            those of inputs.
    """

    synthetic: bool = False
    input_arrives: bool = True
    flush: bool = False
    splits: bool = False
    forwards_first: bool = False
    few: bool = False
    weights_apart: bool = False


RULES = {
    "locked": Rule(flush=True),
    "gpipe": Rule(flush=True, splits=True, forwards_first=True),
    "1f1b": Rule(flush=True, splits=True, few=True),
    "zb-h1": Rule(flush=True, splits=True, few=True, weights_apart=True),
    "async-1f1b": Rule(few=True),
    "decoupled": Rule(synthetic=True),
    "unlocked": Rule(synthetic=True, input_arrives=False),
}

# A task has ended; or what it sends to a neighbour has arrived there; or the
# neighbour has heard that it has ended.
ENDED, ARRIVED, HEARD = "ended", "arrived", "heard"


def needs_of(rule, K, M, jobs, q=None):
    """Returns a function: what a task waits for, as tuples `(what, *task)`.

    Args:
        rule: `Rule`.
        K: Integer, the number of modules.
        M: Integer, the micro-batches in a mini-batch.
        jobs: Integer, all micro-batches of the run.
        q: Integer, the queue size, or `None`.
    """
    # k: module, 0 at the input     j: micro-batch, counted on
    # last: of the mini-batch to which j belongs; without a flush, of the run
    #
    # F(k, j), forward, waits for
    #   F(k-1, j) arrived      its input: input_arrives
    #   B or W(k, j-1)         the flush, if j begins a mini-batch: flush
    #   B(k, j-(K-k))          one of those under way: few
    #   W(k, j-K)              one of those it holds: weights_apart
    #   F(k+1, j-q) heard      room in the queue: if there is a queue size
    # B(k, j), backward, waits for
    #   F(k, j)                and for all up to F(k, last): forwards_first; or
    #                          to F(k, j+K-1-k), which it takes turns with: few
    #   B(k+1, j) arrived      the true gradient: all but synthetic
    # W(k, j), weights, waits for
    #   B(k, j+k), B(k, last)  the first of them: all modules then hold as much
    # P(k, j), predictor, waits for
    #   B(k, j)                which used its prediction
    #   B(k+1, j) arrived      the gradient to learn from
    #
    # k  locked (all costs 1)         decoupled
    # -  -----------------------      -----------------------
    # 0  F0 .. .. .. .. B0 F1 ..      F0 B0 F1 B1 P0 P1 F2 B2
    # 1  .. F0 .. .. B0 .. .. F1      .. F0 B0 F1 B1 P0 P1 F2
    # 2  .. .. F0 B0 .. .. .. ..      .. .. F0 B0 F1 B1 .. ..
    done = "weights" if rule.weights_apart else "backward"

    def needs(phase, k, j):
        below, above = k > 0, k < K - 1
        last = j - j % M + M - 1 if rule.flush else jobs - 1
        if phase == "forward":
            if below and rule.input_arrives:
                yield ARRIVED, "forward", k - 1, j
            if rule.flush and j >= M and j % M == 0:
                yield ENDED, done, k, j - 1
            if rule.few and j >= K - k:
                yield ENDED, "backward", k, j - (K - k)
            if rule.weights_apart and j >= K:
                yield ENDED, "weights", k, j - K
            if q is not None and above and j >= q:
                yield HEARD, "forward", k + 1, j - q
        elif phase == "backward":
            first = j + K - 1 - k if rule.few else j
            first = last if rule.forwards_first else min(first, last)
            yield ENDED, "forward", k, first
            if above and not rule.synthetic:
                yield ARRIVED, "backward", k + 1, j
        elif phase == "weights":
            yield ENDED, "backward", k, min(j + k, last)
        else:
            yield ENDED, "backward", k, j
            yield ARRIVED, "backward", k + 1, j

    return needs
