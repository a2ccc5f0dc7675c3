"""What is said about cores is a share of them, whatever the machine."""

import threading
import time

from dni_lesson.workers.sharing import cores_worth, slowdown

import pytest


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_are_worth_no_more_than_they_are(workers):
    assert 0 < cores_worth(workers, seconds=0.2) <= workers


def test_one_worker_is_disturbed_by_nobody():
    assert cores_worth(1, seconds=0.1) == 1.0


def test_calls_that_wait_for_one_thing_take_as_long_as_they_are_many():
    """A lock that is held all the time is a core that they share."""
    lock = threading.Lock()

    def call():
        with lock:
            time.sleep(0.002)

    assert slowdown([call, call], seconds=0.5) > 1.5
    assert slowdown([call], seconds=0.1) == 1.0


@pytest.mark.parametrize(
    "argument", [{"workers": 0}, {"workers": 1.5}, {"seconds": 0}]
)
def test_errors_name_the_argument(argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"`{name}`"):
        cores_worth(**argument)
