"""Rules racing each other on the same digits, live."""

import html
import math
import threading
import time

from dni_lesson.checks import check_choice, check_int
from dni_lesson.networks import RULES
from dni_lesson.panels.panel import Panel, dropdown, slider
from dni_lesson.panels.racing import (
    NAMES,
    Settings,
    draw_race,
    race,
    race_figure,
)
from dni_lesson.panels.training import Background

import ipywidgets as widgets

_SECONDS_BETWEEN_PICTURES = 0.1


class RacePanel(Panel):
    """Trains up to four rules side by side and shows how they learn.

    Training happens in a thread of its own, so that the panel answers while it
    lasts. The buttons call the methods of the same names. A change of any
    setting resets a race that has begun.

    Args:
        **settings: Initial values, where they differ from those of `Settings`.

    Attributes:
        history: Dict from rule to a dict of lists, see `race`.
        fields, rules, buttons: Dicts of the widgets, by name.

    Raises:
        ValueError: If a rule is unknown or `epochs` is no integer >= 1.
        traitlets.TraitError: If another setting is not in its list.

    Example:

    >>> panel = RacePanel(depth=3, rules=("backprop", "cdni"))
    >>> panel.state
    'ready'
    """

    _training = None  # The `Background` of the present race.

    def __init__(self, **settings):
        initial = Settings(**settings)
        check_int("epochs", initial.epochs, at_least=1)
        for rule in initial.rules:
            check_choice("rules", rule, RULES)
        self._epochs = initial.epochs
        self.fields = _fields(initial)
        self.rules = {rule: _box(rule, rule in initial.rules) for rule in RULES}
        self.buttons = {
            name: widgets.Button(description=name)
            for name in ("Run", "Step", "Stop", "Reset")
        }
        super().__init__(
            "Race panel: test accuracy and gradient cosine of the rules",
            [_row(self.fields), _row(self.rules), _row(self.buttons)],
        )
        self._lock = threading.Lock()  # Of the training and all that is shown.
        for control in (*self.fields.values(), *self.rules.values()):
            control.observe(self._on_setting, names="value")
        self.buttons["Run"].on_click(lambda _: self._run_or_pause())
        self.buttons["Step"].on_click(lambda _: self.step())
        self.buttons["Stop"].on_click(lambda _: self.stop())
        self.buttons["Reset"].on_click(lambda _: self.reset())
        self.reset()

    @property
    def settings(self):
        """The `Settings` that the controls show."""
        values = {name: field.value for name, field in self.fields.items()}
        rules = tuple(rule for rule, box in self.rules.items() if box.value)
        return Settings(**values, rules=rules, epochs=self._epochs)

    @property
    def state(self):
        """`"ready"`, or the state of the training, see `Background`."""
        return self._training.state if self._training else "ready"

    def run(self, blocking=False):
        """Begins a race, or goes on with a paused one.

        Args:
            blocking: Boolean, whether to race in the calling thread and return
                at the end; always begins anew. Default `False`.

        Raises:
            Exception: With `blocking`, whatever ended the race.
        """
        if self.state == "paused" and not blocking:
            self._go_on()
        elif blocking or self.state != "running":
            self._begin(blocking=blocking)

    def step(self):
        """Trains each rule for one more epoch, then pauses."""
        if self.state == "paused":
            self._go_on(epochs=1)
        elif self.state != "running":
            self._begin(epochs=1)

    def pause(self):
        """Pauses when all rules have come equally far."""
        if self.state == "running":
            self._say("Pausing when all rules have come equally far.")
            self._training.pause()

    def stop(self):
        """Ends the race after the present training step."""
        if self.state in ("running", "paused"):
            self._say("Stopping.")
            self._training.stop()

    def reset(self, because=""):
        """Ends the race, if there is one, and clears the picture.

        Args:
            because: String, a sentence to show that says why. Default `""`.
        """
        with self._lock:
            if self._training is not None:
                self._training.stop()
            self._training, self.history = None, {}
            self._figure = race_figure(self.settings)
            self._refresh(because)

    def join(self, timeout=None):
        """Waits for the end of the race; returns whether it has ended."""
        return self._training is None or self._training.join(timeout)

    def close(self):
        """Ends the race and removes the panel."""
        if self._training is not None:
            self._training.stop()
        super().close()

    def _begin(self, epochs=math.inf, blocking=False):
        settings = self.settings
        if not settings.rules:
            self._say("Choose at least one rule.")
            return
        self.reset()
        history = self.history
        training = Background(
            lambda stop: race(settings, history, stop), self._on_training
        )
        training.go(epochs)
        with self._lock:
            self._training = training
            self._refresh()
        training.start(blocking)
        if blocking and training.error is not None:
            raise training.error

    def _go_on(self, epochs=math.inf):
        self._training.go(epochs)
        with self._lock:
            self._refresh()

    def _run_or_pause(self):
        if self.state == "running":
            self.pause()
        else:
            self.run()

    def _on_setting(self, change):
        because = ""
        if self._training is not None:
            name = change["owner"].description
            because = f"You changed {name}, so the race was reset."
        self.reset(because)

    def _on_training(self, training):
        with self._lock:
            # After a reset, an old race must not paint over the new one.
            if training is not self._training:
                return
            soon = time.monotonic() - self._drawn < _SECONDS_BETWEEN_PICTURES
            if not (soon and training.state == "running"):
                self._refresh()

    def _refresh(self, because=""):
        """Shows where the race stands; `_lock` must be held."""
        if self.state != "failed":
            words = draw_race(self.history, self.settings, self._figure)
            words = f"{because} {self._standing()} {words}".strip()
            self.show(self._figure, words)
        else:
            error = self._training.error
            text = f"{type(error).__name__}: {error}"
            self._say(f"An error ended the race. {text}", role="alert")
        self._drawn = time.monotonic()
        running = self.state == "running"
        labels = {"running": "Pause", "paused": "Resume"}
        self.buttons["Run"].description = labels.get(self.state, "Run")
        self.buttons["Step"].disabled = running
        self.buttons["Stop"].disabled = not (running or self.state == "paused")

    def _standing(self):
        done = [len(rows["epoch"]) for rows in self.history.values()]
        whole = len(done) == len(self.settings.rules)
        epoch = min(done) if done and whole else 0
        if self.state == "ready":
            return "Ready: press Run."
        if not done:
            return "Running: Keras prepares each network for some seconds."
        return f"{self.state.capitalize()}: {epoch} of {self._epochs} epochs."

    def _say(self, words, role="status"):
        self.words.value = f"<p role='{role}'>{html.escape(words)}</p>"


def _fields(initial):
    return {
        "depth": slider("depth", 2, 6, initial.depth),
        "units": dropdown("units", (32, 64, 128, 256), initial.units),
        "learning_rate": dropdown(
            "learning rate",
            (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
            initial.learning_rate,
        ),
        "batch_size": dropdown(
            "batch size", (50, 100, 200, 400), initial.batch_size
        ),
        "seed": slider("seed", 0, 9, initial.seed),
    }


def _box(rule, value):
    return widgets.Checkbox(
        value=value,
        description=NAMES[rule],
        indent=False,
        layout=widgets.Layout(width="auto", margin="0 1.5em 0 0"),
    )


def _row(named):
    layout = widgets.Layout(flex_flow="row wrap")
    return widgets.HBox(list(named.values()), layout=layout)
