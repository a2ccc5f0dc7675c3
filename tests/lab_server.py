"""A JupyterLab of the tests' own: a free port, and nobody else's settings."""

import contextlib
import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import NamedTuple

from dni_lesson.kit import lab

SECONDS_TO_START = 60


class Server(NamedTuple):
    """A running JupyterLab.

    Args:
        port: Integer.
        token: String. Whoever has it is let in.
        log: Path of the file that holds what JupyterLab printed.
    """

    port: int
    token: str
    log: pathlib.Path

    def url(self, path):
        """Returns the full address of a path such as `"api/status"`."""
        sign = "&" if "?" in path else "?"
        return f"http://127.0.0.1:{self.port}/{path}{sign}token={self.token}"

    def get_text(self, path):
        """Returns what the server answers, as a string."""
        with urllib.request.urlopen(self.url(path), timeout=10) as answer:
            return answer.read().decode()

    def get(self, path):
        """Returns what the server answers in JSON, as Python objects."""
        return json.loads(self.get_text(path))


@contextlib.contextmanager
def serve(home, root=None, command=("-m", "jupyterlab")):
    """Runs JupyterLab as `make lab` does, and stops it and its kernels.

    Args:
        home: Path of an empty folder for settings, history and the log.
        root: Path of the folder to show; `home` if `None`.
        command: Arguments for Python. `-m dni_lesson lab` brings the options
            of `make lab` itself; for others they are added.

    Yields:
        A `Server`.
    """
    server = Server(free_port(), secrets.token_hex(16), home / "lab.log")
    arguments = [
        sys.executable,
        *command,
        "--no-browser",
        f"--ServerApp.port={server.port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={server.token}",
        f"--LabApp.workspaces_dir={home / 'workspaces'}",
    ]
    if "dni_lesson" not in command:
        arguments += lab.lab_arguments(root or home)
    with server.log.open("w") as log:
        process = subprocess.Popen(
            arguments,
            cwd=lab.REPOSITORY,
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(server, process)
            yield server
        finally:
            _end(process)


def _end(process):
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        # Seen once: it had stopped all kernels, and stayed.
        process.kill()
        process.wait()


def free_port():
    """Returns a port of this machine that nobody listens to."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _environment(home):
    environment = lab.lab_environment(os.environ)
    environment.pop("PYTEST_CURRENT_TEST", None)
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        environment[f"JUPYTER_{name}"] = str(home / name.lower())
    environment["IPYTHONDIR"] = str(home / "ipython")
    return environment


def _wait_for(server, process):
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            server.get("api/status")
            return
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{server.log.read_text()}")
