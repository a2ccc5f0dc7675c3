"""An interrupt comes, but not in between."""

import os
import signal
import threading

from dni_lesson.workers.interrupts import held_interrupts

import pytest


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_waits_for_the_end():
    before, done = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt), held_interrupts():
        interrupt()
        done.append("the rest")
    assert done == ["the rest"]
    assert signal.getsignal(signal.SIGINT) is before


def test_without_an_interrupt_nothing_happens():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(OSError, match="disk"), held_interrupts():
        raise OSError("the disk is full")
    with held_interrupts():
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_are_left_alone():
    found = []

    def work():
        with held_interrupts():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
