import itertools

from dni_lesson.costs import step_macs
from dni_lesson.networks import mlp
from dni_lesson.schedules.cuts import best_cut, best_ends, join, split

import numpy as np
import pytest


def every_cut(modules, workers):
    for count in range(workers):
        for inner in itertools.combinations(range(1, modules), count):
            edges = itertools.pairwise((0, *inner, modules))
            yield [end - start for start, end in edges]


def slowest(cut, costs):
    return max(map(sum, zip(*join(cut, *costs), strict=True)))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("workers", [1, 2, 3, 6, 9])
def test_no_other_cut_has_a_faster_slowest_worker(seed, workers):
    rng = np.random.default_rng(seed)
    predictor = np.append(rng.uniform(0, 2, 5), 0)
    costs = [*rng.uniform(0.5, 4, (2, 6)), predictor]
    found = best_cut(*costs, workers=workers)
    assert sum(found) == 6 and len(found) <= workers
    best = min(slowest(cut, costs) for cut in every_cut(6, min(workers, 6)))
    assert slowest(found, costs) == pytest.approx(best)


@pytest.mark.parametrize("workers", [1, 2, 3, 6])
def test_all_workers_can_be_asked_for_though_fewer_are_faster(workers):
    rng = np.random.default_rng(0)
    costs = [*rng.uniform(0.5, 4, (2, 6)), [9] * 5 + [0]]
    found = best_cut(*costs, workers=workers, exactly=True)
    cuts = [cut for cut in every_cut(6, workers) if len(cut) == workers]
    assert len(found) == workers and sum(found) == 6
    best = min(slowest(cut, costs) for cut in cuts)
    assert slowest(found, costs) == pytest.approx(best)


def test_no_more_workers_than_modules_can_be_asked_for():
    with pytest.raises(ValueError, match="`workers`. Expected at most 2"):
        best_cut([1, 1], [1, 1], workers=3, exactly=True)


def test_a_worker_pays_only_for_the_predictor_at_its_upper_boundary():
    forward, backward = [1, 2, 4], [10, 20, 40]
    joined = join([2, 1], forward, backward, [5, 7, 0])
    assert joined == ([3, 4], [30, 40], [7, 0])


def test_dear_predictors_leave_workers_without_work():
    assert best_cut([1, 1], [2, 2], [9, 0], workers=2) == [2]


def test_a_cut_needs_a_worker():
    with pytest.raises(ValueError, match="`workers`. Expected an integer >= 1"):
        best_cut([1], [1], workers=0)


def test_numbers_of_numpy_count_as_python_s():
    costs = [1] * 4, [2] * 4
    cut = best_cut(*costs, workers=np.uint8(3), exactly=np.bool_(True))
    assert cut == best_cut(*costs, workers=3, exactly=True)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_part_ends_only_where_it_may(workers):
    sizes, places = [5, 1, 1, 1, 5, 2], [1, 3, 4, 6]

    def time(start, end):
        return sum(sizes[start:end])

    ends = best_ends(time, places, workers)
    cuts = [
        (*inner, 6) for inner in itertools.combinations([1, 3, 4], workers - 1)
    ]
    slowest = {
        cut: max(time(*pair) for pair in itertools.pairwise((0, *cut)))
        for cut in cuts
    }
    assert tuple(ends) in cuts
    assert slowest[tuple(ends)] == min(slowest.values())


def total(costs):
    return sum(map(sum, costs))


@pytest.mark.parametrize("predictor", ["linear", "softmax", (1024, 1024)])
def test_costs_of_a_split_are_those_of_the_real_network(predictor):
    costs = split(4, 256, predictor, step_ms=1.0, workers=4)
    forward, backward, _ = costs
    backprop = step_macs(mlp(rule="backprop"))
    decoupled = step_macs(mlp(rule="cdni", predictor=predictor))
    assert total(costs) == pytest.approx(decoupled / backprop)
    assert sum(forward + backward) == pytest.approx(1.0)


def test_the_first_layer_needs_no_gradient_of_its_input():
    forward, backward, _ = split(4, 256, "linear", step_ms=802.304, workers=4)
    assert forward[0] == backward[0] == pytest.approx(200.704)
    assert backward[1] == pytest.approx(2 * forward[1])


def test_the_slowest_worker_is_as_fast_as_can_be():
    forward, backward, _ = split(3, 100, None, step_ms=1.0, workers=2)
    # 784 x 100 alone against the two small layers together.
    assert forward[0] == pytest.approx(backward[0])
    assert len(forward) == 2


def test_only_boundaries_have_predictors():
    *_, predictor = split(6, 64, "linear", 1.0, workers=3)
    assert all(predictor[:-1]) and predictor[-1] == 0
    assert split(6, 64, None, 1.0, workers=3)[2] == [0, 0, 0]
