import math
import threading

import dni_lesson as dni
from dni_lesson.experiments import racing
from dni_lesson.experiments.arms import boundaries, new_network, take_turn
from dni_lesson.experiments.racing import Settings, racer
from dni_lesson.networks import RULES

import helpers
import numpy as np
import pytest
import tensorflow as tf
from races import TINY, is_same_race, sign, tiny_race


def test_race_trains_the_rules_in_turns():
    log, turns = tiny_race(rules=("backprop", "no_bprop"))
    assert turns == 8 * [False, True]
    assert list(log.history) == list(log.losses) == ["backprop", "no_bprop"]
    for rows in log.history.values():
        assert rows["epoch"] == [1, 2]
        assert rows["step"] == [10, 20]
        assert len(rows["reading"]) == 2
    for rows in log.losses.values():
        assert rows["step"] == [3, 6, 8, 10, 13, 16, 18, 20]
        assert rows["seconds"] == sorted(rows["seconds"])
    first, second = log.history["backprop"]["val_accuracy"]
    assert first < second
    losses = log.losses["backprop"]["loss"]
    assert losses[-1] < losses[0]
    assert log.history["backprop"]["cosine"] == [[], []]
    assert all(map(math.isnan, log.history["no_bprop"]["cosine"][1]))


def test_layer_updates_are_counted():
    log, _ = tiny_race(rules=("backprop", "cdni", "no_bprop"))
    counted = {rule: rows["updates"] for rule, rows in log.history.items()}
    # Two modules; in `no_bprop` only the top one learns.
    assert counted["backprop"] == counted["cdni"] == [20, 40]
    assert counted["no_bprop"] == [10, 20]


def test_stochastic_updates_move_a_part_of_the_modules():
    rules = ("backprop", "cdni")
    log, _ = tiny_race(rules=rules, update_probability=0.5, batch_size=100)
    shares = {rule: log.history[rule]["updates"][-1] / 160 for rule in rules}
    assert shares == {r: pytest.approx(0.5, abs=0.15) for r in rules}
    # Locked modules are updated together or not at all.
    assert log.history["backprop"]["updates"][-1] % 2 == 0
    assert log.history["cdni"]["val_accuracy"][-1] > 0.3


@pytest.mark.parametrize("due", [(True, False), (False, True), (True, True)])
def test_only_the_modules_that_are_due_learn(due):
    (x, y), _ = racing.digits()
    specs = [tf.TensorSpec((None, None, *v.shape[1:]), v.dtype) for v in (x, y)]
    network = Settings(depth=2, units=32).network("cdni")
    arm = racer(*network, True, *specs)
    arm.restart(seed=0, learning_rate=1e-3)
    before = [module.get_weights()[0] for module in arm.model.modules]
    # Two batches: a predictor says zero until it has learned from one.
    rows = np.arange(200).reshape(2, 100)
    luck = np.where([due, due], 0.0, 1.0)
    turn = take_turn(arm, (x, y), rows, luck)
    after = [module.get_weights()[0] for module in arm.model.modules]
    moved = [np.any(a != b) for a, b in zip(before, after, strict=True)]
    assert moved == list(due)
    assert turn.updates == 2 * sum(due)
    assert np.isfinite(turn.loss) == due[-1]


def test_readings_are_of_one_digit_of_each_kind():
    _, (x, y) = racing.digits()
    places = [y.tolist().index(digit) for digit in range(10)]
    np.testing.assert_array_equal(x[places], racing.samples())
    log, _ = tiny_race(epochs=1)
    assert all(0 <= digit <= 9 for digit in log.history["cdni"]["reading"][0])


def test_gradients_are_kept_for_a_closer_look():
    log, _ = tiny_race(rules=("backprop", "cdni"))
    assert list(log.records) == ["cdni"]
    assert list(log.records["cdni"]) == [10, 20]
    (pair,) = log.records["cdni"][20]
    assert pair.boundary == 1
    assert pair.true.shape == pair.synthetic.shape == (100, 32)


@pytest.mark.parametrize("p", [1.0, 0.5])
def test_a_kept_network_races_as_a_fresh_one(p):
    first, _ = tiny_race(update_probability=p)
    other, _ = tiny_race(update_probability=p, seed=1)
    again, _ = tiny_race(update_probability=p)
    racer.cache_clear()
    fresh, _ = tiny_race(update_probability=p)
    assert is_same_race(again, first)
    assert is_same_race(fresh, first)
    assert not is_same_race(other, first)


@pytest.mark.parametrize("p", [1.0, 0.5])
@pytest.mark.parametrize("left_after", [3, 11])  # Turns, in mid-round.
def test_a_race_that_was_left_goes_on_as_if_it_had_not_been(p, left_after):
    changes = {"rules": ("backprop", "cdni"), "update_probability": p}
    whole, _ = tiny_race(**changes)
    settings = Settings(**{**TINY, **changes})
    log, never = racing.Log(), threading.Event()
    turns = racing.race(settings, log, never)
    for _ in range(left_after):
        next(turns)
    turns.close()
    tiny_race(seed=1, **changes)  # With the same networks.
    list(racing.race(settings, log, never))
    assert is_same_race(log, whole)


