import subprocess
import sys

import dni_lesson as dni
from dni_lesson._on_import import CLASSES

import helpers
from keras.saving import get_custom_objects

REAL = """
import dni_lesson
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
import keras

model = keras.saving.load_model("m.keras")
print(type(model).__name__, model(tf.ones((2, 4))).shape)
"""
# It says what TensorFlow says, and where it says it.
LOUD = """
import os

os.write(2, b"loading\\n")
class config:
    def list_physical_devices():
        os.write(2, b"looking for a GPU\\n")
"""


def run(program, folder):
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_tensorflow_and_keras_load_in_silence_and_with_what_they_need(tmp_path):
    model = dni.mlp(2, 8, "no_bprop", input_dim=4, num_classes=2)
    model.compile("sgd", helpers.crossentropy())
    model.save(tmp_path / "m.keras")
    result = run(REAL, tmp_path)
    assert result.stderr == ""
    assert result.stdout == "DecoupledModel (2, 2)\n"


def test_every_class_that_keras_saves_can_be_loaded_before_its_import():
    saved = {name for name in get_custom_objects() if name[:3] == "dni"}
    assert saved == {f"dni_lesson>{name}" for _, name in CLASSES}


def test_whoever_imports_tensorflow_hears_nothing(tmp_path):
    (tmp_path / "tensorflow.py").write_text(LOUD)
    program = "import dni_lesson\nimport tensorflow\nprint(tensorflow.config)"
    result = run(program, tmp_path)
    assert result.stderr == ""
    assert result.stdout.startswith("<class 'tensorflow.config'")


def test_what_was_held_back_is_printed_if_tensorflow_fails(tmp_path):
    (tmp_path / "tensorflow.py").write_text(LOUD + "import no_such_library")
    result = run("import dni_lesson\nimport tensorflow", tmp_path)
    assert "loading\n" in result.stderr
    assert "no_such_library" in result.stderr
