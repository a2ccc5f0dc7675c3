"""Writes a file whole or not at all."""

import contextlib
import os
import shutil


def replace(target, content):
    """Gives a file another content in one move; it keeps its owner and mode.

    Args:
        target: Path of the file, which need not exist; its folder must.
        content: String, written as UTF-8 as it is, or bytes.

    Raises:
        OSError: If it cannot be written; the file is then as it was.
    """
    if isinstance(content, str):
        content = content.encode("utf-8")
    beside = target.with_name(f".{target.name}.new")
    try:
        with open(beside, "wb") as file:
            if target.exists():
                shutil.copymode(target, beside)
                owner = target.stat()
                # Windows has no owners, and only root gives files away.
                with contextlib.suppress(AttributeError, PermissionError):
                    os.chown(beside, owner.st_uid, owner.st_gid)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
