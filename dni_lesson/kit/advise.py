"""Says how fast workers would train a model that is in a file."""

import argparse
import math
import pathlib
import warnings

from dni_lesson.terminal import say


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m dni_lesson advise",
        description="Says how fast workers would train a compiled model here.",
    )
    parser.add_argument("file", metavar="FILE.keras", help="what `save` wrote")
    parser.add_argument(
        "--data",
        choices=("digits", "mnist"),
        default="digits",
        help="what it is measured with; default: digits",
    )
    parser.add_argument("--workers", type=int, default=2, help="default: 2")
    parser.add_argument(
        "--batch-size", type=int, default=64, help="default: 64"
    )
    parser.add_argument(
        "--link-delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="of each message between workers; default: 0",
    )
    parser.add_argument(
        "--bandwidth",
        type=float,
        metavar="BYTES",
        help="a second, of each link; default: no bound",
    )
    return parser


def main(arguments=()):
    """Prints the advice; returns 1 if the model is not fit for it, else 0.

    Args:
        arguments: Sequence of strings, the command line.
    """
    options = _parser().parse_args(arguments)
    try:
        say(_advice(options))
    except (ImportError, OSError, TypeError, ValueError) as error:
        # Keras lists what it tried in many lines; the first says it.
        say(f"{options.file}: {str(error).strip().splitlines()[0]}")
        return 1
    return 0


def _advice(options):
    if not pathlib.Path(options.file).is_file():
        raise FileNotFoundError("there is no such file")
    import dni_lesson as dni

    import keras
    import tensorflow as tf

    devices = None
    if not tf.config.list_physical_devices("GPU"):
        # Before TensorFlow computes anything: each has a thread of its own.
        devices = dni.worker_devices(options.workers)
    dni.SyntheticGradient, dni.mlp  # Keras now knows all layers by name.
    with warnings.catch_warnings():
        # Keras warns of optimizers without a state; nobody needs it here.
        warnings.filterwarnings("ignore", "Skipping variable loading")
        model = keras.saving.load_model(options.file)
    (x, y), _ = getattr(dni, f"load_{options.data}")()
    return dni.advise(
        model,
        _shaped(model, x),
        y,
        options.workers,
        options.link_delay,
        options.bandwidth,
        batch_size=options.batch_size,
        devices=devices,
    )


def _shaped(model, x):
    """Returns images in the shape that a model reads, if it has as many
    pixels."""
    first = getattr(model, "modules", [model])[0]
    shape = tuple(getattr(first, "input_shape", x.shape)[1:])
    if None in shape or math.prod(shape) != math.prod(x.shape[1:]):
        return x  # `advise` says what does not fit.
    return x.reshape(len(x), *shape)
