import dni_lesson as dni
from dni_lesson.networks import RULES

import helpers
import keras
import numpy as np
import pytest


def mlp(rule="cdni", **kwargs):
    return dni.mlp(
        depth=4, units=8, rule=rule, input_dim=6, num_classes=3, **kwargs
    )


def test_all_rules_start_from_the_same_weights():
    for rule in RULES:
        for one, other in zip(
            mlp(rule).modules, mlp("backprop").modules, strict=True
        ):
            helpers.assert_same_weights(one, other)
    assert np.any(
        mlp(seed=1).modules[0].get_weights()[0]
        != mlp(seed=0).modules[0].get_weights()[0]
    )


def test_mlp_is_as_documented():
    model = dni.mlp(depth=5, units=7, rule="cdni", input_dim=6, num_classes=3)
    assert len(model.modules) == 5 and len(model.interfaces) == 4
    kinds = [type(layer).__name__ for layer in model.modules[0].layers]
    assert kinds == ["Dense", "BatchNormalization", "ReLU"]
    assert model.modules[-1].layers[-1].activation is keras.activations.linear
    assert model.compute_output_shape((None, 6)) == (None, 3)


def test_hidden_predictors_have_the_widths_asked_for():
    model = mlp("dni", predictor=(5, 4))
    widths = [
        layer.units
        for layer in model.interfaces[0].predictor.layers
        if isinstance(layer, keras.layers.Dense)
    ]
    assert widths == [5, 4, 8]


@pytest.mark.parametrize(
    "argument, value",
    [
        ("depth", 1),
        ("depth", "3"),
        ("units", 0),
        ("rule", "DNI"),
        ("rule", None),
        ("input_dim", -1),
        ("num_classes", 1),
        ("seed", -1),
        ("seed", None),
        ("predictor", (0,)),
        ("predictor", 1024),
    ],
)
def test_mlp_names_the_argument_that_is_wrong(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}`. Expected"):
        dni.mlp(**{argument: value})


def test_the_old_name_of_the_control_is_answered_with_the_new_one():
    with pytest.raises(ValueError, match="Expected 'no_bprop'"):
        dni.mlp(rule="local")
