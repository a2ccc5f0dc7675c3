"""A race in words: the text twin of its picture."""

from dni_lesson.panels.racer import PREDICTING
from dni_lesson.plots import looks

LETTERS = 7  # Of what is read, below each digit.


def in_words(log):
    """Returns the text twin of the picture, empty before the first turn."""
    if not log.losses:
        return ""
    columns = {
        "Iterations a second": {
            rule: f"{rows['step'][-1] / rows['seconds'][-1]:.0f}"
            for rule, rows in log.losses.items()
        },
        "Training loss": {
            rule: f"{rows['loss'][-1]:.3f}" for rule, rows in log.losses.items()
        },
        "Test accuracy": {
            rule: f"{rows['val_accuracy'][-1]:.1%}"
            for rule, rows in log.history.items()
        },
        "Cosine of the synthetic with the true gradient, from boundary 1 up": {
            rule: ", ".join(f"{one:.2f}" for one in rows["cosine"][-1])
            for rule, rows in log.history.items()
            if rule in PREDICTING
        },
        "Of the ten digits shown, read wrongly": {
            rule: str(reading_line(rows).count("✗"))
            for rule, rows in log.history.items()
        },
    }
    return " ".join(
        f"{name}: "
        + ("; " if "boundary" in name else ", ").join(
            f"{look.name} {column[rule]}"
            for rule, look in looks(column).items()
        )
        + "."
        for name, column in columns.items()
        if column
    )


def standing(state, settings, log):
    """Returns a sentence on how far a race has come.

    Args:
        state: String, see `RacePanel.state`.
        settings: `Settings` of the race.
        log: `Log`.
    """
    if state == "ready":
        return "Ready: press Run."
    if not log.losses:
        return "Running: Keras prepares each network for some seconds."
    epochs = f"{log.epochs(settings.rules)} of {settings.epochs} epochs"
    return f"{state.capitalize()}: {epochs}."


def reading_line(rows):
    """Returns what a rule reads in the ten digits, a cell for each.

    Args:
        rows: The rule's `history`, see `Log`, or `None`.
    """
    if not rows:
        return ""
    cells = [
        str(read) if read == digit else f"{read} ✗"
        for digit, read in enumerate(rows["reading"][-1])
    ]
    return "".join(cell.center(LETTERS) for cell in cells)
