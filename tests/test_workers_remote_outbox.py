"""Messages between processes: all arrive, in order, and travel together."""

import threading

import numpy as np
import pytest
import tensorflow as tf

ray = pytest.importorskip("ray")

from dni_lesson.workers.remote.outbox import Outbox  # noqa: E402  Needs Ray.


class Actor:
    """Like an actor's handle; its first call waits for the gate."""

    def __init__(self, error=None, ready=None):
        self.calls, self.gate, self._error = [], threading.Event(), error
        self.deliver, self.ready = self, ready

    def remote(self, generation, messages):
        self.gate.wait(30)
        self.calls.append(messages)
        if self._error:
            raise self._error


@pytest.fixture
def direct(monkeypatch):
    monkeypatch.setattr(ray, "get", lambda result: result)


def test_what_gathers_while_a_call_is_under_way_goes_with_the_next(direct):
    actor = Actor()
    box = Outbox(actor, 1, on_error=None)
    for job in range(6):
        box.put("input", (job, tf.fill((2,), job)))
    actor.gate.set()
    box.close()
    sent = [message for call in actor.calls for message in call]
    assert [message[0] for _, message in sent] == list(range(6))
    assert all(isinstance(message[1], np.ndarray) for _, message in sent)
    assert len(actor.calls) <= 3


def test_a_neighbour_that_was_killed_is_left_to_who_started_it(direct):
    actor = Actor(ray.exceptions.RayActorError())
    actor.gate.set()
    box = Outbox(actor, 1, on_error=None)
    box.put("input", (0,))
    box.close()


class Ready:
    """The answers of an actor to whether it is ready; errors are raised."""

    def __init__(self, *answers):
        self._answers = list(answers)

    def remote(self):
        answer = self._answers.pop(0)
        if answer:
            raise answer


def unavailable():
    return ray.exceptions.ActorUnavailableError("no network", None)


@pytest.mark.parametrize("dies", [True, False])
def test_a_neighbour_out_of_reach_is_waited_for(direct, dies):
    answer = ray.exceptions.ActorDiedError() if dies else None
    actor, stopped = Actor(unavailable(), Ready(unavailable(), answer)), []
    actor.gate.set()
    box = Outbox(actor, 1, on_error=lambda: stopped.append(True))
    box.put("input", (0,))
    if dies:
        box.close()
    else:  # Nobody knows whether it has the message.
        with pytest.raises(ray.exceptions.ActorUnavailableError):
            box.close()
    assert stopped == [True] * (not dies)


def test_what_cannot_be_sent_stops_the_worker_and_is_raised(direct):
    stopped = []
    box = Outbox(Actor(), 1, on_error=lambda: stopped.append(True))
    with tf.Graph().as_default():
        box.put("input", (0, tf.constant(1.0)))  # It has no value.
    with pytest.raises(Exception, match="numpy"):
        box.close()
    assert stopped


def test_any_other_error_stops_the_worker_and_is_raised(direct):
    actor, stopped = Actor(OSError("no memory")), []
    actor.gate.set()
    box = Outbox(actor, 1, on_error=lambda: stopped.append(True))
    box.put("input", (0,))
    with pytest.raises(OSError, match="no memory"):
        box.close()
    assert stopped == [True]
