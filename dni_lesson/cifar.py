"""CIFAR-10 as NumPy arrays, from a file or by Keras's download.

Nothing is downloaded unless a reader asks for it and has no file.
"""

import hashlib
import io
import pickle
import tarfile

from dni_lesson.data import DAMAGED, find, scaled

FILE = "cifar-10-python.tar.gz"
# Of the file, which Keras checks in its download, too.
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
_TRAIN = tuple(f"cifar-10-batches-py/data_batch_{k}" for k in range(1, 6))
_TEST = ("cifar-10-batches-py/test_batch",)


def load_cifar10():
    """Returns CIFAR-10: 50,000 training and 10,000 test pictures in colour.

    Looks for `cifar-10-python.tar.gz`, the file that its authors publish, where
    `load_mnist` looks for its own; if there is none, Keras downloads it.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images as float32 arrays
        `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)`, height, width and red,
        green, blue, with values in [0, 1]; labels as int64 arrays `(50000,)`
        and `(10000,)` with values in [0, 10): airplane, automobile, bird, cat,
        deer, dog, frog, horse, ship, truck.

    Raises:
        ValueError: If the file found is another, or damaged.
        FileNotFoundError: If there is no file and the download failed.

    Reference:

    - A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images,
      2009. Its page names no licence.
    """
    path = find(FILE)
    pairs = _read(path) if path else _download()
    return tuple(
        (scaled(images), labels.reshape(-1).astype("int64"))
        for images, labels in pairs
    )


def _download():
    import keras

    try:
        pairs = keras.datasets.cifar10.load_data()
    except Exception as error:
        raise FileNotFoundError(
            "CIFAR-10 is not on this machine and Keras could not download it. "
            f"Put {FILE} into data/, or name its folder in the environment "
            "variable DNI_LESSON_DATA. No lesson needs it."
        ) from error
    if keras.config.image_data_format() == "channels_last":
        return pairs
    return [(images.transpose(0, 2, 3, 1), y) for images, y in pairs]


def _read(path):
    """Returns the pairs of images and labels in a file with the right hash."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:  # Before it is unpickled: that runs what it says.
        raise ValueError(
            f"{path}. Expected a file with the SHA-256 {SHA256}. "
            f"Received: {digest}. {DAMAGED}"
        )
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        return [_batches(packed, names) for names in (_TRAIN, _TEST)]


def _batches(packed, names):
    """Returns images `(examples, 32, 32, 3)` and labels of several members."""
    import numpy as np

    images, labels = [], []
    for name in names:
        batch = pickle.load(packed.extractfile(name), encoding="bytes")
        images.append(batch[b"data"].reshape(-1, 3, 32, 32))
        labels += batch[b"labels"]
    return np.concatenate(images).transpose(0, 2, 3, 1), np.array(labels)
