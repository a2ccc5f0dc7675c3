"""Tests of the race: its numbers, its thread, and the panel without a page."""

import math
import threading

from dni_lesson.panels import RacePanel, racing
from dni_lesson.panels.race_picture import RacePicture
from dni_lesson.panels.race_settings import Settings, as_code
from dni_lesson.panels.race_words import in_words
from dni_lesson.panels.racer import racer
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
    settings = Settings(**{**TINY, "rules": ("cdni",), **changes})
    log = racing.Log()
    turns = list(racing.race(settings, log, threading.Event()))
    return log, turns


def without_seconds(log):
    """Returns all numbers of a log but the times, which are never the same."""
    return [
        {
            rule: {k: v for k, v in rows.items() if k != "seconds"}
            for rule, rows in table.items()
        }
        for table in (log.history, log.losses)
    ]


def test_race_trains_the_rules_in_turns():
    log, turns = tiny_race(rules=("backprop", "local"))
    assert turns == 8 * [False, True]
    assert list(log.history) == list(log.losses) == ["backprop", "local"]
    for rows in log.history.values():
        assert rows["epoch"] == [1, 2]
        assert rows["step"] == [10, 20]
        assert len(rows["reading"]) == 2
    for rows in log.losses.values():
        assert rows["step"] == [3, 6, 8, 10, 13, 16, 18, 20]
        assert rows["seconds"] == sorted(rows["seconds"])
    first, second = log.history["backprop"]["val_accuracy"]
    assert first < second
    losses = log.losses["backprop"]["loss"]
    assert losses[-1] < losses[0]
    assert log.history["backprop"]["cosine"] == [[], []]
    assert all(map(math.isnan, log.history["local"]["cosine"][1]))


def test_layer_updates_are_counted():
    log, _ = tiny_race(rules=("backprop", "cdni", "local"))
    counted = {rule: rows["updates"] for rule, rows in log.history.items()}
    # Two modules; in `local` only the top one learns.
    assert counted["backprop"] == counted["cdni"] == [20, 40]
    assert counted["local"] == [10, 20]


def test_stochastic_updates_move_a_part_of_the_modules():
    rules = ("backprop", "cdni")
    log, _ = tiny_race(rules=rules, update_probability=0.5, batch_size=100)
    shares = {rule: log.history[rule]["updates"][-1] / 160 for rule in rules}
    assert shares == {r: pytest.approx(0.5, abs=0.15) for r in rules}
    # Locked modules are updated together or not at all.
    assert log.history["backprop"]["updates"][-1] % 2 == 0
    assert log.history["cdni"]["val_accuracy"][-1] > 0.3


def test_readings_are_of_one_digit_of_each_kind():
    places, images = racing.samples()
    _, (x, y) = racing.load_digits()
    assert y[places].tolist() == list(range(10))
    np.testing.assert_array_equal(x[places], images)
    log, _ = tiny_race(epochs=1)
    assert all(0 <= digit <= 9 for digit in log.history["cdni"]["reading"][0])


def test_gradients_are_kept_for_a_closer_look():
    log, _ = tiny_race(rules=("backprop", "cdni"))
    assert list(log.records) == ["cdni"]
    assert list(log.records["cdni"]) == [10, 20]
    (pair,) = log.records["cdni"][20]
    assert pair.boundary == 1
    assert pair.true.shape == pair.synthetic.shape == (100, 32)


@pytest.mark.parametrize("p", [1.0, 0.5])
def test_a_kept_network_races_as_a_fresh_one(p):
    first, _ = tiny_race(update_probability=p)
    other, _ = tiny_race(update_probability=p, seed=1)
    again, _ = tiny_race(update_probability=p)
    racer.cache_clear()
    fresh, _ = tiny_race(update_probability=p)
    first, other, again, fresh = map(
        without_seconds, (first, other, again, fresh)
    )
    np.testing.assert_equal(again, first)  # For it, nan is nan.
    np.testing.assert_equal(fresh, first)
    assert other != first


def test_the_learning_rate_of_a_kept_network_is_new():
    fast, _ = tiny_race(learning_rate=1e-2)
    slow, _ = tiny_race(learning_rate=1e-4)
    assert slow.losses["cdni"]["loss"][-1] > fast.losses["cdni"]["loss"][-1]


def test_predictors_may_have_a_hidden_layer():
    log, _ = tiny_race(rules=("dni",), predictor_units=(128,), epochs=1)
    plain, _ = tiny_race(rules=("dni",), epochs=1)
    assert log.history["dni"]["cosine"] != plain.history["dni"]["cosine"]


def test_race_ends_in_mid_epoch_when_asked():
    stop, log = threading.Event(), racing.Log()
    turns = racing.race(Settings(**TINY), log, stop)
    assert next(turns) is False
    stop.set()
    assert list(turns) == []
    assert list(log.losses) == ["backprop"]
    assert log.history == {}


