"""Messages arrive in order, late, and never keep anyone who was stopped."""

import contextlib
import threading
import time
from types import SimpleNamespace

from dni_lesson.workers import mailbox
from dni_lesson.workers.mailbox import Mailbox, Stopped, bytes_of

import pytest
import tensorflow as tf


def box(delay=0.0, **kwargs):
    return Mailbox(delay, ("input", "gradient"), **kwargs)


def test_messages_arrive_in_order_and_the_first_kind_has_precedence():
    mail = box()
    for number in range(3):
        mail.put("input", number)
    mail.put("gradient", "g")
    assert mail.take(["gradient", "input"]) == ("gradient", "g")
    taken = [mail.take(["gradient", "input"])[1] for _ in range(3)]
    assert taken == [0, 1, 2]


def test_the_latest_of_one_kind_can_be_taken_first():
    mail = box()
    for kind in ("input", "gradient"):
        for number in range(3):
            mail.put(kind, number)
    kinds = ["gradient", "input"]
    taken = [mail.take(kinds, newest="gradient")[1] for _ in range(6)]
    assert taken == [2, 1, 0, 0, 1, 2]


def test_who_waits_without_a_message_on_its_way_is_idle():
    mail = box(delay=60)
    assert mail.idle() == 0

    def wait():
        with contextlib.suppress(Stopped):
            mail.take(["input"])

    thread = threading.Thread(target=wait)
    thread.start()
    while not mail.idle():
        time.sleep(0.001)
    # A message that nobody waits for is no help.
    mail.put("gradient", "g")
    while not mail.idle():
        time.sleep(0.001)
    mail.put("input", "h")
    assert mail.idle() == 0
    mail.stop()
    thread.join()
    assert mail.idle() == 0


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; its attribute `now` can be set."""
    made = SimpleNamespace(now=0.0)
    made.perf_counter = lambda: made.now
    monkeypatch.setattr(mailbox, "time", made)
    return made


def test_a_message_is_not_there_before_its_delay_is_over(clock):
    mail = box(delay=5)
    mail.put("input", "h")
    clock.now = 4.9
    assert mail.take(["input"], wait=False) is None
    clock.now = 5.0
    assert mail.take(["input"], wait=False) == ("input", "h")


def test_messages_queue_while_the_link_sends_and_not_while_they_travel(clock):
    mail = box(delay=10, bandwidth=8)
    for number in range(3):
        mail.put("input", (number, tf.zeros(8)))  # 32 bytes: 4 seconds
    mail.put("gradient", (9, tf.zeros(2)))  # by another link
    for now, kind, number in (
        (11.0, "gradient", 9),
        (14.0, "input", 0),
        (18.0, "input", 1),
        (22.0, "input", 2),
    ):
        clock.now = now - 0.1
        kinds = ["gradient", "input"]
        assert mail.take(kinds, wait=False) is None
        clock.now = now
        taken, message = mail.take(kinds, wait=False)
        assert (taken, message[0]) == (kind, number)
    # The link has been free for a while.
    clock.now = 100.0
    mail.put("input", (3, tf.zeros(8)))
    clock.now = 114.0
    assert mail.take(["input"], wait=False)[1][0] == 3


@pytest.mark.parametrize(
    ("message", "size"),
    [
        (64, 0),
        ((7, None), 0),
        ((7, tf.zeros((2, 3)), tf.zeros(2, "int64")), 24 + 16),
        ([7, tf.zeros((2, 3), "float16")], 12),
    ],
)
def test_a_message_weighs_what_its_tensors_weigh(message, size):
    assert bytes_of(message) == size


def test_who_waits_has_a_message_when_its_delay_is_over():
    mail = box(delay=0.05)
    sent = time.perf_counter()
    mail.put("input", "h")
    assert mail.take(["input"]) == ("input", "h")
    assert time.perf_counter() - sent >= 0.05


def test_the_latest_message_is_the_latest_that_has_arrived(clock):
    mail = box(delay=5)
    mail.put("input", 1)
    clock.now = 6.0
    mail.put("input", 2)
    assert mail.take(["input"], newest="input", wait=False) == ("input", 1)
    assert mail.take(["input"], newest="input", wait=False) is None


def test_waiting_uses_no_processor_time():
    mail = box(delay=0.2)
    mail.put("input", "h")
    before = time.thread_time()
    mail.take(["input"])
    assert time.thread_time() - before < 0.1


def test_stopping_ends_the_waiting_of_others():
    mail, raised = box(), []

    def wait():
        try:
            mail.take(["input"])
        except Stopped as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    mail.stop()
    thread.join(10)
    assert not thread.is_alive() and len(raised) == 1
    with pytest.raises(Stopped):
        mail.take(["input"], wait=False)
