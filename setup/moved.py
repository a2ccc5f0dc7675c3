"""Finds a .venv that was moved with its folder, or has lost its Python.

`make` asks each time, so nothing slow is imported here.
"""

import importlib.util
import os
import pathlib
import re
import sys
import sysconfig

VENV = pathlib.Path(sys.prefix)


def old_place():
    """Returns the folder that .venv was made in, or `None` if it is there."""
    text = (VENV / "pyvenv.cfg").read_text("utf-8")
    made = re.search(r"^command = .* -m venv (?:--\S+ )*(.+)$", text, re.M)
    if not made or (os.path.exists(made[1]) and VENV.samefile(made[1])):
        return None
    return made[1]


def state():
    """Returns `"broken"`, `"moved"` or, if all is well, `"good"`."""
    # A newer Python in the place of the old one does not find its packages.
    if importlib.util.find_spec("pip") is None:
        return "broken"
    return "moved" if old_place() else "good"


def relink():
    """Writes the new place into the scripts of a .venv that was moved."""
    old = old_place()
    if not old:
        return
    print(f"{VENV} was made elsewhere: linking it to its new place.")
    scripts = pathlib.Path(sysconfig.get_path("scripts"))
    # At the end the file that says where .venv was made.
    for path in (*scripts.iterdir(), VENV / "pyvenv.cfg"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if b"\0" not in content:  # no compiled program
                new = content.replace(os.fsencode(old), os.fsencode(VENV))
                path.write_bytes(new)


if __name__ == "__main__":
    print(state()) if sys.argv[1] == "state" else relink()
