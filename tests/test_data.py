import http.server
import os
import pathlib
import subprocess
import sys
import threading

import dni_lesson as dni
from dni_lesson import data

import keras
import numpy as np
import pytest


def test_digits_are_real_stratified_and_fixed():
    (x_train, y_train), (x_test, y_test) = dni.load_digits()
    assert x_train.shape == (4000, 784) and x_test.shape == (1000, 784)
    assert x_train.dtype == x_test.dtype == np.float32
    assert x_train.min() == 0.0 and x_train.max() == 1.0
    np.testing.assert_array_equal(np.bincount(y_train), np.full(10, 400))
    np.testing.assert_array_equal(np.bincount(y_test), np.full(10, 100))
    again = dni.load_digits()
    np.testing.assert_array_equal(again[0][0], x_train)
    assert y_test[:8].tolist() == [8, 4, 1, 1, 2, 3, 7, 4]


def test_no_digit_is_both_in_training_and_in_test():
    (x_train, _), (x_test, _) = dni.load_digits()
    train = {row.tobytes() for row in x_train}
    assert not any(row.tobytes() in train for row in x_test)


def test_pictures_are_the_rows_in_their_old_order():
    (rows, labels), _ = dni.load_digits()
    (pictures, same), test = dni.load_digits(flat=False)
    assert pictures.shape == (4000, 28, 28, 1)
    assert test[0].shape == (1000, 28, 28, 1)
    np.testing.assert_array_equal(pictures[7].ravel(), rows[7])
    np.testing.assert_array_equal(labels, same)


@pytest.mark.parametrize("load", [dni.load_digits, dni.load_mnist])
def test_flat_or_not_is_a_boolean(load):
    with pytest.raises(ValueError, match="`flat`. Expected True or False"):
        load(flat="no")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DNI_LESSON_DATA", str(tmp_path))
    return tmp_path


def write(folder, **change):
    arrays = {
        "x_train": np.zeros((60000, 28, 28), "uint8"),
        "y_train": np.zeros(60000, "uint8"),
        "x_test": np.zeros((10000, 28, 28), "uint8"),
        "y_test": np.zeros(10000, "uint8"),
    } | change
    arrays = {key: value for key, value in arrays.items() if value is not None}
    np.savez_compressed(folder / "mnist.npz", **arrays)


@pytest.mark.parametrize(
    "change, message",
    [
        ({}, "Expected arrays with the SHA-256"),
        ({"y_test": None}, "Expected Keras's mnist.npz with the arrays"),
        ({"x_test": np.zeros((5, 28, 28), "uint8")}, "of the shapes"),
        ({"y_test": np.zeros(10000)}, "float64"),
    ],
)
def test_a_file_that_is_not_mnist_is_refused(folder, change, message):
    write(folder, **change)
    with pytest.raises(ValueError, match=message):
        dni.load_mnist()


def test_a_truncated_file_is_refused(folder):
    (folder / "mnist.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ValueError, match="mnist.npz. Expected Keras's"):
        dni.load_mnist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n<!DOCTYPE html><title>404</title>", "a web page"),
        (b"<HTML>Sign in</HTML>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"\x93NUMPY\x01\x00", r"begins with b'\\x93NUMPY"),
        (b"\x80\x04\x95 a pickle", "begins with"),
        (b"", "begins with b''"),
    ],
)
def test_it_is_said_what_another_file_is(folder, content, message):
    (folder / "mnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        dni.load_mnist()
    assert "pickle=" not in str(caught.value)


def test_python_objects_are_not_loaded_and_nobody_is_told_to(folder):
    write(folder, x_train=np.array([{}, None]))
    with pytest.raises(ValueError, match="Python objects") as caught:
        dni.load_mnist()
    assert "allow_pickle" not in str(caught.value)


@pytest.mark.parametrize("name", ["~/y", "$PLACE/y", "${PLACE}/y"])
def test_home_and_variables_in_the_named_folder_are_replaced(
    name, tmp_path, monkeypatch
):
    for variable in ("HOME", "USERPROFILE", "PLACE"):
        monkeypatch.setenv(variable, str(tmp_path))
    assert data.named_folder({"DNI_LESSON_DATA": name}) == tmp_path / "y"


@pytest.fixture
def two_folders(tmp_path, monkeypatch):
    """The working folder and the repository, each with a `mnist.npz`."""
    for name in ("here", "repository"):
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "data" / "mnist.npz").touch()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(data, "REPOSITORY", tmp_path / "repository")
    return tmp_path


