from dni_lesson.benchmark.experiment import ARMS, PRESETS, Experiment

import pytest


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"arms": ("sgd",)}, "`arms`. Expected one of 'backprop'"),
        ({"arms": ()}, "`arms`. Expected a tuple with at least one"),
        ({"seeds": (1, 1)}, "`seeds`. Expected every entry once"),
        ({"seeds": 3}, "`seeds`. Expected a tuple"),
        ({"depths": (1,)}, "`depths`. Expected an integer >= 2"),
        ({"data": "cifar"}, "`data`. Expected one of 'digits', 'mnist'"),
        ({"epochs": 0}, "`epochs`. Expected an integer >= 1"),
        ({"p": 1.5}, "`p`. Expected a number > 0 and <= 1"),
        ({"learning_rate": 0.0}, "`learning_rate`. Expected a number > 0"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(setting, message):
    with pytest.raises(ValueError, match=message):
        Experiment(**setting)


def test_groups_finish_one_seed_before_the_next():
    groups = Experiment(depths=(3, 4), units=(8,), seeds=(0, 1)).groups()
    assert [tuple(group) for group in groups] == [
        (3, 8, 0),
        (4, 8, 0),
        (3, 8, 1),
        (4, 8, 1),
    ]


def test_the_full_preset_has_every_arm_three_seeds_and_depths_3_to_6():
    full = PRESETS["full"]
    assert full.arms == tuple(ARMS) and len(full.seeds) >= 3
    assert full.depths == (3, 4, 5, 6) and full.data == "mnist"