@pytest.fixture
def log():
    made = racing.Log()
    for rule, losses in (("backprop", [1.5, 0.5]), ("cdni", [2.0, 1.0])):
        for loss in losses:
            made.add_turn(rule, 20, 60, 0.25, loss)
    for rule, accuracy, cosine, reading in (
        ("backprop", 0.75, [], list(range(10))),
        ("cdni", 0.25, [0.1, 0.9], [5] * 10),
    ):
        row = {"val_accuracy": accuracy, "cosine": cosine, "reading": reading}
        made.add_epoch(rule, epoch=1, **row)
    return made


@pytest.mark.parametrize(
    ("axis", "ends"),
    [
        ("iterations", [20, 40]),
        ("layer-updates", [60, 120]),
        ("training seconds", [0.25, 0.5]),
    ],
)
def test_curves_hold_what_was_measured(log, axis, ends):
    settings = Settings(depth=3, rules=("backprop", "cdni"))
    picture = RacePicture(settings, axis)
    picture.draw(log)
    points = {
        key: [list(values) for values in curve.get_data()]
        for key, curve in picture.curves.items()
    }
    assert points["loss", "cdni"] == [ends, [2.0, 1.0]]
    assert points["val_accuracy", "backprop"] == [ends[1:], [0.75]]
    assert points[0, "cdni"] == [ends[1:], [0.1]]
    assert points[1, "cdni"] == [ends[1:], [0.9]]
    assert len(points) == 6


def test_readings_say_what_is_wrong(log):
    picture = RacePicture(
        Settings(depth=3, rules=("backprop", "cdni")), "iterations"
    )
    picture.draw(log)
    assert "✗" not in picture.readings["backprop"].get_text()
    assert picture.readings["backprop"].get_text().split() == list("0123456789")
    assert picture.readings["cdni"].get_text().count("5 ✗") == 9


def test_curves_are_drawn_into_what_stays(log):
    picture = RacePicture(Settings(depth=3, rules=("cdni",)), "iterations")
    empty = picture.draw(racing.Log())
    drawn = picture.draw(log)
    assert drawn != empty
    assert picture.draw(racing.Log()) == empty
    assert picture.draw(log, is_new=False) != drawn  # Old readings.
    assert picture.draw(log) == drawn


def test_words_say_what_the_picture_shows(log):
    assert in_words(racing.Log()) == ""
    assert in_words(log) == (
        "Iterations a second: backprop 80, cDNI 80. Training loss: backprop "
        "0.500, cDNI 1.000. Test accuracy: backprop 75.0%, cDNI 25.0%. Cosine "
        "of the synthetic with the true gradient, from boundary 1 up: cDNI "
        "0.10, 0.90. Of the ten digits shown, read wrongly: backprop 0, cDNI 9."
    )


def test_settings_are_told_as_code():
    assert as_code(Settings()) == "RacePanel()"
    changed = Settings(depth=2, rules=("cdni",), update_probability=0.2)
    code = as_code(changed)
    assert eval(code, {"RacePanel": Settings}) == changed


def test_panel_is_ready_with_an_empty_picture(panel):
    assert panel.state == "ready"
    assert bytes(panel.picture.value).startswith(b"\x89PNG")
    assert "Ready: press Run." in panel.words.value
    assert panel.buttons["Stop"].disabled
    assert repr(panel) == (
        "<Race panel: loss, test accuracy and gradient cosine of the rules>"
    )


def test_blocking_run_ends_with_results(panel):
    empty = panel.picture.value
    panel.run(blocking=True)
    assert panel.state == "finished"
    assert panel.picture.value != empty
    assert "Finished: 2 of 2 epochs. Iterations a second:" in panel.words.value
    assert panel.history["cdni"]["step"] == [10, 20]


def test_thread_and_calling_thread_give_the_same_race(panel):
    panel.buttons["Run"].click()
    assert panel.join(WAIT)
    assert panel.state == "finished"
    results = panel.results
    panel.run(blocking=True)
    assert without_seconds(panel.results) == without_seconds(results)


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
    before = panel.picture.value
    panel.rules["dni"].value = True
    assert panel.picture.value != before
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


def test_the_x_axis_changes_without_a_reset(panel):
    panel.run(blocking=True)
    results, drawn = panel.results, panel.picture.value
    panel.axis.value = "training seconds"
    assert panel.results is results
    assert panel.state == "finished"
    assert panel.picture.value != drawn


def test_settings_can_be_copied_as_code(panel):
    panel.fields["seed"].value = 3
    assert "seed=3" in panel.code.value
    copy = eval(panel.code.value, {"RacePanel": RacePanel})
    assert copy.settings == panel.settings


def test_a_new_panel_ends_the_race_of_an_older_one():
    old = RacePanel(**{**TINY, "epochs": 10_000}, rules=("local",))
    old.run()
    RacePanel(**TINY)
    assert old.join(WAIT)
    assert old.state == "stopped"


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
