from dni_lesson import plots

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex


def drawn(window=3, arrived=(0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1), **options):
    _, axes = plt.subplots(2)
    return plots.draw_unrolled(window, np.array(arrived), [9], axes, **options)


def arrow_colors(ax):
    arrows = [text.arrow_patch for text in ax.texts if not text.get_text()]
    return [to_hex(one.get_edgecolor(), keep_alpha=False) for one in arrows]


def count(ax, name):
    return arrow_colors(ax).count(plots.COLORS[name].lower())


def test_each_step_has_a_bar_as_high_as_what_arrives():
    _, below = drawn()
    heights = [bar.get_height() for bar in below.patches]
    assert heights == [0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1]
    colors = [to_hex(bar.get_facecolor()).upper() for bar in below.patches]
    assert colors[-3:] == [plots.COLORS["true"]] * 3
    assert colors[:6] == [plots.COLORS["synthetic"]] * 6


def test_arrows_lead_back_where_something_arrives():
    above, _ = drawn()
    # In the second window two steps back and one from its predictor.
    assert count(above, "synthetic") == 3
    assert count(above, "true") == 2


def test_without_predictors_nothing_is_synthetic():
    above, below = drawn(decoupled=False)
    assert count(above, "synthetic") == 0
    assert "M" not in [text.get_text() for text in above.texts]
    colors = {to_hex(bar.get_facecolor()).upper() for bar in below.patches}
    assert colors == {plots.COLORS["true"]}


@pytest.mark.parametrize("window, cuts", [(1, 8), (3, 2), (4, 2), (9, 0)])
def test_a_line_marks_each_cut(window, cuts):
    above, below = drawn(window)
    assert len(above.lines) == cuts
    assert len(below.lines) == cuts + 1  # And the true gradient at 1.
    labels = [text.get_text() for text in above.texts]
    assert labels.count("M") == cuts
    assert [label for label in labels if label.isdigit()] == list("123456789")
    assert labels.count("loss") == 1
