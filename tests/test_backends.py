import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).with_name("backend_laws.py")


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_the_laws_of_the_layer_hold_on_every_backend_of_keras(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f'needs {backend}: pip install "dni_lesson[backends]"')
    result = subprocess.run(
        [sys.executable, PROGRAM],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=PROGRAM.parent.parent,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == f"laws hold on {backend}"
