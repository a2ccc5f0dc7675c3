"""Messages from one process to another."""

import queue
import threading
import time

import ray
import tensorflow as tf


class Outbox:
    """Messages to a neighbour's actor.

    A call of an actor costs milliseconds whatever is in it, so messages that
    gather while one is on its way go together with the next.

    Args:
        actor: Handle of a `ModuleActor`.
        generation: Integer, see `ModuleActor.run`.
        on_error: Function that is called if the neighbour cannot take a
            message; `close` raises the error.
    """

    def __init__(self, actor, generation, on_error):
        self._actor, self._generation = actor, generation
        self._on_error, self._error = on_error, None
        self._waiting = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def put(self, kind, message):
        """Sends a message; returns at once."""
        self._waiting.put((kind, message))

    def close(self):
        """Sends what is left and ends."""
        self._waiting.put(None)
        self._thread.join()
        if self._error:
            raise self._error

    def _send(self):
        goes_on = True
        while goes_on:
            messages = [self._waiting.get()]
            while not self._waiting.empty():
                messages.append(self._waiting.get())
            goes_on = None not in messages
            try:
                messages = [
                    (kind, [_as_array(value) for value in message])
                    for kind, message in filter(None, messages)
                ]
                ray.get(self._actor.deliver.remote(self._generation, messages))
            except Exception as error:
                goes_on = False
                # Who started the actors sees a death too, and ends this run.
                if not _has_died(self._actor, error):
                    self._error = error
                    self._on_error()


def _has_died(actor, error):
    """Returns whether that is why a call of the actor raised the error."""
    while isinstance(error, ray.exceptions.ActorUnavailableError):
        # It is dead, or it lives and the network has lost a message.
        time.sleep(0.5)
        try:
            ray.get(actor.ready.remote())
            return False
        except ray.exceptions.RayActorError as again:
            error = again
    return isinstance(error, ray.exceptions.RayActorError)


def _as_array(value):
    return value.numpy() if tf.is_tensor(value) else value
