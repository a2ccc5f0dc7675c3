from dni_lesson import plots

import matplotlib.pyplot as plt


def test_bounds_are_drawn_over_workers_with_one_network_brought_out():
    ax = plt.figure().subplots()
    bounds = {"wide": [1.0, 1.5, 2.5], "narrow": [1.0, 1.9, 2.0]}
    assert plots.plot_bounds(bounds, highlight="narrow", ax=ax) is ax
    wide, narrow = ax.lines[:2]
    assert list(wide.get_xdata()) == [1, 2, 3]
    assert list(narrow.get_ydata()) == [1.0, 1.9, 2.0]
    assert narrow.get_linewidth() > wide.get_linewidth()
    assert narrow.get_color() == plots.COLORS["synthetic"] != wide.get_color()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["wide", "narrow"]
    assert list(ax.lines[2].get_ydata()) == [3.0, 3.0]