def test_the_learning_rate_of_a_kept_network_is_new():
    fast, _ = tiny_race(learning_rate=1e-2)
    slow, _ = tiny_race(learning_rate=1e-4)
    assert slow.losses["cdni"]["loss"][-1] > fast.losses["cdni"]["loss"][-1]


def test_predictors_may_have_a_hidden_layer():
    log, _ = tiny_race(rules=("dni",), predictor=(128,), epochs=1)
    plain, _ = tiny_race(rules=("dni",), epochs=1)
    assert log.history["dni"]["cosine"] != plain.history["dni"]["cosine"]


def test_race_ends_in_mid_epoch_when_asked():
    stop, log = threading.Event(), racing.Log()
    turns = racing.race(Settings(**TINY), log, stop)
    assert next(turns) is False
    stop.set()
    assert list(turns) == []
    assert list(log.losses) == ["backprop"]
    assert log.history == {}


@pytest.mark.parametrize("p", [1.0, 0.5])
def test_a_rule_of_ones_own_races_as_those_of_the_course(p):
    changes = {"rules": ("backprop", "sign"), "models": {"sign": sign}}
    log, _ = tiny_race(update_probability=p, **changes)
    own = log.history["sign"]
    assert own["step"] == log.history["backprop"]["step"] == [10, 20]
    assert own["val_accuracy"][-1] > 0.3
    assert np.isfinite(own["cosine"]).all() and list(log.records) == ["sign"]
    assert own["updates"] == [20, 40] if p == 1 else own["updates"][-1] < 40
    again, _ = tiny_race(update_probability=p, **changes)
    assert is_same_race(again, log)


def test_all_networks_of_a_race_start_from_the_same_modules():
    settings = Settings(**TINY, models={"sign": sign})
    networks = [
        new_network(*settings.network(rule), seed=3, input_shape=(784,))
        for rule in ("backprop", "sign")
    ]
    for one, other in zip(*(net.modules for net in networks), strict=True):
        helpers.assert_same_weights(one, other)


@pytest.mark.parametrize("rule", RULES)
def test_gradients_are_compared_where_the_network_has_interfaces(rule):
    settings = Settings(depth=3, units=4)
    network = new_network(*settings.network(rule), 0, (784,))
    assert settings.boundaries(rule) == boundaries(network)
    assert bool(boundaries(network)) == (rule not in ("backprop", "no_bprop"))


def test_other_digits_than_those_of_the_course_can_be_raced_on():
    def narrow(units):
        network = dni.mlp(3, units, "cdni", input_dim=6, num_classes=3)
        return dni.DecoupledModel(network.modules, network.interfaces)

    x, y = helpers.toy_data(90)
    settings = Settings(batch_size=20, rules=("own",), models={"own": narrow})
    log = racing.Log()
    data = (x, y), (x[:30], y[:30])
    turns = racing.race(settings, log, threading.Event(), lambda: 1, data=data)
    assert len(list(turns)) == 4
    assert log.history["own"]["step"] == [4]  # Ten are in no whole batch.
    assert len(log.history["own"]["reading"][0]) == 3


@pytest.mark.parametrize("p", [1.0, 0.5])
def test_convolutional_networks_race_on_pictures(p):
    changes = {"kind": "cnn", "units": 4, "epochs": 1}
    rules = ("backprop", "cdni")
    log, _ = tiny_race(rules=rules, update_probability=p, **changes)
    assert log.history["cdni"]["step"] == [10]
    losses = log.losses["backprop"]["loss"]
    assert losses[-1] < losses[0]
    assert np.isfinite(log.history["cdni"]["cosine"]).all()
    (pair,) = log.records["cdni"][10]
    assert pair.true.shape == (100, 14, 14, 4)


def test_a_share_of_the_truth_goes_down_under_dni_and_cdni():
    by_backprop, _ = tiny_race(rules=("backprop",))
    mixed, _ = tiny_race(rules=("dni", "cdni", "greedy"), share=1.0)
    alone, _ = tiny_race(rules=("dni", "cdni", "greedy"))
    losses = by_backprop.losses["backprop"]["loss"]
    for rule in ("dni", "cdni"):
        assert mixed.losses[rule]["loss"] == pytest.approx(losses, rel=0.01)
        assert alone.losses[rule]["loss"] != pytest.approx(losses, rel=0.01)
    same = mixed.losses["greedy"]["loss"]
    assert alone.losses["greedy"]["loss"] == pytest.approx(same, rel=0.01)


def test_modules_that_share_the_truth_are_updated_together():
    log, _ = tiny_race(share=0.5, update_probability=0.5)
    updates = log.losses["cdni"]["updates"]
    assert all(count % 2 == 0 for count in updates)
    assert 0 < updates[-1] < 40


def test_a_kind_of_network_has_usual_settings_of_its_own():
    assert Settings.of() == Settings()
    small = Settings.of("cnn", depth=2)
    assert (small.depth, small.units, small.shape) == (2, 8, (28, 28, 1))
    with pytest.raises(ValueError, match="`kind`. Expected one of 'mlp', 'cn"):
        Settings.of("rnn")


def compiled():
    model = dni.mlp(2, 8)
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("make", [compiled, lambda: "no model"])
def test_what_is_no_uncompiled_model_is_refused(make):
    with pytest.raises(ValueError, match="`models`. Expected functions that"):
        Settings(models={"own": make}).boundaries("own")
