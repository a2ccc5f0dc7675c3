from dni_lesson.experiments.figures import figures

import helpers
import pytest
from test_experiments_headline import arms


def titles(rows):
    return [title.partition(":")[0] for title, _, _ in figures(rows)]


def test_every_probability_has_its_three_currencies():
    rows = helpers.benchmark_rows(p=(0.2, 1.0))
    assert titles(rows) == ["Test error in three currencies"] * 2


def test_rows_with_all_links_give_the_speed_against_p_and_the_chain():
    found = figures(helpers.benchmark_rows(arms, p=(0.1, 0.2, 1.0)))
    against_p, chain = list(found)[-2:]
    assert "3 times as fast at p = 0.13" in against_p[2]
    assert "skipping 1.18, idle 2.00, logging 2.50, both 2.08" in chain[2]
    assert len(chain[1].axes[0].patches) == 7


def test_a_speed_that_is_never_reached_is_said_so():
    found = figures(helpers.benchmark_rows(arms, p=(0.2, 1.0)))
    assert "times as fast nowhere here" in list(found)[-2][2]


@pytest.mark.parametrize("p", [(0.2,), (0.2, 0.5)])
def test_without_a_run_at_p_1_there_is_no_chain(p):
    found = titles(helpers.benchmark_rows(arms, p=p))
    assert not [title for title in found if title.startswith("How a speed-up")]
