"""The library needs Keras, NumPy and TensorFlow, and nothing of the course."""

import pathlib
import re
import subprocess
import sys
import tomllib

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
PROJECT = PROJECT["project"]

# TensorFlow and Keras import some of these where they find them. Where an
# import of ours needs one of them, it fails.
WITHOUT_THE_COURSE = """
import sys
for name in {absent!r}:
    sys.modules[name] = None
import dni_lesson as dni
import keras
import numpy as np

x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
y = (x[:, 0] > 0).astype("int64")
for depth in (2, 3):
    model = dni.mlp(depth, 8, "cdni", 4, 2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=False)
    monitor = dni.GradientMonitor(x, y)
    model.fit(x, y, verbose=0, callbacks=[monitor])
    dni.fit_async(model, x, y, batch_size=8)
model.save("model.keras")
keras.saving.load_model("model.keras")
try:
    dni.load_digits()
except ImportError as error:
    print(error)
print(dni.__file__)
"""


def test_the_library_works_alone_in_another_folder(tmp_path):
    names = [
        re.match(r"[\w-]+", line)[0]
        for line in PROJECT["optional-dependencies"]["course"]
    ]
    absent = [*names, "IPython", "ray"]
    program = WITHOUT_THE_COURSE.format(absent=absent)
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert 'pip install "dni_lesson[course]"' in result.stdout


def test_the_library_names_what_it_needs():
    names = [re.match(r"[\w-]+", one)[0] for one in PROJECT["dependencies"]]
    assert names == ["keras", "numpy", "tensorflow"]
