"""Fixtures that every test gets without asking."""

import sys

import browser
import lab_server
import pytest


def pytest_configure():
    browser.check_named()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    yield
    # After all other lines, just above "N passed".
    sentence = browser.left_out(terminalreporter.stats.get("skipped", []))
    if sentence:
        terminalreporter.write_line(sentence)


@pytest.fixture(autouse=True)
def same_seed_for_every_test():
    """Seeds Python, NumPy and TensorFlow where Keras is in use."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def cores_that_nobody_measures(monkeypatch):
    """Rows name what cores are worth; a process of its own would find out."""
    if "dni_lesson.workers.sharing" in sys.modules:
        sharing = sys.modules["dni_lesson.workers.sharing"]
        monkeypatch.setattr(sharing, "measured_alone", lambda workers=2: 1.5)


@pytest.fixture(autouse=True)
def no_figure_left_open():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def server(root, tmp_path_factory):
    with lab_server.serve(tmp_path_factory.mktemp("home"), root) as started:
        yield started
