"""A worker in a process of its own: what Ray starts, once for each part.

Inside runs the same `Worker` over the same `Stage` as on a thread. Only its
neighbours are elsewhere: an `Outbox` takes their place.
"""

import contextlib
import math
import os
import pathlib
import tempfile
import threading
import time
import traceback
from types import SimpleNamespace
from typing import NamedTuple

from dni_lesson.workers.batches import Batches
from dni_lesson.workers.devices import threads_per_call
from dni_lesson.workers.history import Record, joined
from dni_lesson.workers.mailbox import Stopped
from dni_lesson.workers.partition import partition
from dni_lesson.workers.remote.outbox import Outbox
from dni_lesson.workers.schedule import Plan
from dni_lesson.workers.stage import make_stage
from dni_lesson.workers.worker import make_worker

import keras
import tensorflow as tf
from ray import cloudpickle


class ActorSpec(NamedTuple):
    """What an actor needs for its part elsewhere; all of it can be sent.

    Attributes:
        number: Integer, the part, counted from 1.
        saved: Bytes of the model in Keras's own format.
        classes: Dict of pickled classes, by the names under which they are
            registered for saving.
        sizes: List of integers, the modules of each part.
        plan: `Plan`.
        examples: List of arrays `(x, y)`, one pair for each batch size.
        batches: `Batches` for the first part, else `None`.
        actors_here: Integer, how many share the machine.
    """

    number: int
    saved: bytes
    classes: dict
    sizes: list
    plan: Plan
    examples: list
    batches: Batches | None
    actors_here: int


