"""Buttons that move a slider: what it changes becomes a film."""

from dni_lesson.panels.background import Background
from dni_lesson.panels.controls import button

_SECONDS_BETWEEN_STEPS = 0.1


class Player:
    """Run, Step and Reset for a slider.

    Run moves it to its end, or from its end once more from the beginning, in
    the thread in which panels train: one film or race at a time. The buttons
    call the methods of the same names.

    Args:
        slider: An `ipywidgets` slider with `min`, `max` and `step`.

    Attributes:
        buttons: Dict of the widgets, by name.
    """

    def __init__(self, slider):
        self._slider, self._training = slider, None
        acts = (self._run_or_pause, self.step, self.reset)
        names = ("Run", "Step", "Reset")
        self.buttons = dict(zip(names, map(button, names, acts), strict=True))

    def run(self, blocking=False):
        """Moves the slider to its end.

        Args:
            blocking: Boolean, whether to return at the end. Default `False`.
        """
        self.pause()
        self._training = Background(self._play, self._on_change)
        self.buttons["Run"].description = "Pause"
        self._training.start(blocking)

    def pause(self):
        """Leaves the slider where it is now."""
        if self._training is not None:
            self._training.stop()

    def step(self):
        """Moves the slider by one step and leaves it there."""
        self.pause()
        self._move()

    def reset(self):
        """Moves the slider to its beginning and leaves it there."""
        self.pause()
        self._slider.value = self._slider.min

    def join(self, timeout=None):
        """Waits for the end of the film; returns whether it has ended."""
        return self._training is None or self._training.join(timeout)

    def _run_or_pause(self):
        if self._training is not None and self._training.state == "running":
            self.pause()
        else:
            self.run()

    def _play(self, stop):
        if self._slider.value == self._slider.max:
            self._slider.value = self._slider.min
        while not stop.wait(_SECONDS_BETWEEN_STEPS) and self._move():
            yield True

    def _move(self):
        """Returns whether there was room for a step."""
        before = self._slider.value
        self._slider.value = min(before + self._slider.step, self._slider.max)
        return self._slider.value != before

    def _on_change(self, training):
        if training is self._training and training.state != "running":
            self.buttons["Run"].description = "Run"
