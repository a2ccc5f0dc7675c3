"""What is to be run: one object, checked, printable, stored with results."""

import dataclasses
import itertools
from typing import NamedTuple

from dni_lesson.checks import check_choice, check_int, check_positive


class Recipe(NamedTuple):
    """What an arm of the comparison is, and how it is made.

    Attributes:
        text: String, for readers.
        rule: String, see `mlp`.
        updates: String: `"whole"`, every layer in one call; `"by layer"`, a
            call for each; `"stale"`, every layer with an old true gradient; or
            `"placed"`, every layer on a device of its own.
        by_chance: Boolean, whether a call is made only with the probability
            `p` of its group.
        predictor: What predicts gradients, see `mlp`.
        logged: Boolean, whether bookkeeping is part of the step.
    """

    text: str
    rule: str = "backprop"
    updates: str = "whole"
    by_chance: bool = False
    predictor: str | tuple = "linear"
    logged: bool = False


ARMS = {
    "backprop": Recipe("the true gradient, every layer at every step"),
    "cdni": Recipe(
        "synthetic gradients from activations and label, linear predictor",
        "cdni",
    ),
    "cdni-softmax": Recipe(
        "the same, softmax predictor", "cdni", predictor="softmax"
    ),
    "greedy": Recipe(
        "control: each layer learns by a loss of its own", "greedy"
    ),
    "dfa": Recipe(
        "control: direct feedback alignment, a fixed random matrix", "dfa"
    ),
    "dni": Recipe(
        "synthetic gradients from activations alone, linear predictor", "dni"
    ),
    "dni-2x1024": Recipe(
        "the same with two hidden layers of 1024, as in the paper",
        "dni",
        predictor=(1024, 1024),
    ),
    "no_bprop": Recipe("control: no gradient crosses a boundary", "no_bprop"),
    "stale": Recipe(
        "control: the true gradient of every n-th step, held in between",
        updates="stale",
    ),
    "skipping": Recipe(
        "control: backprop that takes a step with probability p only",
        by_chance=True,
    ),
    "stochastic": Recipe(
        "cDNI, each layer with probability p, a call for each",
        "cdni",
        "by layer",
        by_chance=True,
    ),
    "backprop-logged": Recipe(
        "backprop that writes a summary at every iteration", logged=True
    ),
    "stochastic-logged": Recipe(
        "`stochastic`; a summary when the top layer learns",
        "cdni",
        "by layer",
        by_chance=True,
        logged=True,
    ),
    "backprop-placed": Recipe(
        "backprop with one module per GPU", updates="placed"
    ),
    "cdni-placed": Recipe("`cdni` with one module per GPU", "cdni", "placed"),
}
PLACED = tuple(name for name in ARMS if ARMS[name].updates == "placed")
CHOICES = {
    "arms": tuple(ARMS),
    "data": ("digits", "mnist"),
    "device": ("CPU", "GPU"),
}
# What takes several values in one experiment; all else its runs share.
VARIED = ("arms", "depths", "units", "p", "seeds")
_DIGITS = 60_000  # of the larger data set
# The least and the most of each integer.
LIMITS = {
    "depths": (2, 500),  # `mlp` has no seeds for more layers.
    "units": (1, 100_000),
    "seeds": (0, 2**32 - 1),  # NumPy's
    "epochs": (1, 10_000),
    "batch_size": (1, _DIGITS),
    "rounds": (1, _DIGITS),
    "validation": (1, _DIGITS),
    "refresh": (1, 10**9),
}


