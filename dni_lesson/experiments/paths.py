"""The files that a command will write, looked at before it works for them."""

import os
import pathlib
import tempfile


def check_out(path):
    """Raises `ValueError` unless rows can be kept there; folders are made."""
    target = _file("out", path, (".csv",))
    folder = next(one for one in target.parents if one.exists())
    _check_folder("out", path, folder)


def check_report(path, out=None):
    """Raises `ValueError` unless a report can be written there.

    Args:
        path: Path that ends with `.md` or `.html`.
        out: Path of the rows, which must be another file.
    """
    target = check_file("report", path, (".md", ".html"))
    if out is not None and _is_same(target, pathlib.Path(out)):
        raise ValueError(
            f"`report`. Expected another file than that of the rows. Received: "
            f"{path}"
        )


def check_file(name, path, suffixes):
    """Returns what a path leads to, or raises `ValueError`.

    Args:
        name: String, how the error calls the argument.
        path: Path of a file to write, in a folder that exists.
        suffixes: Tuple of the endings that its name may have.
    """
    target = _file(name, path, suffixes)
    if not target.parent.is_dir():
        raise ValueError(
            f"`{name}`. Expected a file in a folder that exists. "
            f"Received: {path}"
        )
    _check_folder(name, path, target.parent)
    return target


def _file(name, path, suffixes):
    """Returns what a path leads to, if that is or can become a file."""
    target = pathlib.Path(os.path.realpath(path))
    if pathlib.Path(path).suffix not in suffixes:
        raise ValueError(
            f"`{name}`. Expected a file name that ends with "
            f"{' or '.join(suffixes)}. Received: {path}"
        )
    if target.exists() and not target.is_file():
        raise ValueError(f"`{name}`. Expected a file. Received: {path}")
    if target.exists() and not os.access(target, os.R_OK | os.W_OK):
        raise ValueError(
            f"`{name}`. Expected a file that may be read and written. "
            f"Received: {path}"
        )
    return target


def _check_folder(name, path, folder):
    """Rights, full and read-only disks differ by system: it is tried."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"`{name}`. Expected a folder in which files can be made. "
            f"Received: {path}: {error.strerror}"
        ) from None


def _is_same(one, other):
    if one.exists() and other.exists():
        return os.path.samefile(one, other)
    return one == pathlib.Path(os.path.realpath(other))
