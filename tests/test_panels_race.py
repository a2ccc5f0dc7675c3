"""Tests of the race panel without a page."""

import threading

from dni_lesson.experiments import racing
from dni_lesson.experiments.racing import Settings
from dni_lesson.panels import RacePanel, race
from dni_lesson.panels.race_picture import RacePicture

import pytest
import traitlets
from races import TINY, WAIT, is_same_race, no_thread_left, sign, wait_for

__all__ = ["no_thread_left"]  # A fixture that every test uses.


@pytest.fixture
def panel():
    made = RacePanel(**TINY, rules=("backprop", "cdni"))
    yield made
    made.close()


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
    assert is_same_race(panel.results, results)


def test_step_pause_resume_and_stop():
    panel = RacePanel(
        **{**TINY, "epochs": 10_000}, rules=("backprop", "no_bprop")
    )
    panel.buttons["Step"].click()
    wait_for(lambda: panel.state == "paused")
    assert panel.history["no_bprop"]["epoch"] == [1]
    wait_for(lambda: "Paused: 1 of 10000 epochs." in panel.words.value)
    assert panel.buttons["Run"].description == "Resume"
    panel.buttons["Run"].click()
    wait_for(lambda: len(panel.history["no_bprop"]["epoch"]) > 2)
    assert panel.buttons["Run"].description == "Pause"
    panel.buttons["Run"].click()
    wait_for(lambda: panel.state == "paused")
    lengths = {len(rows["epoch"]) for rows in panel.history.values()}
    assert len(lengths) == 1
    panel.buttons["Stop"].click()
    assert panel.join(WAIT)
    assert "Stopped: " in panel.words.value


def test_run_goes_on_when_there_are_more_epochs(panel):
    panel.fields["epochs"].value = 1
    panel.run(blocking=True)
    assert panel.history["cdni"]["epoch"] == [1]
    # The same networks race elsewhere meanwhile.
    RacePanel(**TINY, rules=("backprop", "cdni"), seed=5).run(blocking=True)
    panel.fields["epochs"].value = 2
    assert panel.state == "stopped"
    assert "Stopped: 1 of 2 epochs." in panel.words.value
    assert panel.buttons["Run"].description == "Resume"
    panel.buttons["Run"].click()
    assert panel.join(WAIT)
    assert panel.state == "finished"
    results = panel.results
    panel.run(blocking=True)
    assert is_same_race(panel.results, results)


def test_run_at_the_end_says_how_to_go_on(panel):
    panel.run(blocking=True)
    results = panel.results
    for name in ("Run", "Step"):
        panel.buttons[name].click()
        assert "All 2 epochs are done. Give it more" in panel.words.value
    assert panel.results is results


def test_run_goes_on_after_stop():
    panel = RacePanel(
        **{**TINY, "epochs": 10_000}, rules=("backprop", "no_bprop")
    )
    panel.run()
    wait_for(lambda: panel.history)
    panel.stop()
    assert panel.join(WAIT)
    turns = panel.results.turns("no_bprop")
    panel.step()
    wait_for(lambda: panel.state == "paused")
    assert panel.results.turns("no_bprop") >= turns + 4


def test_the_end_may_be_moved_while_it_races():
    panel = RacePanel(**{**TINY, "epochs": 10_000}, rules=("no_bprop",))
    panel.run()
    wait_for(lambda: panel.history)
    far = len(panel.history["no_bprop"]["epoch"]) + 20
    panel.fields["epochs"].value = far
    assert f"epochs={far}" in panel.code.value
    assert panel.join(WAIT)
    assert panel.history["no_bprop"]["epoch"] == list(range(1, far + 1))
    assert panel.state == "finished"


def test_an_end_that_is_passed_already_resets_the_race(panel):
    panel.run(blocking=True)
    panel.fields["epochs"].value = 1
    assert panel.state == "ready"
    assert "You changed epochs, so the race was reset" in panel.words.value


def test_a_blocking_run_tells_each_epoch(panel):
    told = []
    panel.run(blocking=True, on_epoch=told.append)
    assert told == [1, 2]


