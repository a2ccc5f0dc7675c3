import threading

from dni_lesson.panels.background import THREAD, Background

import pytest
from races import WAIT, no_thread_left, wait_for

__all__ = ["no_thread_left"]  # A fixture that every test uses.


def test_an_interrupt_reaches_the_cell_that_waits():
    def work(stop):
        yield True
        raise KeyboardInterrupt

    states = []
    background = Background(work, lambda work: states.append(work.state))
    with pytest.raises(KeyboardInterrupt):
        background.start(blocking=True)
    assert states == ["running", "stopped"]


def test_a_generator_is_closed_where_it_worked():
    closed = []

    def work(stop):
        try:
            yield True
            yield True
        finally:
            closed.append(threading.current_thread().name)

    background = Background(work, lambda work: work.stop())
    background.start()
    assert background.join(WAIT)
    assert closed == [THREAD]


def test_a_paused_generator_waits_and_is_stopped():
    items, states = iter(range(1, 10)), []
    work = Background(
        lambda stop: (item > 0 for item in items),
        lambda work: states.append(work.state),
    )
    work.go(1)
    work.start()
    wait_for(lambda: work.state == "paused")
    work.go(2)
    wait_for(lambda: work.state == "paused")
    assert next(items) == 4
    work.stop()
    assert work.join(WAIT)
    assert states == [
        "running",
        "paused",
        "running",
        "running",
        "paused",
        "stopped",
    ]
