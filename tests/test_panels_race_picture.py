from dni_lesson.panels import racing
from dni_lesson.panels.race_picture import RacePicture
from dni_lesson.panels.race_settings import Settings

import pytest
from races import log as log


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


def test_layers_drawn_one_after_the_other_make_the_whole_picture(log):
    settings = Settings(depth=3, rules=("backprop", "cdni"))
    grown, growing = RacePicture(settings, "iterations"), racing.Log()
    grown.draw(growing)
    for rule, rows in log.losses.items():
        for loss in rows["loss"]:
            growing.add_turn(rule, 20, 60, 0.25, loss)
            grown.draw(growing, is_new=False)
    growing.history = log.history
    grown.draw(growing, is_new=False)
    growing.add_turn("cdni", 20, 60, 0.25, 0.3)
    drawn = grown.draw(growing)
    assert drawn == RacePicture(settings, "iterations").draw(growing)
    growing.add_turn("cdni", 20, 60, 0.25, 0.2)
    reading = growing.history["cdni"]["reading"][-1]
    row = {"val_accuracy": 0.5, "cosine": [0.2, 0.8], "reading": reading}
    growing.add_epoch("cdni", epoch=2, **row)
    # The readings are as before, so it is the whole picture again.
    drawn = grown.draw(growing, is_new=False)
    assert drawn == RacePicture(settings, "iterations").draw(growing)
