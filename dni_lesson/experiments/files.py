"""Files that a command will write, looked at before it works for them."""

import os
import pathlib
import tempfile

REPORTS = (".md", ".html")  # The kinds of reports.


def check_file(name, path, suffixes, other=None, makes_folder=False):
    """Raises `ValueError` unless a file can be written there.

    Args:
        name: String, how the error calls the argument.
        path: Path of the file; a link is followed.
        suffixes: Tuple of the endings that its name may have.
        other: Path of the rows, which must be another file. Default: none.
        makes_folder: Boolean, whether the writer will make folders that do not
            exist. Default `False`.
    """
    target = pathlib.Path(os.path.realpath(path))
    folder, received = target.parent, path
    if makes_folder:
        folder = next(parent for parent in target.parents if parent.exists())
    if pathlib.Path(path).suffix not in suffixes:
        expected = f"a file name that ends with {' or '.join(suffixes)}"
    elif target.exists() and not target.is_file():
        expected = "a file"
    elif target.exists() and not os.access(target, os.R_OK | os.W_OK):
        expected = "a file that may be read and written"
    elif not folder.is_dir() and not makes_folder:
        expected = "a file in a folder that exists"
    elif other is not None and _is_same(target, other):
        expected = "another file than that of the rows"
    else:
        try:  # Rights, full and read-only disks differ by system.
            with tempfile.TemporaryFile(dir=folder):
                return
        except OSError as error:
            expected = "a folder in which files can be made"
            received = f"{path}: {error.strerror}"
    raise ValueError(f"`{name}`. Expected {expected}. Received: {received}")


def _is_same(target, other):
    other = pathlib.Path(os.path.realpath(other))
    both_exist = target.exists() and other.exists()
    return target.samefile(other) if both_exist else target == other
