"""What an actor is told about its job, so that it can do its part elsewhere."""

import contextlib
import pathlib
import tempfile
from typing import NamedTuple

from dni_lesson.workers.batches import Batches

import keras
from ray import cloudpickle


class Brief(NamedTuple):
    """What an actor is told about its job; everything in it can be sent.

    Attributes:
        number: Integer, the part, counted from 1.
        saved: Bytes of the model in Keras's own format.
        classes: Dict of pickled classes, by the names under which they are
            registered for saving.
        sizes: List of integers, the modules of each part.
        schedule: String, see `fit_async`.
        microbatches: Integer, of a mini-batch.
        link_delay: Float, seconds that a message takes on top of its way.
        examples: List of arrays `(x, y)`, one pair for each batch size.
        batches: `Batches` for the first part, else `None`.
        snapshot_every: Integer, updates between two snapshots.
        together: Boolean, whether examples are several mini-batches.
        actors_here: Integer, how many share the machine.
    """

    number: int
    saved: bytes
    classes: dict
    sizes: list
    schedule: str
    microbatches: int
    link_delay: float
    examples: list
    batches: Batches | None
    snapshot_every: int
    together: bool
    actors_here: int


def make_briefs(job, nodes):
    """Returns the `Brief` of each part.

    Args:
        job: `Job`.
        nodes: List of strings, where the actor of each part goes.
    """
    saved = _saved(job.model)
    classes = {
        name: cloudpickle.dumps(one)
        for name, one in keras.saving.get_custom_objects().items()
    }
    examples = [(h.numpy(), y.numpy()) for h, y in job.batches.examples()]
    return [
        Brief(
            number=number,
            saved=saved,
            classes=classes,
            sizes=[len(part.modules) for part in job.parts],
            schedule=job.schedule,
            microbatches=job.plan.microbatches,
            link_delay=job.link_delay,
            examples=examples,
            batches=job.batches if number == 1 else None,
            snapshot_every=job.snapshot_every,
            together=job.plan.together,
            actors_here=nodes.count(node),
        )
        for number, node in enumerate(nodes, 1)
    ]


def check_loadable(model):
    """Checks that another process can load a model, before one is started.

    Raises:
        ValueError: If it cannot, as where a layer of one's own is not
            registered.
    """
    try:
        config = keras.saving.serialize_keras_object(model)
        keras.saving.deserialize_keras_object(config)
    except Exception as error:
        # Keras tells of every layer around it, with its whole config.
        innermost = str(error).rsplit("Exception encountered: ")[-1]
        raise ValueError(
            "`model`. Expected a model that Keras can save and load, with all "
            "layers and functions of your own registered by "
            "`keras.saving.register_keras_serializable()`. "
            f"Received: {innermost.split('. ')[0]}"
        ) from error


def _saved(model):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def load_model(brief):
    """Returns the model of a brief."""
    known = {}
    for name, pickled in brief.classes.items():
        # Perhaps not needed; if it is, Keras says that it is not there.
        with contextlib.suppress(ImportError):
            known[name] = cloudpickle.loads(pickled)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        path.write_bytes(brief.saved)
        return keras.models.load_model(path, custom_objects=known)