def test_a_named_folder_is_the_only_one(two_folders):
    with pytest.raises(FileNotFoundError, match="`DNI_LESSON_DATA` is set"):
        data.find_mnist({"DNI_LESSON_DATA": str(two_folders)})
    (two_folders / "mnist.npz").touch()
    found = data.find_mnist({"DNI_LESSON_DATA": str(two_folders)})
    assert found == two_folders / "mnist.npz"


@pytest.mark.parametrize("environment", [{}, {"DNI_LESSON_DATA": ""}])
def test_the_working_folder_comes_before_the_repository(
    two_folders, environment
):
    here = pathlib.Path("data/mnist.npz")
    assert data.find_mnist(environment) == here
    here.unlink()
    there = two_folders / "repository" / here
    assert data.find_mnist(environment) == there
    there.unlink()
    assert data.find_mnist(environment) is None


def test_the_repository_is_where_the_package_is():
    assert (data.REPOSITORY / "dni_lesson" / "data.py").is_file()


def test_a_named_folder_without_the_file_is_an_error(folder):
    with pytest.raises(FileNotFoundError, match="`DNI_LESSON_DATA` is set"):
        dni.load_mnist()


def test_a_good_file_is_read(folder, monkeypatch):
    write(folder, x_test=np.full((10000, 28, 28), 255, "uint8"))
    digest = data.digest_of(data.read_arrays(folder / "mnist.npz"))
    monkeypatch.setattr(data, "MNIST_SHA256", digest)
    (x_train, y_train), (x_test, _) = dni.load_mnist()
    assert x_train.shape == (60000, 784) and x_test.dtype == np.float32
    assert x_test.min() == 1.0 and y_train.dtype == np.int64
    (_, _), (x_test, _) = dni.load_mnist(flat=False)
    assert x_test.shape == (10000, 28, 28, 1)


@pytest.fixture
def no_file(tmp_path, monkeypatch):
    monkeypatch.delenv("DNI_LESSON_DATA", raising=False)
    monkeypatch.setattr(data, "find_mnist", lambda: None)
    return tmp_path


def test_without_file_and_network_one_sentence_says_what_to_do(
    no_file, monkeypatch
):
    def refuse():
        raise OSError("no network")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", refuse)
    with pytest.raises(FileNotFoundError, match="Put Keras's mnist.npz into"):
        dni.load_mnist()


class StandIn(http.server.BaseHTTPRequestHandler):
    """Answers every request with a damaged file."""

    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"PK\x03\x04 cut short")

    def log_message(self, *arguments):
        pass


# A process of its own, since Keras chooses its cache when it is imported.
DOWNLOAD = """
import sys, urllib.request
import dni_lesson as dni
from dni_lesson import data

data.find_mnist = lambda: None

class ToStandIn(urllib.request.HTTPSHandler):
    def https_open(self, request):
        return urllib.request.urlopen(sys.argv[1] + request.selector)

urllib.request.install_opener(urllib.request.build_opener(ToStandIn))
try:
    dni.load_mnist()
except FileNotFoundError as error:
    print(error)
"""


def test_a_damaged_download_is_refused(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), StandIn) as server:
        threading.Thread(target=server.serve_forever).start()
        (tmp_path / "data").mkdir()
        result = subprocess.run(
            [
                *(sys.executable, "-c", DOWNLOAD),
                f"http://127.0.0.1:{server.server_port}",
            ],
            env={**os.environ, "KERAS_HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        server.shutdown()
    assert "Put Keras's mnist.npz into data/" in result.stdout, result.stderr
    assert StandIn.asked == ["/tensorflow/tf-keras-datasets/mnist.npz"]
