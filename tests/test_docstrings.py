"""Every example in a docstring runs and prints what it says."""

import doctest
import importlib
import pkgutil

import dni_lesson as dni

import helpers
import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for info in pkgutil.walk_packages(dni.__path__, "dni_lesson."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for test in finder.find(module, module.__name__):
            if test.examples:
                yield pytest.param(test, id=test.name)


@pytest.fixture(scope="module")
def names():
    """What a reader of an example would have at hand."""
    x, y = helpers.toy_data()
    model = dni.mlp(depth=3, units=8, input_dim=6, num_classes=3)
    model.compile("sgd", helpers.crossentropy(), run_eagerly=True)
    return {
        "dni": dni,
        "keras": keras,
        "np": np,
        "pandas": pandas,
        "tf": tf,
        "model": model,
        **{"x": x, "y": y, "x_train": x, "y_train": y},
    }


@pytest.mark.parametrize("test", list(examples()))
def test_example(test, names):
    test.globs = {**test.globs, **names}
    printed = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    result = runner.run(test, out=printed.append)
    assert result.failed == 0, "".join(printed)
