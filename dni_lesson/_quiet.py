"""Loads TensorFlow without its start-up lines on the C-level stderr.

TensorFlow prints notes about log levels and oneDNN when it is imported and
once more when it first looks for a GPU. They are no warnings, no log level
removes them, and JupyterLab would store them in every notebook. So file
descriptor 2 is set aside for these moments alone; if loading fails, all that
was held back is printed. Devices and threads can still be configured after it.
"""

import contextlib
import os
import sys
import tempfile

# Must be set before TensorFlow loads: 2 keeps errors and hides the rest.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Else the first process takes all memory of a GPU: a lesson that is still open
# would leave none to a benchmark.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


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


with _held_back_stderr():
    import tensorflow as tf

    tf.config.list_physical_devices()
