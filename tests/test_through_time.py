"""Gradients of states: the true ones and those of training by windows."""

import dni_lesson as dni

import helpers
import numpy as np
import pytest
from helpers import double_precision
from test_recurrence import (
    EPISODES,
    MASK,
    TIME,
    UNITS,
    Oracle,
    X,
    Y,
    assert_close,
    compiled,
    random_predictor,
    rnn,
    unrolled,
)

__all__ = ["double_precision"]


def at_starts(found, window):
    """Returns the gradients of the states at which windows start."""
    return [g for g in found if g.step % window == 0]


@pytest.mark.parametrize("window", [1, 3, 6])
@pytest.mark.parametrize("weight", [None, MASK])
def test_the_true_gradient_is_full_backprop_through_time(
    window, weight, double_precision
):
    model = compiled(rnn(window, random_predictor()))
    found = dni.state_gradients(model, X, Y, weight)
    _, _, truth = unrolled(model, weight)
    # The first window starts before the first step.
    assert_close([g.true for g in at_starts(found, window)], truth[1:])


def test_without_an_interface_nothing_arrives_at_a_cut(double_precision):
    found = dni.state_gradients(compiled(rnn(3)), X, Y)
    assert [g.step for g in found] == [1, 2, 3, 4, 5, 6]
    assert [g.to_cut for g in found] == [2, 1, 0, 2, 1, 0]
    for g in found:
        assert g.true.shape == g.used.shape == (EPISODES, 2 * UNITS)
        assert np.any(g.used) == (g.to_cut != 0)


@pytest.mark.parametrize("discount", [1.0, 0.3])
@pytest.mark.parametrize("weight", [None, MASK[:, 0] + 1])
def test_at_a_cut_the_discounted_prediction_arrives(
    discount, weight, double_precision
):
    model = compiled(rnn(3, random_predictor(), discount=discount))
    found = dni.state_gradients(model, X, Y, weight)
    _, states, _ = unrolled(model)
    predictions = model.interface.predictor(states[1:]).numpy()
    each = np.ones(EPISODES) if weight is None else weight
    expected = discount * predictions * each[:, None] / EPISODES
    assert_close([g.used for g in found if g.to_cut == 0], expected)


def test_in_the_last_window_the_used_gradient_is_the_true_one(
    double_precision,
):
    found = dni.state_gradients(compiled(rnn(4, random_predictor())), X, Y)
    assert [g.to_cut for g in found] == [3, 2, 1, 0, None, None]
    for g in found[4:]:
        np.testing.assert_allclose(g.used, g.true)
    whole = dni.state_gradients(compiled(rnn(TIME, random_predictor())), X, Y)
    assert_close([g.used for g in whole], [g.true for g in whole])


def test_with_an_oracle_every_used_gradient_is_true(double_precision):
    _, states, truth = unrolled(rnn(3))
    model = compiled(rnn(3, Oracle(states, truth)))
    found = dni.state_gradients(model, X, Y)
    assert_close([g.used for g in found], [g.true for g in found])


def test_measuring_changes_nothing_in_training(double_precision):
    ends = []
    for callbacks in ([], [dni.StateMonitor(X, Y, MASK, every=1)]):
        model = compiled(rnn(3, random_predictor()), "adam", run_eagerly=False)
        model.fit(X, Y, 2, epochs=2, verbose=0, callbacks=callbacks)
        ends.append(model)
    helpers.assert_same_weights(*ends)


def test_a_monitor_has_a_row_for_each_distance_to_the_cut():
    monitor = dni.StateMonitor(X, Y)
    model = compiled(rnn(3, dni.SyntheticGradient()), "adam")
    for _ in range(2):  # Each `fit` begins anew.
        model.fit(X, Y, 2, epochs=2, verbose=0, callbacks=[monitor])
        assert monitor.history["step"] == [3, 3, 3, 6, 6, 6]
        assert monitor.history["to_cut"] == [0, 1, 2] * 2
    found = dni.state_gradients(model, X, Y)
    at_cut = [g for g in found if g.to_cut == 0]
    expected = dni.agreement([g.true for g in at_cut], [g.used for g in at_cut])
    for key, value in expected.items():
        assert monitor.history[key][3] == pytest.approx(value, rel=1e-4)


def test_far_from_the_cut_plain_truncation_misses_less():
    monitor = dni.StateMonitor(X, Y)
    compiled(rnn(3)).fit(X, Y, verbose=0, callbacks=[monitor])
    at_cut, one, two = monitor.history["relative_error"]
    assert at_cut == pytest.approx(1)
    assert at_cut > one > two


@pytest.mark.parametrize(
    "name, change",
    [
        ("model", {"model": rnn(3)}),
        ("model", {"model": dni.mlp(2, input_dim=2)}),
        ("probe", {"x": np.full_like(X, np.nan)}),
        ("probe", {"y": Y[:2]}),
        ("x", {"x": X[:, :, :1]}),
        ("y", {"y": Y[:, :4]}),
        ("sample_weight", {"sample_weight": MASK[:, :4]}),
        ("sample_weight", {"sample_weight": MASK[:2]}),
    ],
)
def test_a_wrong_argument_is_named(name, change):
    arguments = {"model": compiled(rnn(3)), "x": X, "y": Y}
    with pytest.raises(ValueError, match=f"`{name}`.*Expected.*Received"):
        dni.state_gradients(**arguments | change)


def test_other_monitors_say_whom_to_ask():
    model = compiled(rnn(3, random_predictor()))
    with pytest.raises(ValueError, match="`model`.*StateMonitor"):
        dni.boundary_gradients(model, X, Y)
    with pytest.raises(ValueError, match="`model`.*StateMonitor"):
        model.fit(X, Y, verbose=0, callbacks=[dni.GradientMonitor(X, Y)])
    with pytest.raises(ValueError, match="`every`"):
        dni.StateMonitor(X, Y, every=0)
