"""The picture of the README and the run behind it, on tiny data."""

from dni_lesson.experiments import picture as result

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def frames():
    grid = pd.MultiIndex.from_product(
        [result.RULES, (0, 1), (1, 2, 3)], names=["rule", "seed", "epoch"]
    )
    accuracy = grid.to_frame(index=False)
    accuracy["accuracy"] = 0.9 + 0.02 * accuracy["seed"]
    pairs = [
        accuracy[["rule", "seed", "epoch"]].assign(boundary=k, cosine=0.3 * k)
        for k in (1, 2)
    ]
    return accuracy, pd.concat(pairs)


def test_picture_is_1200_pixels_wide_and_names_rules_and_means(frames):
    figure = result.draw(*frames)
    assert figure.get_size_inches()[0] * figure.dpi == 1200
    left, right = (
        [text.get_text() for text in axes.texts] for axes in figure.axes
    )
    assert left == [
        "backprop 91.0%",
        "DNI 91.0%",
        "cDNI 91.0%",
        "no_bprop 91.0%",
    ]
    assert right == [
        "cDNI, boundary 1",
        "cDNI, boundary 2",
        "DNI, boundary 2",
    ]
    assert list(figure.axes[0].lines[0].get_ydata()) == [0.91] * 3


@pytest.mark.slow
def test_measure_returns_every_rule_seed_and_epoch():
    numbers = np.random.default_rng(0)
    x = numbers.random((200, 6)).astype("float32")
    y = numbers.integers(0, 3, 200)
    architecture = {"depth": 3, "units": 4, "input_dim": 6, "num_classes": 3}
    accuracy, agreement = result.measure(
        ((x, y), (x[:100], y[:100])), seeds=(0,), epochs=2, **architecture
    )
    counts = accuracy.groupby("rule")["epoch"].apply(list)
    assert counts.to_dict() == {rule: [1, 2] for rule in result.RULES}
    # Backprop has no interfaces, that of no_bprop, zero, no direction.
    assert set(agreement["rule"]) == {"dni", "cdni"}
    assert sorted(agreement["boundary"].unique()) == [1, 2]
    assert sorted(agreement["epoch"].unique()) == [1, 2]


@pytest.mark.parametrize("name", ["nowhere/picture.png", "picture.jpg"])
def test_a_picture_that_cannot_be_written_is_refused_before_training(
    tmp_path, name, capsys, monkeypatch
):
    monkeypatch.setattr(result, "measure", None)
    with pytest.raises(SystemExit):
        result.main([str(tmp_path / name)])
    assert "`picture`. Expected a file" in capsys.readouterr().err
