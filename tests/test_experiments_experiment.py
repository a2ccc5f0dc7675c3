from dni_lesson.experiments.experiment import ARMS, LIMITS, PRESETS, Experiment
from dni_lesson.networks import mlp

import keras
import numpy as np
import pytest
import tensorflow as tf


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"arms": ("sgd",)}, "`arms`. Expected one of 'backprop'"),
        ({"arms": ()}, "`arms`. Expected a tuple with at least one"),
        ({"seeds": (1, 1)}, "`seeds`. Expected every entry once"),
        ({"seeds": 3}, "`seeds`. Expected a tuple"),
        (
            {"seeds": (2**32,)},
            "`seeds`. Expected an integer >= 0 and <= 42",
        ),
        ({"seeds": ([1],)}, "`seeds`. Expected an integer"),
        ({"seeds": (True,)}, "`seeds`. Expected an integer"),
        ({"depths": (501,)}, "`depths`. Expected an integer >= 2 and <= 500"),
        ({"epochs": 10**12}, "`epochs`. Expected an integer >= 1 and <= 10000"),
        (
            {"units": (10**9,)},
            "`units`. Expected an integer >= 1 and <= 10000",
        ),
        ({"p": (float("nan"),)}, "`p`. Expected a number > 0 and <= 1"),
        ({"depths": (1,)}, "`depths`. Expected an integer >= 2"),
        ({"data": "cifar"}, "`data`. Expected one of 'digits', 'mnist'"),
        ({"epochs": 0}, "`epochs`. Expected an integer >= 1"),
        ({"p": (0.5, 1.5)}, "`p`. Expected a number > 0 and <= 1"),
        ({"p": 0.2}, "`p`. Expected a tuple"),
        ({"device": "TPU"}, "`device`. Expected one of 'CPU', 'GPU'"),
        ({"arms": ("cdni-placed",)}, "`arms`. Expected arms for one device"),
        ({"learning_rate": 0.0}, "`learning_rate`. Expected a number > 0"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(setting, message):
    with pytest.raises(ValueError, match=message):
        Experiment(**setting)


def test_the_limits_are_those_of_what_the_numbers_go_to():
    deepest, last = LIMITS["depths"][1], LIMITS["seeds"][1]
    with pytest.raises(ValueError, match=f"`depth`. .* <= {deepest}"):
        mlp(deepest + 1)
    keras.utils.set_random_seed(last)
    with pytest.raises(ValueError):
        keras.utils.set_random_seed(last + 1)


def test_numbers_of_numpy_become_pythons():
    made = Experiment(
        seeds=[np.uint8(3)],
        depths=(np.int64(4),),
        p=(np.float64(0.5),),
        epochs=np.int16(2),
        learning_rate=np.float32(0.5),
    )
    assert made == Experiment(
        seeds=(3,), depths=(4,), p=(0.5,), epochs=2, learning_rate=0.5
    )
    kinds = {type(one) for one in (*made.groups()[0], made.epochs)}
    assert kinds == {int, float} and type(made.learning_rate) is float


def test_groups_finish_one_seed_before_the_next():
    groups = Experiment(
        depths=(3, 4), units=(8,), p=(0.1, 1.0), seeds=(0, 1)
    ).groups()
    assert [tuple(group) for group in groups] == [
        (3, 8, 0.1, 0),
        (3, 8, 1.0, 0),
        (4, 8, 0.1, 0),
        (4, 8, 1.0, 0),
        (3, 8, 0.1, 1),
        (3, 8, 1.0, 1),
        (4, 8, 0.1, 1),
        (4, 8, 1.0, 1),
    ]


def test_the_full_preset_has_every_rule_and_control_and_depths_3_to_6():
    full = Experiment(**PRESETS["full"])
    bare = tuple(
        name for name in ARMS if not name.endswith(("-logged", "-placed"))
    )
    assert full.arms == bare and len(full.seeds) >= 3
    assert full.depths == (3, 4, 5, 6) and full.data == "mnist"


def test_a_gpu_that_is_not_there_is_refused_and_one_that_is_is_used(
    monkeypatch,
):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert Experiment().device == "CPU"
    with pytest.raises(ValueError, match="`device`. Expected 'CPU'"):
        Experiment(device="GPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["0"])
    assert Experiment().device == "GPU"
    assert Experiment(device="CPU").device == "CPU"
