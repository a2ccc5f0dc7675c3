"""Checks of arguments, with errors that a reader can act on.

Every check names the argument, what was expected and what was received, and
returns Python's own number for one of NumPy's. Nothing of Keras is needed.
"""

import math
import numbers
import operator
import sys


def is_int(value):
    """Returns whether `value` is one integer; a boolean is none."""
    try:
        operator.index(value)
    except TypeError:
        return False
    return not isinstance(value, bool)


def check_int(name, value, at_least, at_most=sys.maxsize):
    """Returns `value`, an integer in `[at_least, at_most]`, as Python's.

    An integer of NumPy overflows where Python's does not.

    Raises:
        ValueError: If it is no such integer.
    """
    if not is_int(value) or not at_least <= int(value) <= at_most:
        is_small = is_int(value) and int(value) < at_least
        is_bounded = at_most < sys.maxsize or (is_int(value) and not is_small)
        bound = f" and <= {at_most}" if is_bounded else ""
        raise ValueError(
            f"`{name}`. Expected an integer >= {at_least}{bound}. "
            f"Received: {name}={value!r}"
        )
    return int(value)


def check_bool(name, value):
    """Returns `value`, one of true and false, as Python's.

    Raises:
        ValueError: If it is neither.
    """
    if type(value).__name__ not in ("bool", "bool_"):  # Also NumPy's.
        raise ValueError(
            f"`{name}`. Expected True or False. Received: {name}={value!r}"
        )
    return bool(value)


def check_positive(name, value, at_most=sys.float_info.max):
    """Returns `value`, a number in `(0, at_most]`, as Python's float.

    Raises:
        ValueError: If it is no such number.
    """
    number = as_float(value)
    if not 0 < number <= at_most:
        bound = "< inf" if at_most == sys.float_info.max else f"<= {at_most}"
        raise ValueError(
            f"`{name}`. Expected a number > 0 and {bound}. "
            f"Received: {name}={value!r}"
        )
    return number


def check_not_negative(name, value, at_most=sys.float_info.max):
    """Returns `value`, a number in `[0, at_most]`, as Python's float.

    Raises:
        ValueError: If it is no such number.
    """
    number = as_float(value)
    if not 0 <= number <= at_most:
        bound = "" if at_most == sys.float_info.max else f" and <= {at_most}"
        raise ValueError(
            f"`{name}`. Expected a finite number >= 0{bound}. "
            f"Received: {name}={value!r}"
        )
    return number


def as_float(value):
    """Returns a number as Python's float, NaN if it is none."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def check_choice(name, value, choices):
    """Raises `ValueError` unless `value` is one of the strings `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"`{name}`. Expected one of {', '.join(map(repr, choices))}. "
            f"Received: {name}={value!r}"
        )


PREDICTORS = ("linear", "softmax")


def check_predictor(name, value):
    """Returns one of `PREDICTORS`, or a sequence of integers >= 1 as a tuple.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, str) and value in PREDICTORS:
        return value
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(
            f"`{name}`. Expected 'linear', 'softmax' or a tuple of integers "
            f">= 1, one per hidden layer. Received: {name}={value!r}"
        )
    return tuple(check_int(name, width, at_least=1) for width in value)


def check_costs(forward, backward, predictor=None):
    """Returns what a mini-batch costs each module: three lists of floats.

    Args:
        forward: Sequence of finite numbers > 0, one per module.
        backward: Sequence of as many finite numbers > 0.
        predictor: Sequence of as many finite numbers >= 0; 0 for the last
            module, which has no predictor. Default: all 0.

    Raises:
        ValueError: If the costs are none.
    """
    forward = _check_cost("forward", forward)
    backward = _check_cost("backward", backward, len(forward))
    if predictor is None:
        return forward, backward, [0.0] * len(forward)
    costs = _check_cost("predictor", predictor, len(forward), at_least=0)
    check_that(costs[-1] == 0, "predictor", predictor, "0 for the last module")
    return forward, backward, costs


def _check_cost(name, values, modules=None, at_least=None):
    try:
        costs = [as_float(value) for value in values]
    except TypeError:  # It is no sequence.
        costs = []
    is_right = len(costs) == (modules or max(len(costs), 1)) and all(
        0 < cost < math.inf or cost == at_least for cost in costs
    )
    sign = "> 0" if at_least is None else f">= {at_least}"
    whom = f"each of {modules} modules" if modules else "each module"
    check_that(is_right, name, values, f"a finite cost {sign} for {whom}")
    return costs


def check_that(is_right, name, value, expected):
    """Raises `ValueError` that says what was expected unless `is_right`."""
    if not is_right:
        raise ValueError(
            f"`{name}`. Expected {expected}. Received: {name}={value!r}"
        )
