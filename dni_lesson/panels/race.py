"""Rules racing each other on the same digits, live."""

import functools
import math
import threading
import time

from dni_lesson.checks import check_int
from dni_lesson.experiments.racing import TURNS, Log, Settings, race
from dni_lesson.networks import RULES, check_rule
from dni_lesson.panels.background import Background
from dni_lesson.panels.panel import (
    Panel,
    button,
    checkbox,
    choices,
    count,
    dropdown,
    grid,
    line,
    row,
    sheet,
    slider,
)
from dni_lesson.panels.race_picture import (
    AXES,
    RacePicture,
    in_words,
    standing,
)
from dni_lesson.plots import looks

_SECONDS_BETWEEN_PICTURES = 0.094
_MOST_EPOCHS = 1_000_000_000  # Nobody waits for their end.
_SECONDS_BETWEEN_WORDS = 1.0  # A reader cannot follow ten sentences a second.


class RacePanel(Panel):
    """Trains rules side by side and shows how they learn.

    Training happens in a thread of its own, so that the panel answers while it
    lasts; one race at a time, and a new panel ends the race of an older one.
    The buttons call the methods of the same names. Run goes on from where the
    race stands, up to the epoch that is set. That may be changed at any time,
    as the x-axis; a change of any other setting resets a race that has begun.

    Args:
        **settings: Initial values, where they differ from those of
            `Settings.of(kind)`; `kind="cnn"` for convolutional networks. Rules
            of your own, by `models`, race beside the usual ones unless `rules`
            says who races.

    Attributes:
        results: `Log`, what has been measured; a new one for each race.
        fields, rules, buttons: Dicts of the widgets, by name.

    Raises:
        ValueError: If a rule or the `kind` is unknown, or `epochs` is no
            integer >= 1.
        traitlets.TraitError: If another setting is not in its list.

    Example:

    >>> panel = RacePanel(depth=3, rules=("backprop", "cdni"))
    >>> panel.state
    'ready'
    """

    # The `Background` of the present race; `close` may come before any.
    _training = None
    _drawn_for = None  # Settings and x-axis of the present picture.

    def __init__(self, **settings):
        initial = Settings.of(**settings)
        self._models, self._kind = initial.models, initial.kind
        if "rules" not in settings:
            initial = initial._replace(rules=(*initial.rules, *self._models))
        check_int("epochs", initial.epochs, at_least=1)
        for rule in initial.rules:
            if rule not in self._models:
                check_rule("rules", rule)
        # Who runs a cell again has lost the buttons of its older panel.
        Background.stop_latest()
        self._lock = threading.Lock()  # Of the training and all that is shown.
        self.fields = fields(initial)
        self.rules = {
            rule: checkbox(look.name, rule in initial.rules)
            for rule, look in looks((*RULES, *self._models)).items()
        }
        self.axis = dropdown("x-axis", list(AXES))
        self.code = line("settings as code")
        acts = (self._run_or_pause, self.step, self.stop, self.reset)
        names = ("Run", "Step", "Stop", "Reset")
        self.buttons = dict(zip(names, map(button, names, acts), strict=True))
        self.live = sheet("dni-live")
        super().__init__(
            "Race panel: loss, test accuracy and gradient cosine of the rules",
            [
                grid([*self.fields.values(), self.axis]),
                row(self.rules.values()),
                row(self.buttons.values()),
            ],
            [self.code],
            self.live,
        )
        for control in (*self.fields.values(), *self.rules.values()):
            is_end = control is self.fields["epochs"]
            act = self._on_epochs if is_end else self._on_setting
            control.observe(act, names="value")
        self.axis.observe(self._on_axis, names="value")
        self.reset()

    @property
    def settings(self):
        """The `Settings` that the controls show."""
        values = {name: field.value for name, field in self.fields.items()}
        rules = tuple(rule for rule, box in self.rules.items() if box.value)
        fixed = {"models": self._models, "kind": self._kind}
        return Settings(**values, rules=rules, **fixed)

    @property
    def history(self):
        """What was measured at the ends of epochs, see `Log`."""
        return self.results.history

    @property
    def state(self):
        """`"ready"`, or the state of the training, see `Background`.

        A race that has finished, and is then given more epochs, is stopped.
        """
        state = self._training.state if self._training else "ready"
        return "stopped" if state == "finished" and self._epochs_left else state

    @property
    def _epochs_left(self):
        settings = self.settings
        return settings.epochs - self.results.epochs(settings.rules)

    def run(self, blocking=False, on_epoch=None):
        """Begins a race, or goes on with one from where it stands.

        Args:
            blocking: Boolean, whether to race in the calling thread and return
                at the end; always begins anew. Default `False`.
            on_epoch: With `blocking`, see `race`. Default: none.

        Raises:
            Exception: With `blocking`, whatever ended the race.
        """
        if not blocking:
            self._go_on(math.inf)
        elif self._can_begin():
            self.reset()
            training = self._prepare(math.inf, on_epoch)
            training.start(blocking=True)
            if training.error is not None:
                raise training.error

    def step(self):
        """Trains each rule for one more epoch, then pauses."""
        self._go_on(TURNS)

    def pause(self):
        """Pauses when all rules have come equally far."""
        if self.state == "running":
            self.say("Pausing.")
            self._training.pause()

    def stop(self):
        """Stops the race after the present turn; Run goes on from there."""
        if self.state in ("running", "paused"):
            self.say("Stopping.")
            self._training.stop()

    def reset(self, because=""):
        """Ends the race, if there is one, and clears the picture.

        Args:
            because: String, a sentence to show that says why. Default `""`.
        """
        with self._lock:
            if self._training is not None:
                self._training.stop()
            self._training, self.results = None, Log()
            self.code.value = as_code(self.settings)
            self._refresh(because)

    def join(self, timeout=None):
        """Waits for the end of the race; returns whether it has ended."""
        return self._training is None or self._training.join(timeout)

    def close(self):
        """Ends the race and removes the panel."""
        if self._training is not None:
            self._training.stop()
        super().close()

    def _go_on(self, rounds):
        """Races for so many good places to pause, from where it stands."""
        state = self.state
        if state == "paused":
            self._training.go(rounds)
            with self._lock:
                self._refresh()
        elif state == "finished":
            self.say(
                f"All {self.settings.epochs} epochs are done. Give it more "
                "epochs and press Run to go on, or press Reset to begin anew."
            )
        elif state != "running" and self._can_begin():
            if state == "failed":
                self.reset()
            self._prepare(rounds).start()

    def _can_begin(self):
        if not self.settings.rules:
            self.say("Choose at least one rule.", role="alert")
        return bool(self.settings.rules)

    def _prepare(self, rounds, on_epoch=None):
        """Returns the `Background` of a race that goes on with `results`."""
        work = functools.partial(
            race,
            self.settings,
            self.results,
            until=lambda: self.settings.epochs,
            on_epoch=on_epoch,
        )
        training = Background(work, self._on_training)
        training.go(rounds)
        with self._lock:
            self._training = training
            self._refresh()
        return training

    def _run_or_pause(self):
        if self.state == "running":
            self.pause()
        else:
            self.run()

    def _on_setting(self, change):
        name = change["owner"].description
        because = f"You changed {name}, so the race was reset."
        self.reset(because if self._training is not None else "")

    def _on_epochs(self, change):
        turns = map(self.results.turns, self.settings.rules)
        if max(turns, default=0) > change["new"] * TURNS:
            self._on_setting(change)  # It has gone further already.
            return
        with self._lock:
            self.code.value = as_code(self.settings)
            self._refresh()

    def _on_axis(self, change):
        with self._lock:
            self._refresh()

    def _on_training(self, training):
        if training.state == "running" and time.monotonic() < self._due:
            return
        with self._lock:
            # After a reset, an old race must not draw over the new one.
            if training is not self._training:
                return
            if training.state != "running":
                self._refresh()
                return
            now = time.monotonic()
            self._due = max(now, self._due + _SECONDS_BETWEEN_PICTURES)
            self._draw()
            if now - self._said >= _SECONDS_BETWEEN_WORDS:
                self._tell()

    def _draw(self, has_new_axes=False):
        if self.state != "running":
            self.picture.value = self._picture.whole(self.results)
            self.live.value = ""
            return
        if self._picture.make_room(self.results) or has_new_axes:
            self.picture.value = self._picture.axes_alone()
        self.live.value = self._picture.live(self.results)

    def _refresh(self, because=""):
        """Shows where the race stands; `_lock` must be held."""
        wanted = self.settings, self.axis.value
        if wanted != self._drawn_for:  # New axes take long to draw.
            self._picture, self._drawn_for = RacePicture(*wanted), wanted
        self._draw(has_new_axes=True)
        self._due = time.monotonic() + _SECONDS_BETWEEN_PICTURES
        self._tell(because)
        state = self.state
        labels = {"running": "Pause", "paused": "Resume", "stopped": "Resume"}
        self.buttons["Run"].description = labels.get(state, "Run")
        self.buttons["Step"].disabled = state == "running"
        self.buttons["Stop"].disabled = state not in ("running", "paused")

    def _tell(self, because=""):
        self._said = time.monotonic()
        if self.state == "failed":
            error = self._training.error
            text = f"{type(error).__name__}: {error}"
            self.say(f"An error ended the race. {text}", role="alert")
            return
        now = standing(self.state, self.settings, self.results)
        self.say(f"{because} {now} {in_words(self.results)}".strip())


