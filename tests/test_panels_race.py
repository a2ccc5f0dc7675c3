"""Tests of the race: its numbers, its thread, and the panel without a page."""

import math
import threading

from dni_lesson.panels import RacePanel, racing
from dni_lesson.panels.training import Background

import numpy as np
import pytest
import traitlets

TINY = {"depth": 2, "units": 32, "batch_size": 400, "epochs": 2}
WAIT = 120  # seconds; only a broken thread needs as many


@pytest.fixture(autouse=True)
def no_thread_left():
    before = set(threading.enumerate())
    yield
    if Background._latest is not None:
        Background._latest.stop()
        assert Background._latest.join(WAIT)
    assert set(threading.enumerate()) <= before


@pytest.fixture
def panel():
    made = RacePanel(**TINY, rules=("backprop", "cdni"))
    yield made
    made.close()


def tiny_race(**changes):
    settings = racing.Settings(**{**TINY, "rules": ("cdni",), **changes})
    history = {}
    turns = list(racing.race(settings, history, threading.Event()))
    return history, turns


def test_race_trains_the_rules_in_turns():
    history, turns = tiny_race(rules=("backprop", "local"))
    assert turns == [False, True, False, True]
    assert list(history) == ["backprop", "local"]
    for rows in history.values():
        assert rows["epoch"] == [1, 2]
        assert rows["step"] == [10, 20]
    first, second = history["backprop"]["val_accuracy"]
    assert first < second
    assert history["backprop"]["cosine"] == [[], []]
    assert all(map(math.isnan, history["local"]["cosine"][1]))


def test_a_kept_network_races_as_a_fresh_one():
    first, _ = tiny_race()
    other, _ = tiny_race(seed=1)
    assert other != first
    again, _ = tiny_race()
    assert again == first
    racing._network.cache_clear()
    fresh, _ = tiny_race()
    assert fresh == first


def test_the_learning_rate_of_a_kept_network_is_new():
    fast, _ = tiny_race(learning_rate=1e-2)
    slow, _ = tiny_race(learning_rate=1e-4)
    assert slow["cdni"]["val_loss"][0] > fast["cdni"]["val_loss"][0]


def test_race_ends_in_mid_epoch_when_asked():
    stop, history = threading.Event(), {}
    settings = racing.Settings(**TINY)
    turns = racing.race(settings, history, stop)
    assert next(turns) is False
    stop.set()
    assert list(turns) == []
    assert list(history) == ["backprop"]


def test_picture_holds_the_history_and_words_say_it():
    settings = racing.Settings(depth=3, rules=("backprop", "cdni"))
    history = {
        "backprop": {"epoch": [1, 2], "val_accuracy": [0.5, 0.75]},
        "cdni": {"epoch": [1], "val_accuracy": [0.25], "cosine": [[0.1, 0.9]]},
    }
    for rule in history:
        history[rule].setdefault("cosine", [[], []])
    figure = racing.race_figure(settings)
    words = racing.draw_race(history, settings, figure)
    accuracy, cosines = figure.axes
    np.testing.assert_array_equal(accuracy.lines[0].get_ydata(), [0.5, 0.75])
    assert [list(line.get_ydata()) for line in cosines.lines[:2]] == [
        [0.1],
        [0.9],
    ]
    assert words == (
        "Test accuracy: backprop 75.0%, cDNI 25.0%. Cosine of the synthetic "
        "with the true gradient, from boundary 1 up: cDNI 0.10, 0.90."
    )


def test_panel_is_ready_with_an_empty_picture(panel):
    assert panel.state == "ready"
    assert bytes(panel.picture.value).startswith(b"\x89PNG")
    assert "Ready: press Run." in panel.words.value
    assert panel.buttons["Stop"].disabled
    assert repr(panel) == (
        "<Race panel: test accuracy and gradient cosine of the rules>"
    )


def test_blocking_run_ends_with_results(panel):
    empty = panel.picture.value
    panel.run(blocking=True)
    assert panel.state == "finished"
    assert panel.picture.value != empty
    assert "Finished: 2 of 2 epochs. Test accuracy:" in panel.words.value
    assert panel.history["cdni"]["step"] == [10, 20]


