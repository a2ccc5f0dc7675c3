from dni_lesson import plots

import numpy as np


def test_digits_stand_in_a_row_with_titles():
    axes = plots.plot_digits(np.zeros((3, 784)), titles=[7, 1, 4])
    assert [one.get_title() for one in axes] == ["7", "1", "4"]
    assert axes[0].images[0].get_array().shape == (28, 28)
