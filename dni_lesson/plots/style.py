"""One look for each idea and each training rule, the same in the whole course.

The colours are the palette of Okabe and Ito, safe for colour-blind readers.
"""

import itertools
from typing import NamedTuple

import seaborn as sns

COLORS = {
    "true": "#0072B2",  # the true gradient
    "synthetic": "#D55E00",  # the synthetic gradient
    "late": "#009E73",  # a true gradient that comes late
    "reference": "#999999",  # lines to compare with
    "forward": "#BBBBBB",
    "idle": "#F2F2F2",
}


class Look(NamedTuple):
    """How a rule, or an arm of the benchmark, is called and drawn.

    Attributes:
        name: String, for readers.
        color: String, as `"#0072B2"`.
        line: String, a line style of Matplotlib.
    """

    name: str
    color: str
    line: str


_TRUE, _SYNTHETIC, _DNI = COLORS["true"], COLORS["synthetic"], "#E69F00"
LOOKS = {
    "backprop": Look("backprop", _TRUE, "-"),
    "cdni": Look("cDNI", _SYNTHETIC, "-"),
    "dni": Look("DNI", _DNI, "-."),
    "dni-2x1024": Look("DNI, 2 x 1024", _DNI, ":"),
    "no_bprop": Look("no_bprop", "#999999", ":"),
    "stale": Look("stale", COLORS["late"], "--"),
    "skipping": Look("backprop, skipping", _TRUE, "--"),
    "stochastic": Look("cDNI, stochastic", _SYNTHETIC, "--"),
    "backprop-logged": Look("backprop, logged", _TRUE, ":"),
    "stochastic-logged": Look("stochastic, logged", _SYNTHETIC, ":"),
    "backprop-placed": Look("backprop, one module a GPU", _TRUE, "-."),
    "cdni-placed": Look("cDNI, one module a GPU", _SYNTHETIC, "-."),
}
COLORS |= {rule: look.color for rule, look in LOOKS.items()}

# Of rules that are not in the table.
_FREE = ("#56B4E9", "#CC79A7", "#000000", "#009E73")


def looks(rules):
    """Returns how to draw each of the rules that share a picture.

    A rule that is not in the table, as one of your own, goes by its own name
    and has a colour, or else a line, that no other rule of the picture has.

    Args:
        rules: Iterable of strings, all that the picture shows.

    Returns:
        Dict from rule to `Look`, in the order of the rules.
    """
    rules = list(dict.fromkeys(rules))
    taken = {LOOKS[rule].color for rule in rules if rule in LOOKS}
    colors = [color for color in _FREE if color not in taken]
    free = itertools.cycle(
        (color, line) for line in ("-", "-.", ":") for color in colors
    )
    return {rule: LOOKS.get(rule) or Look(rule, *next(free)) for rule in rules}


def boundary_shades(color, boundaries):
    """Returns shades of a colour, one for each boundary, from the input up.

    Lighter near the input, where a prediction is of a prediction.
    """
    return sns.light_palette(color, boundaries + 1)[1:]