def test_thread_and_calling_thread_give_the_same_race(panel):
    panel.buttons["Run"].click()
    assert panel.join(WAIT)
    assert panel.state == "finished"
    history = panel.history
    panel.run(blocking=True)
    assert panel.history == history


def wait_for(condition):
    waiting = threading.Event()
    for _ in range(WAIT * 100):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError(f"it did not happen: {Background._latest.error}")


def test_step_pause_resume_and_stop():
    panel = RacePanel(**{**TINY, "epochs": 10_000}, rules=("backprop", "local"))
    panel.buttons["Step"].click()
    wait_for(lambda: panel.state == "paused")
    assert panel.history["local"]["epoch"] == [1]
    wait_for(lambda: "Paused: 1 of 10000 epochs." in panel.words.value)
    assert panel.buttons["Run"].description == "Resume"
    panel.buttons["Run"].click()
    wait_for(lambda: len(panel.history["local"]["epoch"]) > 2)
    assert panel.buttons["Run"].description == "Pause"
    panel.buttons["Run"].click()
    wait_for(lambda: panel.state == "paused")
    lengths = {len(rows["epoch"]) for rows in panel.history.values()}
    assert len(lengths) == 1
    panel.buttons["Stop"].click()
    assert panel.join(WAIT)
    assert "Stopped: " in panel.words.value


def test_stop_from_another_thread_ends_a_blocking_run():
    panel = RacePanel(**{**TINY, "epochs": 10_000}, rules=("local",))

    def stop_when_running():
        wait_for(lambda: panel.history)
        panel.stop()

    stopper = threading.Thread(target=stop_when_running)
    stopper.start()
    panel.run(blocking=True)
    stopper.join()
    assert panel.state == "stopped"


def test_a_new_setting_resets_a_race_and_says_so(panel):
    panel.fields["seed"].value = 3
    assert "You changed" not in panel.words.value
    panel.run(blocking=True)
    drawn = panel.picture.value
    panel.fields["batch_size"].value = 200
    assert panel.state == "ready"
    assert panel.history == {}
    assert panel.picture.value != drawn
    assert "You changed batch size, so the race was reset" in panel.words.value


def test_reset_during_a_race_leaves_the_picture_empty(panel):
    empty = panel.picture.value
    panel.run()
    running = panel._training
    panel.buttons["Reset"].click()
    assert running.join(WAIT)
    assert panel.state == "ready"
    assert panel.picture.value == empty


def test_another_rule_gets_a_picture_of_its_own(panel):
    assert len(panel._figure.axes) == 2
    panel.rules["dni"].value = True
    assert len(panel._figure.axes) == 3
    assert panel.settings.rules == ("backprop", "dni", "cdni")


def test_a_race_needs_a_rule(panel):
    for box in panel.rules.values():
        box.value = False
    panel.run()
    assert panel.state == "ready"
    assert "Choose at least one rule." in panel.words.value


def test_an_error_in_the_thread_is_shown_as_text(panel, monkeypatch):
    def fail():
        raise OSError("no <digits> here")

    monkeypatch.setattr(racing, "load_digits", fail)
    panel.run()
    assert panel.join(WAIT)
    assert panel.state == "failed"
    assert "An error ended the race." in panel.words.value
    assert "OSError: no &lt;digits&gt; here" in panel.words.value
    with pytest.raises(OSError, match="digits"):
        panel.run(blocking=True)


def test_a_second_race_stops_the_first(panel):
    other = RacePanel(**{**TINY, "epochs": 10_000}, rules=("local",))
    other.run()
    panel.run(blocking=True)
    assert other.join(0)
    assert other.state == "stopped"
    assert panel.state == "finished"


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"rules": ("magic",)}, ValueError),
        ({"epochs": 0}, ValueError),
        ({"units": 100}, traitlets.TraitError),
        ({"color": "red"}, TypeError),
    ],
)
def test_impossible_settings_are_refused(settings, error):
    with pytest.raises(error):
        RacePanel(**settings)


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