def test_stop_from_another_thread_ends_a_blocking_run():
    panel = RacePanel(**{**TINY, "epochs": 10_000}, rules=("no_bprop",))

    def stop_when_running():
        wait_for(lambda: panel.history)
        panel.stop()

    stopper = threading.Thread(target=stop_when_running)
    stopper.start()
    panel.run(blocking=True)
    stopper.join()
    assert panel.state == "stopped"


def test_curves_lie_on_the_axes_only_while_it_runs():
    panel = RacePanel(**{**TINY, "epochs": 10_000}, rules=("no_bprop",))
    empty = panel.picture.value
    panel.run()
    wait_for(lambda: "<path" in panel.live.value)
    panel.stop()
    assert panel.join(WAIT)
    assert panel.live.value == ""
    assert panel.picture.value != empty


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
    assert panel.live.value == ""


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

    monkeypatch.setattr(racing, "digits", fail)
    panel.run()
    assert panel.join(WAIT)
    assert panel.state == "failed"
    assert "An error ended the race." in panel.words.value
    assert "OSError: no &lt;digits&gt; here" in panel.words.value
    with pytest.raises(OSError, match="digits"):
        panel.run(blocking=True)


def test_an_error_in_a_picture_is_shown_as_text(panel, monkeypatch):
    def fail(self, log):
        if log.losses:
            raise OSError("no ink")
        return ""

    monkeypatch.setattr(RacePicture, "live", fail)
    monkeypatch.setattr(race, "_SECONDS_BETWEEN_PICTURES", 0)
    with pytest.raises(OSError, match="ink"):
        panel.run(blocking=True)
    assert panel.state == "failed"
    assert "An error ended the race. OSError: no ink" in panel.words.value


def test_a_second_race_stops_the_first(panel):
    other = RacePanel(**{**TINY, "epochs": 10_000}, rules=("no_bprop",))
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


def test_a_rule_of_ones_own_has_a_name_a_curve_and_a_colour():
    panel = RacePanel(**TINY, models={"sign": sign})
    assert panel.rules["sign"].value and panel.rules["sign"].description
    assert "models={'sign': sign})" in panel.code.value
    panel.rules["dni"].value = panel.rules["cdni"].value = False
    panel.run(blocking=True)
    assert list(panel.history) == ["backprop", "sign"]
    assert "Test accuracy: backprop " in panel.words.value
    curves = panel._picture.curves
    for what in ("loss", "val_accuracy", 0):  # At boundary 1.
        assert len(curves[what, "sign"].get_xdata()) > 1
    colors = [curves["loss", rule].get_color() for rule in panel.history]
    assert len(set(colors)) == 2
    fresh = RacePanel(**TINY, models={"sign": sign}, rules=("sign",))
    assert fresh.settings.rules == ("sign",)


def test_settings_are_told_as_code():
    assert race.as_code(Settings()) == "RacePanel()"
    changed = Settings(depth=2, rules=("cdni",), update_probability=0.2)
    code = race.as_code(changed)
    assert eval(code, {"RacePanel": Settings}) == changed


def test_a_race_of_convolutional_networks_has_controls_of_its_own():
    panel = RacePanel(kind="cnn", rules=("cdni",), batch_size=400)
    assert panel.settings == Settings.of("cnn", rules=("cdni",), batch_size=400)
    assert panel.fields["units"].description == "filters"
    panel.fields["depth"].value, panel.fields["units"].value = 2, 4
    panel.fields["epochs"].value = 1
    copy = eval(panel.code.value, {"RacePanel": RacePanel})
    assert copy.settings == panel.settings
    panel.run(blocking=True)
    assert panel.history["cdni"]["step"] == [10]


def test_a_new_panel_ends_the_race_of_an_older_one():
    old = RacePanel(**{**TINY, "epochs": 10_000}, rules=("no_bprop",))
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
        ({"kind": "rnn"}, ValueError),
        ({"color": "red"}, TypeError),
        ({"models": {"mine": lambda: None}}, ValueError),
    ],
)
def test_impossible_settings_are_refused(settings, error):
    with pytest.raises(error):
        RacePanel(**settings)