def make_specs(model, parts, plan, batches, nodes):
    """Returns the `ActorSpec` of each part.

    Args:
        model, parts, plan, batches: As in `train_on_ray`.
        nodes: List of strings, where the actor of each part goes.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        saved = path.read_bytes()
    registered = keras.saving.get_custom_objects()
    classes = {name: cloudpickle.dumps(c) for name, c in registered.items()}
    examples = [(h.numpy(), y.numpy()) for h, y in batches.examples()]
    return [
        ActorSpec(
            number=number,
            saved=saved,
            classes=classes,
            sizes=[len(part.modules) for part in parts],
            plan=plan,
            examples=examples,
            batches=batches if number == 1 else None,
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


def _load_model(spec):
    classes = {}
    for name, pickled in spec.classes.items():
        # Perhaps not needed; if it is, Keras says that it is not there.
        with contextlib.suppress(ImportError):
            classes[name] = cloudpickle.loads(pickled)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        path.write_bytes(spec.saved)
        return keras.models.load_model(path, custom_objects=classes)


class Snapshot(NamedTuple):
    """From what a killed actor starts again.

    Attributes:
        position: Integer, mini-batches done.
        state: What `Stage.state` returns.
        record: `Record` since the actor was made, without events.
    """

    position: int
    state: tuple
    record: Record | None = None


class ModuleActor:
    """Holds one part, and works on it when told so.

    Its methods are called from several threads: one of them runs the worker.

    Args:
        spec: `ActorSpec`.
    """

    def __init__(self, spec):
        self._spec, self._worker = spec, None
        # Actors that share a machine share its cores.
        threads_per_call(max((os.cpu_count() or 1) // spec.actors_here, 1))
        self._stage = _compiled_stage(spec)
        self._records, self._epochs, self._snapshot = [], [], None
        self._lock, self._last_updates = threading.Lock(), 0
        self._generation = self._stopped = 0
        self._has_ended = threading.Event()
        self._has_ended.set()

    def ready(self):
        """Returns when the part is compiled."""

    def run(self, first, generation, below, above):
        """Works until all is done or `stop` is called.

        Args:
            first: Integer, mini-batches that are done already.
            generation: Integer, how often workers were started; messages of an
                earlier start are dropped.
            below, above: The neighbours' actors, `None` at the ends.
        """
        worker = self._make_worker(first)
        with self._lock:
            if generation <= self._stopped:
                return
            self._worker, self._generation = worker, generation
            self._last_updates, self._has_ended = 0, threading.Event()
        boxes = [
            actor and Outbox(actor, generation, worker.box.stop)
            for actor in (below, above)
        ]
        worker.below, worker.above = (
            box and SimpleNamespace(box=box) for box in boxes
        )
        try:
            worker.run()
        except Stopped:
            pass
        except Exception as error:
            # TensorFlow's errors lose their text between processes.
            text = "".join(traceback.format_exception_only(error)).strip()
            raise RuntimeError(text) from error
        finally:
            try:
                for box in filter(None, boxes):
                    box.close()
            finally:
                self._records.append(_on_the_clock(worker.record()))
                self._has_ended.set()

    def _make_worker(self, first):
        spec = self._spec
        plan = spec.plan._replace(first=first)
        worker = make_worker(spec.number, self._stage, plan, spec.batches)
        worker.after_message = self._after_message
        worker.on_epoch_end = self._on_epoch_end
        if self._worker and self._stage.part.is_last:
            worker.losses = self._worker.losses
        return worker

    def deliver(self, generation, messages):
        """Takes messages of a neighbour in, in their order."""
        while max(self._generation, self._stopped) < generation:
            time.sleep(1e-3)  # The neighbour was started first.
        if self._generation == generation:
            for kind, message in messages:
                tensors = [_as_tensor(value) for value in message]
                self._worker.box.put(kind, tensors)

    def stop(self, generation, step_timeout):
        """Ends a run before its next call, and waits for that."""
        with self._lock:
            self._stopped = generation
            runs = self._worker and self._generation == generation
        if runs:
            self._worker.box.stop()
            while not self._has_ended.wait(0.05):
                if self._worker.busy() > step_timeout:
                    return  # It hangs.

    def news(self):
        """Returns what has happened since the last time.

        Returns:
            A list of what `Worker.on_epoch_end` got; the `Snapshot`, if there
            is a new one; the seconds since the present call began; and those
            of `Mailbox.idle`, infinite after the end.
        """
        with self._lock:
            news = self._epochs, self._snapshot
            self._epochs, self._snapshot = [], None
            if self._has_ended.is_set():
                return *news, 0.0, math.inf
            return *news, self._worker.busy(), self._worker.box.idle()

    def go_on(self, generation, minibatches):
        """Lets the first worker begin what comes after an epoch's end."""
        if self._generation == generation:
            self._worker.box.put("go on", minibatches)

    def position(self, generation):
        """Returns that of the worker of a start, `None` if it never began."""
        runs = self._generation == generation
        return self._worker.position if runs else None

    def final_state(self, weights=None):
        """Returns the state of the stage after `Stage.finish`."""
        self._stage.finish(weights)
        return self._stage.state()

    def set_state(self, state):
        self._stage.set_state(state)

    def follow(self, learning_rate):
        self._stage.follow(learning_rate)

    def records(self):
        """Returns a `Record` for each start."""
        return self._records

    def _after_message(self):
        updates, every = self._worker.updates, self._spec.plan.snapshot_every
        if updates // every > self._last_updates // every:
            records = [
                record._replace(events=[], staleness=[])
                for record in (*self._records, self._worker.record())
            ]
            state, position = self._stage.state(), self._worker.position
            with self._lock:
                self._snapshot = Snapshot(position, state, joined(records))
        self._last_updates = updates

    def _on_epoch_end(self, minibatches, weights, losses):
        # Tensors do not travel.
        losses = {job: float(loss) for job, loss in (losses or {}).items()}
        with self._lock:
            self._epochs.append((minibatches, weights, losses))


def _compiled_stage(spec):
    model, schedule = _load_model(spec), spec.plan.schedule
    parts = partition(model, schedule, spec.sizes)
    part = parts[spec.number - 1]
    stage = make_stage(part, model, schedule)
    below = [m for part in parts[: spec.number - 1] for m in part.modules]
    for x, y in spec.examples:
        batches = x if schedule.together > 1 else [x]
        h = [_through(below, tf.constant(batch)) for batch in batches]
        h = tf.stack(h) if schedule.together > 1 else h[0]
        stage.compile(h, tf.constant(y))
    return stage


def _through(modules, h):
    for module in modules:
        h = module(h)
    return h


def _as_tensor(value):
    # Jobs are integers and stay so.
    return value if isinstance(value, int) else tf.constant(value)


def _on_the_clock(record):
    """Returns the record with times that processes have in common."""
    shift = time.time() - time.perf_counter()
    events = [
        event._replace(start=event.start + shift, end=event.end + shift)
        for event in record.events
    ]
    return record._replace(events=events)
