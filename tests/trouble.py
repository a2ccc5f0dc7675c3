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


@keras.saving.register_keras_serializable("tests")
class Trouble(Watched):
    """In training it writes its calls down, and may act.

    Args:
        folder: String; the file `calls` in it gets one character a call.
        act: String, what happens at call number `at`: `"raise"`, `"kill"` the
            process, `"hang"`, or `"say"` on which node it is.
        at: Integer.
        seconds: Float, how long each call takes.
    """

    def __init__(self, folder, act, at=10, seconds=0.0, **kwargs):
        super().__init__(**kwargs)
        self.folder, self.act, self.at = folder, act, at
        self.seconds = seconds

    def get_config(self):
        mine = {"folder": self.folder, "act": self.act, "at": self.at}
        return {**super().get_config(), **mine, "seconds": self.seconds}

    def happens(self):
        time.sleep(self.seconds)
        folder = pathlib.Path(self.folder)
        with (folder / "calls").open("a") as file:
            file.write(".")
        if (folder / "calls").stat().st_size != self.at:
            return
        if self.act == "raise":
            raise OSError("the disk is full")
        if self.act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.act == "hang":
            time.sleep(600)
        if self.act == "say":
            import ray

            node = ray.get_runtime_context().get_node_id()
            (folder / "node").write_text(node)
