"""The library needs Keras, NumPy and TensorFlow, and nothing of the course."""

import pathlib
import re
import subprocess
import sys
import tomllib

import dni_lesson

import pytest

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


# What other libraries bring with them is theirs.
FOREIGN = """
import sys
{first}
before = set(sys.modules)
import dni_lesson
{then}
print(*sorted({{name.split(".")[0] for name in set(sys.modules) - before}}))
"""
COURSE = "pandas matplotlib IPython ipywidgets scipy mlxtend ray".split()


@pytest.mark.parametrize(
    "first, then, absent",
    [
        ("", "from dni_lesson.kit import doctor, lab", ["tensorflow", "keras"]),
        ("import keras, tensorflow", "dni_lesson.DecoupledModel", COURSE),
        ("import keras, tensorflow", "dni_lesson.fit_async", COURSE),
    ],
)
def test_what_is_not_needed_is_not_imported(first, then, absent):
    program = FOREIGN.format(first=first, then=then)
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = result.stdout.split()
    assert "dni_lesson" in imported
    assert not set(imported) & set(absent)


@pytest.mark.parametrize("command", ["lab", "doctor"])
def test_commands_start_without_tensorflow(command):
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dni_lesson", command, "-h"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert command in result.stdout
    assert "dni_lesson" in result.stderr
    assert "tensorflow" not in result.stderr


def test_public_names_are_there_and_no_others():
    assert {"mlp", "fit_async", "Interface", "check"} < set(dir(dni_lesson))
    for name in dni_lesson.__all__:
        assert getattr(dni_lesson, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Sparrow'"):
        dni_lesson.Sparrow


def test_the_library_names_what_it_needs():
    names = [re.match(r"[\w-]+", one)[0] for one in PROJECT["dependencies"]]
    assert names == ["keras", "numpy", "tensorflow"]
