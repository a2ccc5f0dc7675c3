"""Weights that are being trained belong to one run."""

import contextlib
import threading

_at_work, _lock = set(), threading.Lock()


@contextlib.contextmanager
def claimed(model):
    """Lets one run at a time train the weights of a model.

    Raises:
        ValueError: If another run trains some of them.
    """
    mine = {id(one) for one in model.variables}
    with _lock:
        if mine & _at_work:
            raise ValueError(
                "`model`. Expected a model with weights that no other "
                f"`fit_async` is training. Received: {model!r}"
            )
        _at_work.update(mine)
    try:
        yield
    finally:
        with _lock:
            _at_work.difference_update(mine)
