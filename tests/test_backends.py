import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).with_name("backend_laws.py")


def run(backend, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=PROGRAM.parent.parent,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_laws_of_the_layer_hold_on_other_backends_of_keras(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f'needs {backend}: pip install "dni_lesson[backends]"')
    # Some builds of PyTorch and TensorFlow cannot be in one process.
    if run(backend, "-c", "import tensorflow, keras").returncode != 0:
        pytest.skip(f"Keras does not start with {backend} beside TensorFlow")
    result = run(backend, PROGRAM)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == f"laws hold on {backend}"
