"""A run without a browser says so, and a wrong one is refused."""

import types

import browser
import pytest

TEST = types.SimpleNamespace(keywords={"browser": 1, "slow": 1})
OTHER = types.SimpleNamespace(keywords={"slow": 1})


def test_browser_tests_that_were_left_out_are_counted(monkeypatch):
    monkeypatch.setattr(browser, "find_chromium", lambda: None)
    sentence = browser.left_out([TEST, OTHER, TEST])
    assert "2 browser tests" in sentence and "DNI_CHROMIUM" in sentence


def test_nothing_is_said_when_no_browser_test_was_left_out(monkeypatch):
    monkeypatch.setattr(browser, "find_chromium", lambda: None)
    assert browser.left_out([OTHER]) is None
    monkeypatch.setattr(browser, "find_chromium", lambda: "/bin/chromium")
    assert browser.left_out([TEST]) is None


def test_a_browser_that_is_not_there_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("DNI_CHROMIUM", str(tmp_path / "chromium"))
    assert browser.find_chromium() is None
    with pytest.raises(pytest.UsageError, match="DNI_CHROMIUM=.*unset it"):
        browser.check_named()
