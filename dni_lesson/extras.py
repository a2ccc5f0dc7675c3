"""Says how to install what the library alone does without."""

import contextlib


@contextlib.contextmanager
def needs(extra, sentence):
    """Raises `ImportError` with the command that helps if an import fails.

    The command serves whoever installed the package without the extra: pip
    then adds what is missing, and fetches the package itself from nowhere.

    Args:
        extra: String. Its name in pyproject.toml, such as `"course"`.
        sentence: String. Who needs what; the command follows it.
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f'{sentence}: pip install "dni_lesson[{extra}]". Received: {error}'
        ) from error
