"""What a race is run with: as a tuple, as code and as controls."""

from typing import NamedTuple

from dni_lesson.panels.panel import count, dropdown, slider

_MOST_EPOCHS = 1_000_000_000  # Nobody waits for their end.


class Settings(NamedTuple):
    """What a race is run with; see `mlp` for the first three.

    Attributes:
        depth: Integer, the number of weight layers.
        units: Integer, the width of the hidden layers.
        predictor_units: Tuple of integers, of the hidden layers of predictors.
        update_probability: Float in (0, 1], with which each module is updated
            at an iteration. The rules without synthetic gradients update all
            modules together: theirs are locked.
        learning_rate: Float, of Adam.
        batch_size: Integer.
        seed: Integer, of the initial weights and of the order of examples.
        rules: Tuple of strings, who races.
        epochs: Integer, when the race ends.
    """

    depth: int = 4
    units: int = 128
    predictor_units: tuple[int, ...] = ()
    update_probability: float = 1.0
    learning_rate: float = 1e-3
    batch_size: int = 100
    seed: int = 0
    rules: tuple[str, ...] = ("backprop", "dni", "cdni")
    epochs: int = 20


def as_code(settings):
    """Returns the line of code that makes a panel with these settings."""
    usual = Settings()
    changed = ", ".join(
        f"{name}={value!r}"
        for name, value in settings._asdict().items()
        if value != getattr(usual, name)
    )
    return f"RacePanel({changed})"


def fields(initial):
    """Returns the controls of all settings but the rules, by name.

    Args:
        initial: `Settings`, what they show first.
    """
    return {
        "depth": slider("depth", 2, 6, initial.depth),
        "units": dropdown("units", (32, 64, 128, 256), initial.units),
        "predictor_units": dropdown(
            "predictors",
            {"linear": (), "128 hidden units": (128,)},
            initial.predictor_units,
        ),
        "update_probability": dropdown(
            "update probability",
            (1.0, 0.5, 0.2, 0.1),
            initial.update_probability,
        ),
        "learning_rate": dropdown(
            "learning rate",
            (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
            initial.learning_rate,
        ),
        "batch_size": dropdown(
            "batch size", (50, 100, 200, 400), initial.batch_size
        ),
        "seed": slider("seed", 0, 9, initial.seed),
        "epochs": count("epochs", 1, _MOST_EPOCHS, initial.epochs),
    }
