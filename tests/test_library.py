"""The library needs Keras, NumPy and TensorFlow, and nothing of the course."""

import os
import pathlib
import re
import shutil
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
from keras import layers

x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
y = (x[:, 0] > 0).astype("int64")

def train(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=False)
    model.fit(x, y, verbose=0)  # Predictors are built.
    before = model.get_weights()
    model.fit(x, y, verbose=0, epochs=3)
    assert not any(map(np.array_equal, before, model.get_weights()))

def dense(units, inputs):
    return keras.Sequential([keras.Input([inputs]), layers.Dense(units)])

train(
    keras.Sequential(
        [
            keras.Input([4]),
            layers.Dense(8),
            dni.SyntheticGradient(),
            layers.Dense(2),
        ]
    )
)
train(
    dni.DecoupledModel(
        modules=[dense(8, 4), dense(2, 8)],
        interfaces=[dni.SyntheticGradient(num_classes=2)],
    )
)
for depth in (2, 3):
    model = dni.mlp(depth, 8, "cdni", 4, 2)
    train(model)
    model.fit(x, y, verbose=0, callbacks=[dni.GradientMonitor(x, y)])
    dni.fit_async(model, x, y, batch_size=8)
model.save("model.keras")
keras.saving.load_model("model.keras")
print(dni.__file__)
"""

# The same program goes on: who needs the course says so, with the command.
WHAT_NEEDS_IT = """
from dni_lesson import __main__

def panels():
    from dni_lesson import panels

def plots():
    from dni_lesson import plots

for needs_it in (dni.load_digits, panels, plots):
    try:
        needs_it()
    except ImportError as error:
        print(error)
assert __main__.main(["benchmark"]) == 1
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package as `pip install .` puts it into an empty folder."""
    place = tmp_path_factory.mktemp("installed")
    # A copy, as setuptools would build in the folder and keep old files there.
    source = place / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(
        REPOSITORY / "dni_lesson", source / "dni_lesson", ignore=ignored
    )
    for name in ("pyproject.toml", "README.md", *PROJECT["license-files"]):
        shutil.copy(REPOSITORY / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    offline = ["--no-index", "--no-deps"]
    for arguments in (
        [
            "wheel",
            *offline,
            "--no-build-isolation",
            "--wheel-dir",
            place,
            source,
        ],
        ["install", *offline, "--target", place / "packages", "dni_lesson"],
    ):
        subprocess.run(
            [*pip, *arguments, f"--find-links={place}"], check=True, cwd=place
        )
    return place / "packages"


def run(installed, folder, *arguments):
    """Runs Python with the installed package in another working folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_the_library_works_alone_in_another_folder(installed, tmp_path):
    names = [
        re.match(r"[\w-]+", line)[0]
        for line in PROJECT["optional-dependencies"]["course"]
    ]
    absent = [*names, "IPython", "ray"]
    program = WITHOUT_THE_COURSE.format(absent=absent) + WHAT_NEEDS_IT
    result = run(installed, tmp_path, "-c", program)
    assert result.returncode == 0, result.stderr
    place, *sentences = result.stdout.splitlines()
    assert pathlib.Path(place).is_relative_to(installed)
    starts = ("load_digits reads", "Panels are", "Plots are")
    for start, sentence in zip(starts, sentences, strict=True):
        assert sentence.startswith(start)
        assert 'pip install "dni_lesson[course]"' in sentence
    assert "The benchmark cannot be loaded" in result.stderr
    assert "python -m dni_lesson doctor" in result.stderr


def test_lab_says_where_the_lessons_are(installed, tmp_path):
    result = run(installed, tmp_path, "-m", "dni_lesson", "lab")
    assert result.returncode == 1, result.stderr
    (sentence,) = result.stdout.splitlines()
    assert (
        f"There is no notebooks/00_start_here.ipynb in {installed}" in sentence
    )
    assert "with: pip install -e ." in sentence


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
        (
            "import keras, tensorflow",
            "dni_lesson.mlp, dni_lesson.fit_async, dni_lesson.advise",
            COURSE,
        ),
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


@pytest.mark.parametrize("command", ["lab", "doctor", "advise"])
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
