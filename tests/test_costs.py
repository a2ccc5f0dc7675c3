import dni_lesson as dni
from dni_lesson.costs import layer_macs, module_macs, step_macs

import keras
import pytest

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
    model = dni.mlp(depth=2, rule="dni", predictor=(1024, 1024))
    backprop = step_macs(dni.mlp(depth=2, rule="backprop"))
    into, between, out = 256 * 1024, 1024 * 1024, 1024 * 256
    predictor = 2 * (into + between + out) + between + out
    assert step_macs(model) - backprop == predictor


def test_each_module_is_counted_by_hand():
    forward, backward, predictor = module_macs(dni.mlp(rule="cdni"))
    assert forward == [FIRST, HIDDEN, HIDDEN, LAST]
    assert backward == [FIRST, 2 * HIDDEN, 2 * HIDDEN, 2 * LAST]
    assert predictor == [2 * PREDICTOR] * 3 + [0]
    assert module_macs(dni.mlp(rule="backprop")).predictor == [0] * 4


def test_where_no_gradient_crosses_only_the_top_runs_backward():
    assert module_macs(dni.mlp(rule="no_bprop")).backward == [0, 0, 0, LAST]
    assert module_macs(dni.mlp(rule="no_bprop")).predictor == [0] * 4


def test_a_module_may_have_several_layers_and_convolutions():
    lower = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )
    upper = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    model = dni.DecoupledModel([lower, upper], [None])
    convolution = 3 * 3 * 1 * 4 * 6 * 6  # A kernel at each of 6 x 6 places.
    dense, last = 3 * 3 * 4 * 5, 5 * 3
    assert module_macs(model).forward == [convolution + dense, last]
    assert module_macs(model).backward == [convolution + 2 * dense, 2 * last]


def test_under_the_local_rule_only_the_top_module_runs_backward():
    forward = FIRST + 2 * HIDDEN + LAST
    assert step_macs(dni.mlp(rule="no_bprop")) == forward + LAST


def test_layers_in_calls_of_their_own_repeat_the_forward_pass():
    model = dni.mlp(rule="cdni")
    calls = [layer_macs(model, k) for k in range(4)]
    assert calls[0] == 2 * (FIRST + HIDDEN) + 3 * PREDICTOR
    assert calls[1] == FIRST + 2 * HIDDEN + 2 * HIDDEN + 3 * PREDICTOR
    assert calls[2] == FIRST + 3 * HIDDEN + 2 * LAST + 2 * PREDICTOR
    assert calls[3] == FIRST + 2 * HIDDEN + LAST + LAST
    assert 2.8 < sum(calls) / step_macs(dni.mlp(rule="backprop")) < 2.9


def test_a_convolutional_network_is_counted_by_hand():
    shapes = {"input_shape": (8, 8, 1), "num_classes": 3, "filters": 4}
    linear = dni.cnn(rule="cdni", predictor="linear", **shapes)
    forward, backward, predictor = module_macs(linear)
    one, two, last = 64 * 25 * 4, 16 * 25 * 4 * 4, 2 * 2 * 4 * 3
    assert forward == [one, two, last]
    assert backward == [one, 2 * two, 2 * last]
    kernel = 9 * (4 + 3) * 4
    assert predictor == [2 * 16 * kernel, 2 * 4 * kernel, 0]
    pooled = dni.cnn(rule="cdni", predictor="softmax", **shapes)
    assert module_macs(pooled).predictor == [4 * 16 * 3, 4 * 16 * 3, 0]


def test_a_layer_at_each_position_is_counted_at_each():
    rows = keras.Sequential([keras.Input((5, 4)), keras.layers.Dense(6)])
    top = keras.Sequential(
        [keras.Input((5, 6)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    predictor = dni.SoftmaxPredictor(3)
    model = dni.DecoupledModel(
        [rows, top], [dni.SyntheticGradient(predictor, 3)]
    )
    model.build((None, 5, 4))
    costs = module_macs(model)
    assert costs.forward == [5 * 4 * 6, 5 * 6 * 3]
    assert costs.predictor == [5 * 4 * 6 * 3, 0]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.LSTM(4), "Dense and Conv2D layers.*LSTM"),
        (keras.layers.Conv1D(4, 2), "Dense and Conv2D layers.*Conv1D"),
        (keras.layers.Dense(4), "feature maps of a known size"),
    ],
)
def test_what_cannot_be_counted_is_refused(layer, message):
    below = keras.Sequential([keras.Input((None, 4)), layer])
    model = dni.DecoupledModel([below, keras.layers.Activation("relu")], [None])
    model.build((None, None, 4))
    with pytest.raises(ValueError, match=f"`model`. Expected {message}"):
        module_macs(model)
