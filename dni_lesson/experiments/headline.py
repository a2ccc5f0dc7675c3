"""How a "3-fold" headline can come about without anything asynchronous.

The rows of a results file hold each ingredient as an arm of its own. Here they
are put together, one after the other, as a chain of measured ratios.
"""

from dni_lesson.checks import check_positive
from dni_lesson.experiments.summary import rounds

import numpy as np
import pandas as pd

# What each link of the chain changes, and what it is called in a picture.
LINKS = {
    "backprop": "backprop, bare",
    "predictors": "with predictors: cDNI, one call",
    "calls": "a call for each layer, each\nwith a forward pass of its own",
    "skipping": "each layer with probability p,\nidle iterations left out",
    "idle": "idle iterations counted\nas iterations",
    "logging": "backprop's bookkeeping\ninside its clock",
    "both": "that of stochastic updates, too,\nwhen the top layer learns",
}

_ARMS = (
    "backprop",
    "cdni",
    "stochastic",
    "backprop-logged",
    "stochastic-logged",
)


def speedup_chain(frame, p):
    """Takes a "speed-up" per iteration apart.

    Every entry is the speed of what was built so far, in iterations a second,
    as a multiple of backprop's; each differs from the one before by a single
    change. An iteration is idle if no layer was drawn; with L layers a share
    `(1 - p)**L` of them is.

    Args:
        frame: Rows of `Results`: one depth and width; the arms `backprop`,
            `cdni`, `stochastic`, `backprop-logged` and `stochastic-logged`;
            `p` and 1 among the probabilities.
        p: Float in (0, 1], the probability of the headline.

    Returns:
        `pandas.DataFrame` with one row for each of `LINKS` and the columns
        `link`; `measured`, the speed-up so far, a median over rounds; `ratio`,
        by how much the link multiplies it; `counted`, the speed-up so far if
        multiply-accumulates were all that takes time.

    Raises:
        ValueError: If the rows lack what the chain needs.
    """
    check_positive("p", p, at_most=1)
    speeds = _speeds(frame).dropna()  # Of what took turns with backprop.
    wanted = [(arm, p) for arm in _ARMS] + [("stochastic", 1)]
    missing = [key for key in wanted if key not in speeds.index]
    shapes = frame[["depth", "units"]].drop_duplicates()
    if missing or len(shapes) != 1:
        raise ValueError(
            "`frame`. Expected rows of one depth and width with the arms and "
            f"probabilities {wanted}. Received: {len(shapes)} shapes, without "
            f"{missing}"
        )
    busy = 1 - (1 - p) ** int(shapes["depth"].iloc[0])
    chain = pd.DataFrame({"link": list(LINKS)})
    for name in ("measured", "counted"):
        speed = speeds[name]
        chain[name] = [
            1.0,
            speed["cdni", p],
            speed["stochastic", 1],
            speed["stochastic", p] * busy,
            speed["stochastic", p],
            speed["stochastic", p] / speed["backprop-logged", p],
            speed["stochastic-logged", p] / speed["backprop-logged", p],
        ]
    before = chain["measured"].shift(fill_value=1.0)
    return chain.assign(ratio=chain["measured"] / before)


def _speeds(frame):
    """Returns iterations a second against backprop, by arm and `p`."""
    data = rounds(frame)
    base = data[data["arm"] == "backprop"].drop_duplicates("run")
    macs = data["run"].map(base.set_index("run")["macs"])
    data = data.assign(counted=macs / data["macs"])
    grouped = data.groupby(["arm", "p"])
    columns = {"per_iteration": "measured", "counted": "counted"}
    return grouped[list(columns)].median().rename(columns=columns)


def p_that_gives(speedup, p, speeds):
    """Returns the probability at which the speed per iteration is so high.

    Between two measured probabilities a power law is assumed.

    Args:
        speedup: Float > 0.
        p: Sequence of floats, the measured probabilities.
        speeds: Sequence of floats, speed-ups that fall as `p` rises.

    Returns:
        Float, NaN if the speed-up is outside of what was measured.

    Example:

    >>> round(p_that_gives(3, [0.1, 0.2, 1], [4, 2, 0.4]), 3)
    0.133
    """
    order = np.argsort(speeds)
    known = np.log(np.array([speeds, p])[:, order])
    found = np.interp(np.log(speedup), *known, left=np.nan, right=np.nan)
    return float(np.exp(found))
