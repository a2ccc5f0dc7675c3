"""Fixtures that every test gets without asking."""

import sys

import pytest


@pytest.fixture(autouse=True)
def same_seed_for_every_test():
    """Seeds Python, NumPy and TensorFlow where Keras is in use."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def no_figure_left_open():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
