"""Interrupts that wait for what must not be left half done."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def held_interrupts():
    """Lets Ctrl-C, or an interrupt of the kernel, wait for the context's end.

    Python cannot import a module that was interrupted, and nobody ends
    processes of whose start only half was done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread is interrupted.
        return
    interrupts = []
    before = signal.signal(
        signal.SIGINT, lambda *interrupt: interrupts.append(interrupt)
    )
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
        if interrupts:
            raise KeyboardInterrupt
