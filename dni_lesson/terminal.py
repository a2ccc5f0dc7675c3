"""What commands print: no reader and no terminal ends their work."""

import os
import sys


def prepare():
    """Lets letters that a terminal lacks come as `\\xfc`, not as errors."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text, end="\n"):
    """Prints at once; goes on in silence if nobody reads any more.

    `command | head` closes the pipe when it has seen enough. What the command
    is for goes to a file.
    """
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
