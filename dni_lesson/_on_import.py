"""What happens when TensorFlow or Keras is imported, whoever imports it.

This package imports neither before they are needed, see `__init__.py`. What it
owes to those who import them themselves is done by a finder, which finds both
as Python does and adds something to their loading.

TensorFlow prints notes about log levels and oneDNN when it is imported and
once more when it first looks for a GPU. They are no warnings, no log level
removes them, and JupyterLab would store them in every notebook. So file
descriptor 2 is set aside for these moments alone; if loading fails, all that
was held back is printed. Devices and threads can still be configured after it.

Keras loads saved models by names in a registry, where a class is once its
module is imported. Until then something stands there that imports it.
"""

import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import os
import sys
import tempfile

# Must be set before TensorFlow loads: 2 keeps errors and hides the rest.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Else the first process takes all memory of a GPU: a lesson that is still open
# would leave none to a benchmark.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

# Those that can be part of a saved model, with their modules.
CLASSES = [
    ("dni_lesson.feedback", "DirectFeedback"),
    ("dni_lesson.interfaces", "SyntheticGradient"),
    ("dni_lesson.model", "DecoupledModel"),
    ("dni_lesson.predictors", "PooledPredictor"),
    ("dni_lesson.predictors", "SoftmaxPredictor"),
    ("dni_lesson.predictors", "ZeroPredictor"),
    ("dni_lesson.recurrence", "TruncatedRNN"),
    ("dni_lesson.synthetic_inputs", "SyntheticInput"),
]


@contextlib.contextmanager
def _held_back_stderr():
    """Holds back the process's stderr; prints it if the body raises."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _load_quietly(load, tensorflow):
    with _held_back_stderr():
        load(tensorflow)
        tensorflow.config.list_physical_devices()


class _StandIn:
    """What Keras finds in the place of a class that is not imported yet."""

    def __init__(self, module, name):
        self._module, self._name = module, name

    def from_config(self, config):
        module = importlib.import_module(self._module)
        return getattr(module, self._name).from_config(config)


def _register(keras):
    registry = keras.saving.get_custom_objects()
    for module, name in CLASSES:
        registry[f"dni_lesson>{name}"] = _StandIn(module, name)


def _load_and_register(load, keras):
    load(keras)
    _register(keras)


class _Finder(importlib.abc.MetaPathFinder):
    HOW = {"tensorflow": _load_quietly, "keras": _load_and_register}

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in self.HOW:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = functools.partial(
                self.HOW[fullname], spec.loader.exec_module
            )
        return spec


sys.meta_path.insert(0, _Finder())
if sys.modules.get("keras") is not None:
    _register(sys.modules["keras"])
