"""Where the repository is, and where data may be.

Only the standard library is needed: the doctor looks here, too.
"""

import os
import pathlib

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def named_folder(environment=os.environ):
    """Returns the folder in `DNI_LESSON_DATA`, or `None` if it is not set.

    `~` and variables in it are replaced, as a shell does where the value was
    not in quotes.
    """
    value = environment.get("DNI_LESSON_DATA")
    if not value:
        return None
    return pathlib.Path(os.path.expandvars(os.path.expanduser(value)))


def data_folders(environment=os.environ):
    """Returns the folders in which data are looked for, in this order."""
    named = named_folder(environment)
    return [named] if named else [pathlib.Path("data"), REPOSITORY / "data"]
