"""Messages between workers over links that take time.

A message carries its delivery time: it can be taken when the emulated link has
let it through, and whoever waits for it sleeps. A link sends one message after
the other, as fast as its bandwidth lets it; then each takes its delay.

By reference, as threads share their memory; nothing is copied. A `queue.Queue`
knows no delays, and cannot be asked for a gradient before an input, or for the
latest gradient first.
"""

import collections
import math
import threading
import time

import tensorflow as tf


class Stopped(Exception):
    """The run was stopped while a worker waited."""


class Mailbox:
    """What other workers have sent to one worker.

    Args:
        delay: Float >= 0, seconds from the end of sending to delivery.
        kinds: Tuple of strings, the kinds of messages. Each comes over a link
            of its own.
        bandwidth: Float > 0, bytes of tensors that a link sends in a second.
            Default: no limit.
    """

    def __init__(self, delay, kinds, bandwidth=math.inf):
        self._delay, self._is_stopped = delay, False
        self._bandwidth, self._free = bandwidth, dict.fromkeys(kinds, 0.0)
        self._idle_since = None
        self._change = threading.Condition()
        self._messages = {kind: collections.deque() for kind in kinds}

    def put(self, kind, message):
        """Sends a message; returns at once."""
        with self._change:
            sent = max(time.perf_counter(), self._free[kind])
            if self._bandwidth < math.inf:
                sent += bytes_of(message) / self._bandwidth
            self._free[kind] = sent
            self._messages[kind].append((sent + self._delay, message))
            self._idle_since = None
            self._change.notify()

    def take(self, kinds, newest=None, wait=True):
        """Returns `(kind, message)`, the first of `kinds` that is there.

        Args:
            kinds: Sequence of strings; the first has precedence.
            newest: String, the kind of which the latest message is taken;
                of others it is the earliest. Default: none.
            wait: Boolean: `False` to get `None` if there is no message yet.
                Default `True`.

        Raises:
            Stopped: If `stop` was called.
        """
        with self._change:
            try:
                return self._take(kinds, newest, wait)
            finally:
                self._idle_since = None

    def idle(self):
        """Returns for how many seconds somebody has waited here, without a
        message on its way."""
        since = self._idle_since
        return 0.0 if since is None else time.perf_counter() - since

    def _take(self, kinds, newest, wait):
        while True:
            if self._is_stopped:
                raise Stopped
            now = time.perf_counter()
            for kind in kinds:
                messages = self._messages[kind]
                if messages and messages[0][0] <= now:
                    return kind, _pop(messages, now, kind == newest)
            if not wait:
                return None
            dues = [self._messages[kind] for kind in kinds]
            dues = [messages[0][0] for messages in dues if messages]
            self._idle_since = None if dues else self._idle_since or now
            self._change.wait(min(dues) - now if dues else None)

    def stop(self):
        """Ends all waiting, now and later."""
        with self._change:
            self._is_stopped = True
            self._change.notify_all()


def bytes_of(message):
    """Returns how many bytes the tensors of a message have."""
    return sum(
        value.shape.num_elements() * value.dtype.size
        for value in tf.nest.flatten(message)
        if tf.is_tensor(value)
    )


def _pop(messages, now, newest):
    place = 0
    if newest:  # Delivery times only grow.
        place = sum(due <= now for due, _ in messages) - 1
    message = messages[place][1]
    del messages[place]
    return message
