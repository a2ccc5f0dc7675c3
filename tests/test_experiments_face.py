"""What `dni_lesson.experiments` offers, and what it needs for it."""

import os
import subprocess
import sys

from dni_lesson import experiments
from dni_lesson.experiments import currencies

import pytest

WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(["tensorflow", "keras", "pandas"]))
from dni_lesson.experiments import ARMS, Experiment
"""


def test_names_are_loaded_when_they_are_asked_for():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WITHOUT]
    subprocess.run(command, env=environment, check=True)


def test_every_name_is_there_and_no_other():
    for name in experiments.__all__:
        assert getattr(experiments, name) is not None
    assert experiments.summary is currencies.summary
    with pytest.raises(AttributeError, match="has no attribute 'speed'"):
        experiments.speed