def as_code(settings):
    """Returns the line of code that makes a panel with these settings."""
    usual = Settings.of(settings.kind)._asdict() | {"kind": "mlp"}
    changed = {
        name: repr(value)
        for name, value in settings._asdict().items()
        if value != usual[name]
    }
    if settings.models:
        pairs = (f"{k!r}: {m.__name__}" for k, m in settings.models.items())
        changed["models"] = f"{{{', '.join(pairs)}}}"
    code = ", ".join(f"{name}={value}" for name, value in changed.items())
    return f"RacePanel({code})"


# Of what makes a network, the values to choose from, for each kind.
_NETWORKS = {
    "mlp": {
        "deepest": 6,
        "units": ("units", (32, 64, 128, 256)),
        "predictors": {
            "linear": "linear",
            "softmax (cDNI)": "softmax",
            "128 hidden units": (128,),
        },
    },
    "cnn": {
        "deepest": 4,
        "units": ("filters", (4, 8, 16)),
        "predictors": {
            "3 x 3 convolution": "linear",
            "softmax (cDNI)": "softmax",
            "16 hidden filters": (16,),
        },
    },
}


def fields(initial):
    """Returns the controls of all settings but rules and models, by name.

    Args:
        initial: `Settings`, what they show first.
    """
    network = _NETWORKS[initial.kind]
    return {
        "depth": slider("depth", 2, network["deepest"], initial.depth),
        "units": dropdown(*network["units"], initial.units),
        "predictor": dropdown(
            "predictors", network["predictors"], initial.predictor
        ),
        "update_probability": choices(
            "update probability",
            (1.0, 0.5, 0.2, 0.1, 0.05),
            initial.update_probability,
        ),
        "share": choices(
            "share of the truth", (0.0, 0.25, 0.5, 0.75, 1.0), initial.share
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
