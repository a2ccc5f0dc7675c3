"""Readings of made-up rows: three arms, two batch sizes, two delays."""

from dni_lesson.experiments import opponents
from dni_lesson.experiments.opponents import TRAINED, fastest, seconds

import pandas as pd
import pytest

MS = {  # milliseconds a step at 0 and at 5 ms
    ("locked", 100): (1, 31),
    ("locked", 1000): (8, 38),
    ("decoupled", 100): (2, 2),
    ("decoupled", 1000): (9, 9),
    ("backprop fit", 100): (1.5, None),
    ("backprop fit", 1000): (6, None),
}
STEPS = pd.DataFrame(
    {
        "arm": arm,
        "batch": batch,
        "delay_ms": delay,
        "ms": ms,
        "predicted_ms": 2 * value if arm == "decoupled" else value,
    }
    for (arm, batch), times in MS.items()
    for delay, value in zip((0.0, 5.0), times)
    if value is not None
    for ms in (value, 0.5 * value, 40 * value)  # The median is the first.
)


def run(arm, batch, passes, delay=0.0, digits="held out", seed=0):
    return {
        "arm": arm,
        "batch": batch,
        "learning_rate": 0.001,
        "delay_ms": delay,
        "digits": digits,
        "seed": seed,
        "passes_to_2.5": passes[0],
        "passes_to_2.0": passes[1],
        "staleness": 0.0,
    }


CHOICES = [
    run("locked", 100, (2, 4)),
    run("locked", 1000, (3, None)),
    run("decoupled", 100, (3, 5), 5.0),
    run("decoupled", 1000, (9, None), 5.0),
]


def at(table, arm, batch, delay, target):
    rows = table[
        (table["arm"] == arm)
        & (table["batch"] == batch)
        & (table["delay_ms"] == delay)
        & (table["target"] == target)
    ]
    return rows["seconds"].item()


def test_seconds_are_passes_times_steps_times_the_median_step():
    table = seconds(pd.DataFrame(CHOICES), STEPS)
    steps = TRAINED / 100
    assert at(table, "locked", 100, 5.0, 2.5) == pytest.approx(
        2 * steps * 0.031
    )
    assert at(table, "decoupled", 100, 0.0, 2.0) == pytest.approx(
        5 * steps * 0.002
    )
    assert pd.isna(at(table, "locked", 1000, 0.0, 2.0))


def test_one_process_learns_as_locked_workers_and_has_no_link():
    table = seconds(pd.DataFrame(CHOICES), STEPS)
    there = [at(table, "backprop fit", 100, delay, 2.5) for delay in (0.0, 5.0)]
    assert there == pytest.approx([2 * TRAINED / 100 * 0.0015] * 2)


def test_the_batch_is_chosen_for_each_delay():
    best = fastest(pd.DataFrame(CHOICES), STEPS).query("target == 2.5")
    batch = best.set_index(["arm", "delay_ms"])["batch"]
    assert batch["locked", 0.0] == 100
    assert batch["locked", 5.0] == 1000
    assert batch["decoupled", 5.0] == 100
    assert batch["backprop fit", 5.0] == 1000


def test_a_setting_that_does_not_reach_the_error_is_not_chosen():
    best = fastest(pd.DataFrame(CHOICES), STEPS).query("target == 2.0")
    assert set(best["batch"]) == {100}


def test_the_verdict_is_read_from_the_settings_that_were_chosen():
    tests = [
        run("locked", 1000, (4, 6), digits="test"),
        run("decoupled", 100, (4, 7), 5.0, digits="test"),
        run("decoupled", 1000, (1, 1), 5.0, digits="test"),  # was not chosen
    ]
    table = opponents.tested(pd.DataFrame(CHOICES + tests), STEPS)
    for delay in (0.0, 5.0):  # Passes count at every delay.
        assert at(table, "decoupled", 100, delay, 2.5) == pytest.approx(
            4 * TRAINED / 100 * 0.002
        )
    assert not (table.query("arm == 'decoupled'")["batch"] == 1000).any()
    # The other batch is the better one without delay.
    assert list(table.query("arm == 'locked'")["delay_ms"].unique()) == [5.0]


def test_a_mean_has_all_of_its_seeds():
    tests = [
        run("locked", 100, (4, passes), digits="test", seed=seed)
        for seed, passes in enumerate((6, None))
    ]
    table = opponents.tested(pd.DataFrame(CHOICES + tests), STEPS)
    means = opponents.mean_seconds(table)
    assert means.loc[(2.5, "locked"), 0.0] == pytest.approx(2.2)
    assert pd.isna(means.loc[(2.0, "locked"), 0.0])


def test_a_gain_is_a_ratio_of_paces_times_a_ratio_of_passes():
    agreement = pd.DataFrame(
        {
            "arm": "decoupled",
            "batch": batch,
            "learning_rate": 0.001,
            "cosine": c,
        }
        for batch, c in ((100, 0.5), (1000, 0.2))
    )
    table = opponents.gains(pd.DataFrame(CHOICES), STEPS, agreement)
    row = table.query("batch == 100 and delay_ms == 5").iloc[0]
    assert row["pace"] == pytest.approx(31 / 2)
    assert row["passes"] == pytest.approx(2 / 3)
    assert row["gain"] == pytest.approx(31 / 3)
    assert row["told_pace"] == pytest.approx(31 / 4)
    assert row["told_gain"] == pytest.approx(31 / 8)
    # Both arms must have a chance, and who never gets there gains nothing.
    other = opponents.gains(pd.DataFrame(CHOICES), STEPS, agreement, 2.0)
    assert set(other["batch"]) == {100}
    slow = [run("decoupled", 100, (None, None), 5.0), *CHOICES[:2]]
    never = opponents.gains(pd.DataFrame(slow), STEPS, agreement)
    assert set(never["gain"]) == {0}
