from dni_lesson.panels import player as module
from dni_lesson.panels.controls import slider
from dni_lesson.panels.player import Player

import pytest
from races import WAIT, no_thread_left, wait_for

__all__ = ["no_thread_left"]  # A fixture that every test uses.


@pytest.fixture
def player(monkeypatch):
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_STEPS", 0.01)
    return Player(slider("steps", 0, 100, 40, step=20))


def seen(player):
    values = []
    player._slider.observe(lambda change: values.append(change["new"]), "value")
    return values


def test_run_moves_the_slider_to_its_end_and_then_begins_anew(player):
    values = seen(player)
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