class Group(NamedTuple):
    """What differs between the runs of an experiment, but for the arm."""

    depth: int
    units: int
    p: float
    seed: int


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The settings of a benchmark.

    Args:
        arms: Tuple of names in `ARMS`; they take turns in every round. Those
            with one module per GPU need several.
        depths: Tuple of integers in [2, 500], numbers of weight layers.
        units: Tuple of integers >= 1, widths of the hidden layers.
        p: Tuple of floats in (0, 1], the probability of `skipping` and
            `stochastic`; the other arms run beside them for each value.
        seeds: Tuple of integers in [0, 2**32), of weights, order and chance.
        data: `"digits"` (4,000 training digits, of which `validation` are held
            out; 1,000 test digits) or `"mnist"` (60,000 and 10,000).
        epochs: Integer >= 1.
        batch_size: Integer >= 1.
        rounds: Integer >= 1: rounds an epoch. After each round every arm is
            evaluated, outside the time that counts.
        validation: Integer >= 1, training digits held out. Test digits choose
            nothing.
        learning_rate: Float > 0, of Adam, for all arms.
        refresh: Integer >= 1, the n of `stale`.
        device: `"CPU"`, `"GPU"`, or `None` for the GPU where TensorFlow sees
            one, else the CPU.

    Raises:
        ValueError: If an argument is out of its range (see `LIMITS`, too).
    """

    arms: tuple = ("backprop", "cdni", "dni", "no_bprop")
    depths: tuple = (4,)
    units: tuple = (256,)
    p: tuple = (0.2,)
    seeds: tuple = (0, 1, 2)
    data: str = "digits"
    epochs: int = 5
    batch_size: int = 256
    rounds: int = 2
    validation: int = 500
    learning_rate: float = 1e-3
    refresh: int = 10
    device: str | None = None

    def __post_init__(self):
        for field in dataclasses.fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in VARIED:
                value = _several(name, value)
            elif name != "device":
                value = _checked(name, value)
            object.__setattr__(self, name, value)
        self._check_device()

    def _check_device(self):
        import tensorflow as tf

        has_gpu = bool(tf.config.list_physical_devices("GPU"))
        if self.device is None:
            object.__setattr__(self, "device", "GPU" if has_gpu else "CPU")
        check_choice("device", self.device, CHOICES["device"])
        if self.device == "GPU" and not has_gpu:
            raise ValueError(
                "`device`. Expected 'CPU', as TensorFlow sees no GPU here. "
                "Received: device='GPU'"
            )
        placed = [arm for arm in self.arms if arm in PLACED]
        if placed and len(tf.config.list_logical_devices(self.device)) < 2:
            raise ValueError(
                "`arms`. Expected arms for one device, as TensorFlow sees no "
                f"other here. Received: {placed}"
            )

    def groups(self):
        """Returns the list of `Group`s, seeds outermost.

        All else of one seed comes before the next seed, so that an interrupted
        benchmark has whole seeds.
        """
        products = itertools.product(
            self.seeds, self.depths, self.units, self.p
        )
        return [Group(*rest, seed) for seed, *rest in products]

    def settings(self):
        """Returns a dict of the settings that all runs share."""
        every = dataclasses.asdict(self)
        return {name: every[name] for name in every if name not in VARIED}


def _several(name, values):
    if not isinstance(values, list | tuple) or not values:
        raise ValueError(
            f"`{name}`. Expected a tuple with at least one entry. "
            f"Received: {name}={values!r}"
        )
    checked = tuple(_checked(name, value) for value in values)
    if len(set(checked)) < len(checked):
        raise ValueError(
            f"`{name}`. Expected every entry once. Received: {name}={values!r}"
        )
    return checked


def _checked(name, value):
    """Returns one value of a setting, as Python's own, or raises."""
    if name in LIMITS:
        return check_int(name, value, *LIMITS[name])
    if name == "p":
        return check_positive(name, value, at_most=1)
    if name == "learning_rate":
        return check_positive(name, value)
    check_choice(name, value, CHOICES[name])
    return value


# Settings and not experiments: those look for a GPU when they are made.
PRESETS = {
    "quick": dict(
        arms=("backprop", "cdni", "dni", "no_bprop", "skipping", "stochastic"),
        epochs=3,
        batch_size=100,
        seeds=(0, 1),
    ),
    "full": dict(
        arms=(
            "backprop",
            "cdni",
            "cdni-softmax",
            "greedy",
            "dfa",
            "dni",
            "dni-2x1024",
            "no_bprop",
            "stale",
            "skipping",
            "stochastic",
        ),
        depths=(3, 4, 5, 6),
        data="mnist",
        rounds=4,
        validation=5000,
    ),
    # Where a headline can come from: the same runs counted in several ways. It
    # measures speed, for which rounds are the repeats, so one seed will do.
    "forensic": dict(
        arms=(
            "backprop",
            "cdni",
            "skipping",
            "stochastic",
            "backprop-logged",
            "stochastic-logged",
        ),
        p=(0.05, 0.1, 0.2, 0.5, 1.0),
        seeds=(0,),
        data="mnist",
        epochs=3,
        rounds=4,
        validation=5000,
    ),
}
