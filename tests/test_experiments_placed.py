"""Several devices can only be had before TensorFlow starts: in a process."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration() for _ in range(2)]
tf.config.set_logical_device_configuration(cpu, two)

import numpy as np
from dni_lesson.experiments.experiment import Experiment, Group
from dni_lesson.experiments.lineup import make_arm
from dni_lesson.experiments.placed import PlacedSteps
from dni_lesson.experiments.arms import WholeSteps
import dni_lesson as dni

rng = np.random.default_rng(0)
x = tf.constant(rng.random((32, 784), dtype="float32"))
y = tf.constant(rng.integers(10, size=32))
for rule in ("backprop", "cdni"):
    experiment = Experiment(arms=(f"{rule}-placed",), device="CPU")
    placed = make_arm(f"{rule}-placed", experiment, Group(3, 8, 1.0, 0))
    whole = WholeSteps(dni.mlp(3, 8, rule, seed=0), 1e-3)
    assert isinstance(placed, PlacedSteps)
    placed.compile_steps(x, y)
    for _ in range(5):
        assert placed.step(x, y) == whole.step(x, y)
    placed.finish()
    for a, b in zip(
        placed.model.trainable_variables,
        whole.model.trainable_variables,
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-4, err_msg=f"{rule} {a.path}")
    homes = [
        {v.value.device[-5:] for v in s.part.modules[0].trainable_variables}
        for s in placed._team.stages
    ]
    assert homes == [{"CPU:0"}, {"CPU:1"}, {"CPU:0"}], homes
print("fine")
"""


def test_modules_on_two_devices_learn_what_they_learn_on_one():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True
    )
    assert done.stdout.split()[-1:] == ["fine"], done.stderr[-3000:]
