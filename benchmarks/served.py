"""A program of its own that answers each line with a number.

So that arms which take turns do not share threads, settings or memory.
"""

import subprocess


class Served:
    """Starts a program and asks it.

    Args:
        command: List of strings, the program and its arguments. For each line
            of its input it prints one line with a number.
        env: Dict, its environment. Default: that of this process.
    """

    def __init__(self, command, env=None):
        self._process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.communicate()  # It ends when its input does.

    def ask(self, *words):
        """Returns the number that it prints for these words.

        Raises:
            RuntimeError: If it printed no number.
        """
        answer = ""
        try:
            print(*words, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
            return float(answer)
        except (BrokenPipeError, ValueError):
            raise RuntimeError(
                f"Expected a number from {self._process.args}. "
                f"Received: {answer!r}"
            ) from None
