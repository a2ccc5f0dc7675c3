"""A stand-in for Ray: actors of this process, whose calls run on threads.

It has what `workers.remote` uses of Ray. As between processes, arguments and
results are copies, and of an actor that was killed nobody hears again.
"""

import concurrent.futures
import contextlib
import copy
import functools
import threading
from types import SimpleNamespace

from dni_lesson.workers.remote import actor, outbox, supervisor

from ray import exceptions


class Handle:
    """Of an actor; its attributes are the actor's methods, with `remote`."""

    def __init__(self, instance):
        self._instance, self._lock = instance, threading.Lock()
        self._is_alive, self._calls = True, []

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return SimpleNamespace(remote=functools.partial(self._call, name))

    def __deepcopy__(self, memo):
        return self

    def _call(self, name, *arguments):
        call = concurrent.futures.Future()
        with self._lock:
            self._calls.append(call)
            if not self._is_alive:
                call.set_exception(exceptions.RayActorError())
                return call
        threading.Thread(
            target=self._do,
            args=(call, name, copy.deepcopy(arguments)),
            daemon=True,
        ).start()
        return call

    def _do(self, call, name, arguments):
        try:
            result = getattr(self._instance, name)(*arguments)
            end = functools.partial(call.set_result, copy.deepcopy(result))
        except Exception as error:
            told = exceptions.RayTaskError(name, "", error, "", 0, "here")
            end = functools.partial(call.set_exception, told)
        # Who was killed has no result.
        with contextlib.suppress(concurrent.futures.InvalidStateError):
            end()

    def _kill(self):
        with self._lock:
            self._is_alive = False
            for call in self._calls:
                with contextlib.suppress(concurrent.futures.InvalidStateError):
                    call.set_exception(exceptions.RayActorError())
        # So that its threads end.
        self._instance._stopped = float("inf")
        if self._instance._worker:
            self._instance._worker.box.stop()


class StandIn:
    """Takes the place of the module `ray`.

    Attributes:
        actors: List of the `Handle` of each actor that was started.
    """

    exceptions = exceptions

    def __init__(self):
        self.actors = []

    def is_initialized(self):
        return True

    def nodes(self):
        return [{"NodeID": 28 * "ab", "Alive": True, "Resources": {}}]

    def remote(self, kind):
        def start(*arguments):
            self.actors.append(Handle(kind(*copy.deepcopy(arguments))))
            return self.actors[-1]

        return SimpleNamespace(
            options=lambda **where: SimpleNamespace(remote=start)
        )

    def get(self, call, timeout=None):
        try:
            return call.result(timeout)
        except TimeoutError as error:
            raise exceptions.GetTimeoutError from error

    def wait(self, calls, timeout):
        concurrent.futures.wait(calls, timeout, "FIRST_COMPLETED")
        ended = [call for call in calls if call.done()][:1]
        return ended, [call for call in calls if call not in ended]

    def kill(self, handle):
        handle._kill()


def put_in_place(monkeypatch):
    """Returns a `StandIn` that the workers take for Ray from now on."""
    made = StandIn()
    for module in (supervisor, outbox):
        monkeypatch.setattr(module, "ray", made)
    # This process has computed already, and its actors share one TensorFlow.
    monkeypatch.setattr(actor, "threads_per_call", lambda count: None)
    monkeypatch.setattr(supervisor, "LOOK_EVERY", 0.01)
    return made
