"""Training, or a film, in the background: paused, stepped and stopped.

A panel stays alive only if nothing trains in the thread that answers its
buttons. Training is written as a generator that yields where it may be looked
at; `Background` runs through it in one daemon thread, or in the calling thread
where a test or a lesson wants to wait for the end. A `Player` moves a slider in
this way: what the slider changes becomes a film.
"""

import contextlib
import math
import threading

from dni_lesson.panels.panel import button

THREAD = "dni-training"  # The name of the thread that trains.
_SECONDS_BETWEEN_STEPS = 0.1  # Of a film.


class Background:
    """Runs through a generator, one at a time in the whole process.

    Starting one stops the one before and waits for its end inside the new
    thread, so that two never train at once and no button ever waits. Keras
    keeps some of its state per thread: the generator must do all of its work,
    from building to training, between its own first and last line.

    Args:
        work: Function of a `threading.Event` that returns a generator of
            booleans: whether this is a good place to pause. It must end soon
            after the event is set, and is closed in the working thread.
        on_change: Function of this object, called from the working thread
            after each item and once more at the end.

    Attributes:
        state: `"running"`, `"paused"`, `"stopped"`, `"finished"` or
            `"failed"`.
        error: The exception that ended it, or `None`.
    """

    _latest = None
    _starting = threading.Lock()

    def __init__(self, work, on_change):
        self.state, self.error = "running", None
        self._work, self._on_change = work, on_change
        self._stopping = threading.Event()
        self._gate = threading.Condition()
        self._places = math.inf  # Good places to pass before it pauses.
        self._thread = None

    @classmethod
    def stop_latest(cls):
        """Asks the one that began last to end, if there is one."""
        if cls._latest is not None:
            cls._latest.stop()

    def start(self, blocking=False):
        """Begins; with `blocking` in this thread, and returns at the end."""
        with Background._starting:
            before, Background._latest = Background._latest, self
            if before is not None:
                before.stop()
            if not blocking:
                self._thread = threading.Thread(
                    target=self._run,
                    args=(before,),
                    name=THREAD,
                    daemon=True,
                )
                self._thread.start()
        if blocking:
            self._run(before)

    def go(self, places=math.inf):
        """Goes on, and pauses after so many good places to pause."""
        with self._gate:
            self._places, self.state = places, "running"
            self._gate.notify_all()

    def pause(self):
        """Pauses at the next good place."""
        with self._gate:
            self._places = 0

    def stop(self):
        """Asks it to end and returns at once."""
        with self._gate:
            self._stopping.set()
            self._gate.notify_all()

    def join(self, timeout=None):
        """Waits for the end of the thread; returns whether it has ended."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _run(self, before):
        if before is not None:
            before.join()
        try:
            with contextlib.closing(self._work(self._stopping)) as items:
                for may_pause in items:
                    self._on_change(self)
                    if may_pause:
                        self._pause_if_due()
                    if self._stopping.is_set():
                        break
            self.state = "stopped" if self._stopping.is_set() else "finished"
        except Exception as error:  # A thread's traceback is shown nowhere.
            self.state, self.error = "failed", error
        except KeyboardInterrupt:  # Of the cell that waits for the end.
            self.state = "stopped"
            self._on_change(self)
            raise
        self._on_change(self)

    def _pause_if_due(self):
        with self._gate:
            self._places -= 1
            if self._places > 0 or self._stopping.is_set():
                return
            self.state = "paused"
        self._on_change(self)
        with self._gate:
            self._gate.wait_for(
                lambda: self._places > 0 or self._stopping.is_set()
            )


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
        self._slider, self._film = slider, None
        acts = (self._run_or_pause, self.step, self.reset)
        names = ("Run", "Step", "Reset")
        self.buttons = dict(zip(names, map(button, names, acts), strict=True))

    def run(self, blocking=False):
        """Moves the slider to its end.

        Args:
            blocking: Boolean, whether to return at the end. Default `False`.
        """
        self.pause()
        self._film = Background(self._play, self._on_change)
        self.buttons["Run"].description = "Pause"
        self._film.start(blocking)

    def pause(self):
        """Leaves the slider where it is now."""
        if self._film is not None:
            self._film.stop()

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
        return self._film is None or self._film.join(timeout)

    def _run_or_pause(self):
        if self._film is not None and self._film.state == "running":
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

    def _on_change(self, film):
        if film is self._film and film.state != "running":
            self.buttons["Run"].description = "Run"
