"""News of a loss walks back through time: the panel of lesson 09.

A linear recurrent network that does not learn, so that only its predictors do.
NumPy only: all episodes are run anew at each move of a slider.
"""

from typing import NamedTuple

from dni_lesson.panels.background import Player
from dni_lesson.panels.panel import Explorer, checkbox, dropdown, slider
from dni_lesson.plots import COLORS, draw_unrolled

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

STEPS = 12
_UNITS, _EPISODES, _RATE = 8, 64, 0.5
_NEWS = 1e-9  # A share below it is none but for rounding.


class UnrolledPanel(Explorer):
    """Lets a reader cut an episode and watch gradients arrive at its steps.

    Attributes:
        player: `Player` of the episodes.
    """

    def __init__(self):
        controls = {
            "window": slider("window, in steps", 1, STEPS, 3),
            "seen": slider("episodes seen", 0, 30, 2),
            "predictors": dropdown(
                "at a cut",
                {
                    "one predictor for each cut": "each",
                    "one predictor for all cuts": "shared",
                    "nothing: plain truncation": "none",
                },
                "each",
            ),
            "every": checkbox("a loss at every step", False),
        }
        self.player = Player(controls["seen"])
        super().__init__(
            "Unrolled panel: windows, cuts and the gradients that arrive",
            draw_news,
            controls,
            self.player.buttons.values(),
        )


class Episode(NamedTuple):
    """A batch of episodes of the linear network.

    Attributes:
        states: Array `(steps + 1, batch, units)`, from the one before step 1.
        own: Array of this shape, the gradient of the loss at a step itself; 0
            where there is none.
        rotation: Array `(units, units)`: `state @ rotation` is the next one.
    """

    states: np.ndarray
    own: np.ndarray
    rotation: np.ndarray


def episode(every=False, seed=0):
    """Returns an `Episode` whose states should end as scaled first ones."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(_UNITS, _UNITS)))
    states = [rng.normal(size=(_EPISODES, _UNITS))]
    for _ in range(STEPS):
        states.append(states[-1] @ rotation)
    states = np.array(states)
    own = states - states[0] * np.linspace(-1, 1, _UNITS)
    own[: 1 if every else STEPS] = 0
    return Episode(states, own, rotation)


def gradients(run, window, predictors=()):
    """Returns the gradient at each state that training by windows uses.

    Args:
        run: `Episode`.
        window: Integer >= 1.
        predictors: List of arrays `(units, units)`, one for each cut, which
            give `state @ predictor`. Default: nothing crosses a cut.

    Returns:
        Array `(steps + 1, batch, units)`; the first is what arrives at the
        start of the first window.
    """
    used = run.own.copy()
    for step in range(STEPS - 1, -1, -1):
        number, is_inside = divmod(step, window)
        if is_inside or step == 0:
            used[step] += used[step + 1] @ run.rotation.T
        elif predictors:
            used[step] += run.states[step] @ predictors[number - 1]
    return used


def learn(run, window, predictors):
    """Lets each predictor learn once, window by window, from what arrives."""
    for number in range(1, len(predictors) + 1):
        cut = number * window
        end = min(cut + window, STEPS)
        arriving = run.own[end].copy()
        if end < STEPS:
            arriving += run.states[end] @ predictors[number]
        for step in range(end - 1, cut - 1, -1):
            arriving = arriving @ run.rotation.T
            if step > cut:
                arriving += run.own[step]
        seen = run.states[cut]
        error = seen @ predictors[number - 1] - arriving
        predictors[number - 1] -= _RATE * seen.T @ error / len(seen)


def shares_of_news(window, seen, predictors, every):
    """Returns how much of the true gradient arrives at each state.

    Args:
        window: Integer >= 1.
        seen: Integer >= 0, the episodes from which the predictors have learned.
        predictors: `"each"`, `"shared"` or `"none"`.
        every: Boolean, whether every step has a loss, or the last alone.

    Returns:
        Array `(steps,)`: `1 - |true - used|**2 / |true|**2`.
    """
    run = episode(every)
    cuts = (STEPS - 1) // window
    matrices = [np.zeros((_UNITS, _UNITS)) for _ in range(cuts)]
    if predictors == "shared":
        matrices = matrices[:1] * cuts  # One array, many times.
    if predictors == "none":
        matrices = []
    for _ in range(seen):
        learn(run, window, matrices)
    true, used = gradients(run, STEPS), gradients(run, window, matrices)
    missed = np.sum((true - used) ** 2, axis=(1, 2))
    return (1 - missed / np.sum(true**2, axis=(1, 2)))[1:]


def draw_news(window, seen, predictors, every):
    """Draws the network, its cuts, and what arrives at each step.

    Args:
        window, seen, predictors, every: As in `shares_of_news`.

    Returns:
        `(figure, words)`.
    """
    shares = shares_of_news(window, seen, predictors, every)
    figure = Figure(figsize=(9, 4.6))
    # Laid out by hand: both axes must have the same steps below each other.
    above = figure.add_axes((0.09, 0.46, 0.89, 0.44))
    below = figure.add_axes((0.09, 0.12, 0.89, 0.27))
    losses = range(1, STEPS + 1) if every else [STEPS]
    draw_unrolled(window, shares, losses, (above, below), predictors != "none")
    names = {
        "from true losses alone": COLORS["true"],
        "rests on a prediction": COLORS["synthetic"],
    }
    lines = [
        Line2D([], [], label=name, color=color, linewidth=4)
        for name, color in names.items()
    ]
    figure.legend(handles=lines, loc="upper center", ncols=2, frameon=False)
    return figure, _words(shares, window, seen, predictors)


def _words(shares, window, seen, predictors):
    cuts = (STEPS - 1) // window
    heard = int(np.sum(np.abs(shares) > _NEWS))
    start = f"Windows of {window} step{'s' * (window > 1)}, "
    if not cuts:
        return start + "no cut: every state gets its true gradient."
    start += f"{cuts} cut{'s' * (cuts > 1)}, "
    if predictors == "none":
        start += "nothing crosses them. "
    else:
        start += f"predictors that have seen {seen} episode"
        start += f"{'s' * (seen != 1)}. "
    told = f"A gradient arrives at {heard} of {STEPS} states; "
    told += f"at step 1 it explains {shares[0]:.0%} of the true one."
    return start + told
