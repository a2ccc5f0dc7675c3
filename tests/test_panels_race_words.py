from dni_lesson.panels import racing
from dni_lesson.panels.race_words import in_words

from races import log as log


def test_words_say_what_the_picture_shows(log):
    assert in_words(racing.Log()) == ""
    assert in_words(log) == (
        "Iterations a second: backprop 80, cDNI 80. Training loss: backprop "
        "0.500, cDNI 1.000. Test accuracy: backprop 75.0%, cDNI 25.0%. Cosine "
        "of the synthetic with the true gradient, from boundary 1 up: cDNI "
        "0.10, 0.90. Of the ten digits shown, read wrongly: backprop 0, cDNI 9."
    )
