import hashlib
import io
import pickle
import tarfile

import dni_lesson as dni
from dni_lesson import cifar

import keras
import numpy as np
import pytest


class Trap:
    """What unpickles to a call: here of `print`."""

    def __reduce__(self):
        return print, ("a stranger's code has run",)


def batch(first, examples=20):
    """A file of the archive: each picture's red, then green, then blue."""
    data = np.zeros((examples, 3072), "uint8")
    data[:, :1024] = 255  # red
    data[:, 1024:2048] = np.arange(1024) % 32  # green grows to the right
    labels = [(first + k) % 10 for k in range(examples)]
    return {b"data": data, b"labels": labels}


def stand_in(folder, **change):
    """Writes a small archive in the form of the real one; returns its hash."""
    members = {f"data_batch_{k}": batch(k) for k in range(1, 6)}
    members = members | {"test_batch": batch(0, 10)} | change
    path = folder / cifar.FILE
    with tarfile.open(path, "w:gz") as packed:
        for name, content in members.items():
            raw = pickle.dumps(content, protocol=2)
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(raw)
            packed.addfile(info, io.BytesIO(raw))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DNI_LESSON_DATA", str(tmp_path))
    return tmp_path


def test_a_file_with_the_right_hash_is_read(folder, monkeypatch):
    monkeypatch.setattr(cifar, "SHA256", stand_in(folder))
    (x_train, y_train), (x_test, y_test) = dni.load_cifar10()
    assert x_train.shape == (100, 32, 32, 3) and x_test.shape == (10, 32, 32, 3)
    assert x_train.dtype == np.float32 and y_train.dtype == np.int64
    assert (x_train[..., 0] == 1).all() and (x_train[..., 2] == 0).all()
    np.testing.assert_allclose(x_train[3, 5, :, 1] * 255, np.arange(32))
    assert y_train[[0, 1, 20, 80]].tolist() == [1, 2, 2, 5]
    assert y_test.tolist() == list(range(10))


def test_a_file_with_another_hash_is_refused_before_it_is_unpickled(
    folder, capfd
):
    stand_in(folder, data_batch_1=Trap())
    with pytest.raises(ValueError, match="with the SHA-256 .* is damaged"):
        dni.load_cifar10()
    assert "stranger" not in capfd.readouterr().out


def test_a_named_folder_without_the_file_is_an_error(folder):
    with pytest.raises(FileNotFoundError, match="the file cifar-10-python.tar"):
        dni.load_cifar10()


@pytest.fixture
def no_file(monkeypatch):
    monkeypatch.setattr(cifar, "find", lambda name: None)


def test_without_a_file_it_is_that_of_keras(no_file, monkeypatch):
    images = np.full((4, 32, 32, 3), 51, "uint8")
    pairs = (images, np.arange(4)[:, None]), (images[:2], np.array([[7], [1]]))
    monkeypatch.setattr(keras.datasets.cifar10, "load_data", lambda: pairs)
    (x_train, y_train), (_, y_test) = dni.load_cifar10()
    assert x_train.shape == (4, 32, 32, 3) and y_train.shape == (4,)
    np.testing.assert_allclose(x_train, 0.2)
    assert y_test.tolist() == [7, 1]


def test_without_file_and_network_one_sentence_says_what_to_do(
    no_file, monkeypatch
):
    def refuse():
        raise OSError("no network")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", refuse)
    with pytest.raises(FileNotFoundError, match="Put cifar-10-python.tar.gz"):
        dni.load_cifar10()
