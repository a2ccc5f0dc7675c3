import base64

from dni_lesson import plots
from dni_lesson.plots import showing

import matplotlib.pyplot as plt


def test_show_displays_the_figure_with_its_text_and_closes_it(monkeypatch):
    shown = []
    monkeypatch.setattr(
        showing, "display", lambda *args, **kwargs: shown.append((args, kwargs))
    )
    figure = plt.figure()
    plots.show(figure, alt="A line that rises.")
    ((bundle,), options) = shown[0]
    assert bundle["text/plain"] == "A line that rises."
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert options["metadata"] == {"image/png": {"alt": "A line that rises."}}
    assert not plt.fignum_exists(figure.number)
