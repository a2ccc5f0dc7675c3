import itertools

from dni_lesson.schedules.cuts import best_cut, join

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
