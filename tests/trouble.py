"""Layers that get workers into trouble."""

import os
import pathlib
import signal
import time

import keras
import tensorflow as tf


class Watched(keras.layers.Layer):
    """The identity, which calls its method `happens` in each training step."""

    def call(self, x, training=None):
        if not training:
            return x

        def look(x):
            self.happens()
            return x

        y = tf.numpy_function(look, [tf.stop_gradient(x)], x.dtype)
        y.set_shape(x.shape)
        return x + tf.stop_gradient(y - x)

    def compute_output_shape(self, shape):
        return shape


def kill(folder):
    """Kills this process, as soon as the file `seen` is there."""
    while not (folder / "seen").exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)


def fail(folder):
    raise OSError("the disk is full")


ACTS = {"kill": kill, "raise": fail, "work": lambda folder: None}


@keras.saving.register_keras_serializable("tests")
class Trouble(Watched):
    """In training it writes its calls down, and may act.

    Args:
        folder: String; the file `calls` in it gets one character a call, and
            with Ray the file `node` tells where that was.
        act: String, which of `ACTS` happens at call number `at`.
        at: Integer.
    """

    def __init__(self, folder, act, at=10, **kwargs):
        super().__init__(**kwargs)
        self.folder, self.act, self.at = folder, act, at

    def get_config(self):
        mine = {"folder": self.folder, "act": self.act, "at": self.at}
        return {**super().get_config(), **mine}

    def happens(self):
        folder = pathlib.Path(self.folder)
        with (folder / "calls").open("a") as file:
            file.write(".")
        calls = (folder / "calls").stat().st_size
        if calls == 1:
            (folder / "node").write_text(_node())
        if calls == self.at:
            ACTS[self.act](folder)


def _node():
    import ray

    if not ray.is_initialized():
        return ""
    return ray.get_runtime_context().get_node_id()
