from dni_lesson.costs import step_macs
from dni_lesson.networks import mlp
from dni_lesson.schedules.splitting import split

import pytest


def total(costs):
    return sum(map(sum, costs))


@pytest.mark.parametrize("hidden", [(), (1024, 1024)])
def test_costs_are_those_of_the_real_network(hidden):
    costs = split(4, 256, hidden, step_ms=1.0, workers=4)
    backprop = step_macs(mlp(rule="backprop"))
    decoupled = step_macs(mlp(rule="cdni", predictor_units=hidden))
    assert total(costs) == pytest.approx(decoupled / backprop)
    assert sum(costs.forward + costs.backward) == pytest.approx(1.0)


def test_the_first_layer_needs_no_gradient_of_its_input():
    costs = split(4, 256, (), step_ms=802.304, workers=4)
    assert costs.forward[0] == costs.backward[0] == pytest.approx(200.704)
    assert costs.backward[1] == pytest.approx(2 * costs.forward[1])


def test_the_slowest_worker_is_as_fast_as_can_be():
    costs = split(3, 100, None, step_ms=1.0, workers=2)
    # 784 x 100 alone against the two small layers together.
    assert costs.forward[0] == pytest.approx(costs.backward[0])
    assert len(costs.forward) == 2


def test_only_boundaries_have_predictors():
    assert split(6, 64, (), 1.0, workers=3).predictor[-1] == 0
    assert all(split(6, 64, (), 1.0, workers=3).predictor[:-1])
    assert split(6, 64, None, 1.0, workers=3).predictor == [0, 0, 0]
