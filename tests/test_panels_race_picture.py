import io

from dni_lesson.experiments.racing import Log, Settings
from dni_lesson.panels.race_picture import RacePicture, in_words

import pytest
from PIL import Image
from races import log as log


def pixels(png):
    return Image.open(io.BytesIO(png)).tobytes()


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
    picture.whole(log)
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
    picture.whole(log)
    assert "✗" not in picture.readings["backprop"].get_text()
    assert picture.readings["backprop"].get_text().split() == list("0123456789")
    assert picture.readings["cdni"].get_text().count("5 ✗") == 9


def test_the_live_picture_is_the_axes_and_what_is_not_in_them(log):
    picture = RacePicture(Settings(depth=3, rules=("cdni",)), "iterations")
    empty = pixels(picture.whole(Log()))
    assert pixels(picture.axes_alone()) == empty
    assert "<path" not in picture.live(Log())
    live = picture.live(log)
    assert live.count("<path") == 1 + 2 * 3  # Loss; points in the others.
    assert live.count("✗") == 9
    assert pixels(picture.axes_alone()) == empty
    assert pixels(picture.whole(log)) != empty
    assert pixels(picture.whole(Log())) == empty


def test_the_axis_grows_before_a_curve_leaves_it(log):
    settings = Settings(depth=3, rules=("cdni",), epochs=1)
    picture = RacePicture(settings, "iterations")
    picture.make_room(log)
    before = picture.axes_alone()
    log.add_turn("cdni", 1, 3, 0.1, 0.5)  # An epoch has 40 iterations.
    assert picture.make_room(log)
    assert picture.axes[0].get_xlim()[1] > 41
    assert picture.axes_alone() != before
    assert not picture.make_room(log)


def test_the_whole_picture_does_not_depend_on_those_before(log):
    settings = Settings(depth=3, rules=("backprop", "cdni"))
    used = RacePicture(settings, "iterations")
    used.whole(Log())
    used.make_room(log)
    used.live(log)
    drawn = RacePicture(settings, "iterations").whole(log)
    assert used.whole(log) == drawn


def test_words_say_what_the_picture_shows(log):
    assert in_words(Log()) == ""
    assert in_words(log) == (
        "Iterations a second: backprop 80, cDNI 80. Training loss: backprop "
        "0.500, cDNI 1.000. Test accuracy: backprop 75.0%, cDNI 25.0%. Cosine "
        "of the synthetic with the true gradient, from boundary 1 up: cDNI "
        "0.10, 0.90. Of the ten digits shown, read wrongly: backprop 0, cDNI 9."
    )
