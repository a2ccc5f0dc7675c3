"""The table and the sentence follow from the numbers."""

from dni_lesson.schedules.advice import (
    ALONE,
    COLUMNS,
    Advice,
    Costs,
    Option,
    options,
)

import pandas as pd
import pytest

COSTS = {
    "locked": Costs([1.0, 1e-6], [2.0, 3.0], [0.0, 0.0], [100, 10], [8]),
    "decoupled": Costs([1.0, 1e-6], [2.0, 3.0], [0.5, 0.0], [100, 10], [8]),
}


def find(found, schedule):
    (one,) = [one for one in found if one.schedule == schedule]
    return one


def test_the_fastest_comes_first_and_all_gain_over_one_process():
    found = options(COSTS, [2, 3], (5.0, 60), cores=2.0)
    assert [one.seconds for one in found] == sorted(o.seconds for o in found)
    alone = find(found, ALONE)
    assert alone == Option(ALONE, (5,), 5.0, 60, 1.0)
    for one in found:
        assert one.gain == pytest.approx(alone.seconds / one.seconds)
    assert find(found, "decoupled").cut == (2, 3)


def test_a_queue_keeps_as_many_mini_batches_but_in_the_last_worker():
    found = options(COSTS, [2, 3], (5.0, 60), queue_size=4)
    assert find(found, "locked").memory == 100 + 10
    assert find(found, "decoupled").memory == 4 * 100 + 10


def advice(seconds, **other):
    alone = Option(ALONE, (3,), 1.0, 2**20, 1.0)
    best = Option("decoupled", (1, 2), seconds, 2**21, 1.0 / seconds)
    return Advice((best, alone), 1.9, **other)


@pytest.mark.parametrize(
    ("seconds", "start"),
    [(0.5, "Take decoupled"), (2.0, "Stay with one"), (0.9, "Too close")],
)
def test_the_sentence_knows_what_it_does_not_know(seconds, start):
    found = advice(seconds, uncertainty=0.2)
    assert found.sentence.startswith(start)
    low, high = (1 / seconds * 1.2**sign for sign in (-1, 1))
    assert f"({low:.2f} to {high:.2f})" in found.sentence


def test_one_process_has_no_rival():
    found = options({}, [3], (0.002, 60))
    assert [one.gain for one in found] == [1.0]
    assert "there is no other" in Advice(tuple(found), 1.0).sentence


def test_it_prints_as_a_table_with_the_sentence_and_the_notes():
    found = advice(0.5, notes=("Mind the gap.",))
    lines = str(found).splitlines()
    assert lines[0].split("  ")[0] == COLUMNS[0]
    assert lines[1].split() == ["decoupled", "1", "+", "2", "500", "2", "2.00"]
    assert lines[-2:] == [found.sentence, "Mind the gap."]
    assert len(set(map(len, lines[:3]))) == 1
    assert list(pd.DataFrame(found.options)) == list(Option._fields)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="`costs`"):
        options({"1f1b": COSTS["locked"]}, [2, 3], (5.0, 60))
