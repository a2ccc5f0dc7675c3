import dni_lesson as dni
from dni_lesson.costs import layer_macs, step_macs

# 784-256-256-256-10, counted by hand.
FIRST, HIDDEN, LAST = 784 * 256, 256 * 256, 256 * 10
PREDICTOR = (256 + 10) * 256


def test_a_backprop_step_costs_three_passes_but_for_the_network_input():
    forward = FIRST + 2 * HIDDEN + LAST
    assert step_macs(dni.mlp(rule="backprop")) == 3 * forward - FIRST == 802304


def test_a_linear_predictor_costs_its_forward_pass_and_its_weights():
    backprop = step_macs(dni.mlp(rule="backprop"))
    cdni = step_macs(dni.mlp(rule="cdni"))
    assert cdni - backprop == 3 * 2 * PREDICTOR
    assert round(cdni / backprop, 2) == 1.51


def test_a_hidden_predictor_also_pushes_gradients_back_between_its_layers():
    model = dni.mlp(depth=2, rule="dni", predictor_units=(1024, 1024))
    backprop = step_macs(dni.mlp(depth=2, rule="backprop"))
    into, between, out = 256 * 1024, 1024 * 1024, 1024 * 256
    predictor = 2 * (into + between + out) + between + out
    assert step_macs(model) - backprop == predictor


def test_under_the_local_rule_only_the_top_module_runs_backward():
    forward = FIRST + 2 * HIDDEN + LAST
    assert step_macs(dni.mlp(rule="local")) == forward + LAST


def test_layers_in_calls_of_their_own_repeat_the_forward_pass():
    model = dni.mlp(rule="cdni")
    calls = [layer_macs(model, k) for k in range(4)]
    assert calls[0] == 2 * (FIRST + HIDDEN) + 3 * PREDICTOR
    assert calls[1] == FIRST + 2 * HIDDEN + 2 * HIDDEN + 3 * PREDICTOR
    assert calls[2] == FIRST + 3 * HIDDEN + 2 * LAST + 2 * PREDICTOR
    assert calls[3] == FIRST + 2 * HIDDEN + LAST + LAST
    assert 2.8 < sum(calls) / step_macs(dni.mlp(rule="backprop")) < 2.9
