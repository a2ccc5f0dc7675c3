"""The command `advise` reads a file and says one thing about it."""

import dni_lesson as dni
from dni_lesson.__main__ import main

import keras
import pytest
from helpers import crossentropy
from keras import layers


@pytest.fixture
def asked(monkeypatch):
    """What `advise` is asked, instead of its answer; no device is set up."""
    calls = []

    def advise(*arguments, **options):
        calls.append((arguments, options))
        return "advice"

    monkeypatch.setattr(dni, "advise", advise)
    monkeypatch.setattr(dni, "worker_devices", lambda count: ["CPU:0"] * count)
    return calls


def test_a_model_in_a_file_is_asked_about(tmp_path, asked, capsys):
    model = keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)]
    )
    model.compile("adam", crossentropy())
    model.save(tmp_path / "cnn.keras")
    options = ["--workers", "3", "--link-delay", "0.5", "--bandwidth", "1e6"]
    assert main(["advise", str(tmp_path / "cnn.keras"), *options]) == 0
    assert capsys.readouterr().out == "advice\n"
    ((_, x, y, *rest), named) = asked[0]
    assert rest == [3, 0.5, 1e6]
    assert x.shape == (4000, 28, 28, 1) and y.shape == (4000,)
    assert named["devices"] == ["CPU:0"] * 3


def test_a_file_that_is_not_there_or_no_model_is_said(tmp_path, asked, capsys):
    (tmp_path / "bad.keras").write_text("no model")
    for name in ("none.keras", "bad.keras"):
        assert main(["advise", str(tmp_path / name)]) == 1
        (line,) = capsys.readouterr().out.splitlines()
        assert name in line


@pytest.mark.slow
def test_a_model_that_was_never_compiled_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(dni, "worker_devices", lambda count: None)
    dni.mlp(3, 8).save(tmp_path / "raw.keras")
    assert main(["advise", str(tmp_path / "raw.keras")]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "raw.keras: `model`. Expected a model that was compiled" in line
