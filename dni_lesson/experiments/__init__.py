"""Rules side by side: the benchmark, the race, and what their rows say.

Names are loaded when they are asked for, so that the command can say what it
does where TensorFlow is missing. `asynchrony` reads rows of other programs.
"""

import importlib

_HOMES = {
    "ARMS": "experiment",
    "Experiment": "experiment",
    "LINKS": "currencies",
    "Results": "results",
    "count": "currencies",
    "load": "running",
    "p_that_gives": "currencies",
    "rounds": "currencies",
    "run_group": "running",
    "speedup_chain": "currencies",
    "summary": "currencies",
}
__all__ = list(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    return getattr(home, name)
