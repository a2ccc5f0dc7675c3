import fractions

from dni_lesson.checks import (
    check_bool,
    check_int,
    check_not_negative,
    check_positive,
    check_predictor,
)

import numpy as np
import pytest


def test_numbers_become_those_of_python():
    for check, given in (
        (lambda value: check_int("n", value, at_least=0), np.uint8(7)),
        (lambda value: check_positive("n", value), np.float32(0.5)),
        (lambda value: check_not_negative("n", value), np.int16(7)),
        (lambda value: check_bool("n", value), np.bool_(True)),
        (lambda value: check_predictor("n", value)[0], [np.uint8(7)]),
    ):
        value = check(given)
        assert type(value) in (bool, int, float)
        assert value == (given[0] if isinstance(given, list) else given)


@pytest.mark.parametrize(
    "check",
    [
        lambda: check_int("n", 10**400, at_least=0),
        lambda: check_int("n", 8, at_least=1, at_most=7),
        lambda: check_int("n", True, at_least=0),
        lambda: check_positive("n", 10**400),
        lambda: check_positive("n", fractions.Fraction(1, 10**400)),
        lambda: check_not_negative("n", 10**400),
        lambda: check_not_negative("n", 2.0, at_most=1.0),
        lambda: check_bool("n", "no"),
        lambda: check_bool("n", None),
        lambda: check_bool("n", 1),
    ],
)
def test_numbers_that_a_machine_cannot_use_are_refused(check):
    with pytest.raises(ValueError, match="^`n`. Expected .* Received: n="):
        check()
