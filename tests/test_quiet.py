import subprocess
import sys

PROGRAM = """
import dni_lesson as dni
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
model = dni.mlp(units=8, input_dim=4)
print(model(tf.ones((2, 4))).shape)
"""


def test_devices_can_be_configured_after_the_import_which_prints_nothing():
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True
    )
    assert result.stderr == ""
    assert result.stdout == "(2, 10)\n"
