import threading

from dni_lesson.panels import background as module
from dni_lesson.panels.background import THREAD, Background, Player
from dni_lesson.panels.panel import slider

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


@pytest.fixture
def player(monkeypatch):
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_STEPS", 0.01)
    return Player(slider("steps", 0, 100, 40, step=20))


def moves(player):
    values = []
    player._slider.observe(lambda change: values.append(change["new"]), "value")
    return values


def test_run_moves_the_slider_to_its_end_and_then_begins_anew(player):
    values = moves(player)
    player.run(blocking=True)
    assert values == [60, 80, 100]
    player.run(blocking=True)
    assert values[3:] == [0, 20, 40, 60, 80, 100]


def test_step_and_reset(player):
    player.buttons["Step"].click()
    assert player._slider.value == 60
    player.buttons["Reset"].click()
    assert player._slider.value == 0


def test_a_step_ends_at_the_end(player):
    player._slider.value = 100
    player.step()
    assert player._slider.value == 100


def test_a_film_can_be_paused_and_goes_on_from_there(player):
    player._slider.max = 100_000
    run = player.buttons["Run"]
    run.click()
    assert run.description == "Pause"
    wait_for(lambda: player._slider.value > 60)
    run.click()
    assert player.join(WAIT)
    assert run.description == "Run"
    value = player._slider.value
    assert value < 100_000
    run.click()
    wait_for(lambda: player._slider.value > value)
