"""Fills .venv from a lock, and says how far it is.

`make` runs this with the Python of .venv before anything is installed, so it
uses the standard library alone. Of pip itself one would see hundreds of lines
while it downloads, and none while it unpacks, which takes longer.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time

VENV = pathlib.Path(sys.prefix)
# In .venv, not in /tmp: that is often small, and what a killed pip leaves
# behind goes when the next set-up empties .venv.
DOWNLOADS = VENV / "tmp"
PIP = "-m pip --disable-pip-version-check --no-input --no-color install"
OPTIONS = "--progress-bar=off --require-hashes -r"
SECONDS_BETWEEN_LINES = 10  # in a file; on a terminal one line changes
LITTLE_SPACE = 64e6
NO_ANSWER = re.compile(r"Retrying \(|Could not fetch URL|[Tt]imed out")
WRONG = re.compile("ERROR|error|Traceback|Exception|.*No space left")


def progress(log, locked, installed):
    """Returns in a few words what pip is doing.

    Args:
        log: String. What pip has printed.
        locked: Integer. How many packages the lock has, for all systems.
        installed: Set of strings. The names of the packages that are there.
    """
    order = re.search(r"Installing collected packages: (\S.*)", log)
    if order:
        names = order[1].split(", ")
        left = [name for name in names if name not in installed]
        number = len(names) - len(left) + bool(left)
        return f"unpacking {number} of {len(names)}: {(left or names[-1:])[0]}"
    if NO_ANSWER.search(log.rstrip().rpartition("\n")[2]):
        return "no answer from the package index, asking again"
    found = re.findall(r"^(?:Collecting|Processing) (\S+)", log, re.MULTILINE)
    if not found:
        return "asking the package index"
    total = locked - len(re.findall("^Ignoring ", log, re.MULTILINE))
    # name==version, or the path of name-version-tags.whl
    name = re.split(r"==|-\d", re.split(r"[/\\]", found[-1])[-1])[0]
    return f"downloading {len(found)} of {total}: {name}"


def installed():
    """Returns the names of all packages that are completely unpacked."""
    # pip writes INSTALLER when all else is there.
    folder = pathlib.Path(sysconfig.get_path("purelib"))
    found = [path.parent.name for path in folder.glob("*-info/INSTALLER")]
    return {re.sub("[_.]+", "-", name.split("-")[0]).lower() for name in found}


def remedy(log, least_space):
    """Returns why pip failed and what to do about it."""
    if least_space < LITTLE_SPACE or "No space left" in log:
        return "The disk is full: free 4 GB, more with GPU=1."
    if NO_ANSWER.search(log):
        return "The package index did not answer: look at the network."
    return "What pip says about it stands above."


def complaints(log):
    """Returns what pip printed from its first error on, or its last lines."""
    lines = log.splitlines()
    first = [i for i, line in enumerate(lines) if WRONG.match(line)]
    return lines[first[0] if first else -3 :][:40]


def tell(text, seconds, told):
    """Shows `text`; in a file seldom. Returns when it was shown there last."""
    text = f"  {seconds // 60:.0f}:{seconds % 60:02.0f}  {text}"
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:width]:<{width}}", end="", flush=True)
    elif seconds >= told + SECONDS_BETWEEN_LINES:
        print(text, flush=True)
        return seconds
    return told


def start(lock):
    """Returns the running pip, the list of its lines, and their reader."""
    DOWNLOADS.mkdir(exist_ok=True)
    pip = subprocess.Popen(
        [sys.executable, *PIP.split(), *OPTIONS.split(), lock],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "TMPDIR": str(DOWNLOADS), "PYTHONUTF8": "1"},
    )
    lines = []

    def read():
        with pip.stdout:
            for line in pip.stdout:
                lines.append(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    return pip, lines, reader


def fill(lock):
    """Installs a lock and returns what to tell the reader if that fails."""
    text = pathlib.Path(lock).read_text("utf-8")
    locked = len(re.findall("^[a-z0-9]", text, re.MULTILINE))
    began, told, least_space = time.monotonic(), 0, float("inf")
    pip, lines, reader = start(lock)
    why = None
    try:
        while pip.poll() is None:
            time.sleep(0.5)
            least_space = min(least_space, shutil.disk_usage(VENV).free)
            doing = progress("".join(lines), locked, installed())
            told = tell(doing, time.monotonic() - began, told)
    except KeyboardInterrupt:
        pip.terminate()
        why = "It was interrupted."
    failed = pip.wait()
    reader.join()
    shutil.rmtree(DOWNLOADS, ignore_errors=True)
    if sys.stdout.isatty():
        print()
    if not failed:
        return None
    log = "".join(lines)
    if not why:
        print(*complaints(log), sep="\n", flush=True)
        why = remedy(log, least_space)
    return (
        f"Set-up stopped. {why}\nGive the same command again: it starts afresh."
    )


if __name__ == "__main__":
    # A plain kill, too, must not leave pip running alone.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(fill(sys.argv[1]))
