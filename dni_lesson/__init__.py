"""Decoupled Neural Interfaces for Keras: layers, monitors and lessons.

A public name is imported when it is first asked for: `lab` and `doctor` start
at once, the doctor also where TensorFlow is missing or broken.
"""

import importlib

from dni_lesson import _on_import as _on_import

_PUBLIC = {
    "annealing": ["ShareSchedule"],
    "backward": ["splice"],
    "cifar": ["load_cifar10"],
    "convolutional": ["cnn"],
    "costs": ["layer_macs", "module_macs", "step_macs"],
    "data": ["load_digits", "load_mnist"],
    "exercises": ["check", "progress"],
    "feedback": ["DirectFeedback"],
    "interfaces": ["Interface", "SyntheticGradient"],
    "model": ["DecoupledModel"],
    "monitors": [
        "GradientMonitor",
        "ThroughputMonitor",
        "agreement",
        "boundary_gradients",
        "gradient_function",
    ],
    "networks": ["mlp"],
    "predictors": ["PooledPredictor", "SoftmaxPredictor", "ZeroPredictor"],
    "recurrence": ["TruncatedRNN"],
    "synthetic_inputs": ["SyntheticInput"],
    "through_time": ["StateMonitor", "state_gradients"],
    "workers": ["advise", "fit_async", "worker_devices"],
}
_HOMES = {name: home for home, names in _PUBLIC.items() for name in names}
__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    globals()[name] = value = getattr(home, name)
    return value


def __dir__():
    return sorted({*globals(), *__all__})
