"""One call: train a model with one worker per module."""

import contextlib
import threading

from dni_lesson.annealing import ShareSchedule
from dni_lesson.checks import check_choice
from dni_lesson.examples import check_examples
from dni_lesson.model import DecoupledModel
from dni_lesson.stochastic import is_stochastic
from dni_lesson.workers.batches import Batches
from dni_lesson.workers.devices import devices_of
from dni_lesson.workers.history import AsyncHistory, EpochLog
from dni_lesson.workers.partition import partition
from dni_lesson.workers.remote import train_on_ray
from dni_lesson.workers.schedule import make_plan, make_schedule
from dni_lesson.workers.team import kept_team

import keras


def fit_async(
    model,
    x,
    y,
    epochs=1,
    batch_size=64,
    schedule="decoupled",
    workers="threads",
    queue_size=8,
    link_delay=0.0,
    microbatches=4,
    modules=None,
    callbacks=None,
    seed=0,
    *,
    shuffle=True,
    in_turn=False,
    steps_per_execution=1,
    devices=None,
    bandwidth=None,
    step_timeout=60.0,
    snapshot_every=100,
):
    """Trains a `DecoupledModel` with one worker per module, really at once.

    The model is cut at its interfaces. Each worker owns the modules between
    two cuts, the predictor above them and an optimizer for each, a clone of
    the compiled one with a state of its own. What crosses a cut is a message.

    - `"decoupled"`: a worker takes `(h, y)`, runs forward, sends its output on
      at once, updates itself with the gradient that its predictor says, and
      sends the gradient of its input back. When a gradient comes back it
      trains its predictor with it. The last module uses the true loss.
    - `"locked"`: backprop over the same cut: a worker waits for the true
      gradient before it takes the next mini-batch.
    - `"gpipe"`: the same in `microbatches` parts, which follow each other.
      Gradients are those of backprop, but BatchNorm sees micro-batches.
    - `"delayed"`: backprop without waiting: up to `queue_size` mini-batches
      are under way, and a true gradient is applied when it arrives, to
      weights that have moved on. A control: no predictor.

    In the last three the interfaces let the true gradient through. All four
    use the same cut, messages and compiled steps. With `queue_size=1` the
    decoupled schedule is synchronous: the weights are those of `fit`.

    The weights are in the model whenever callbacks are told something, and at
    the end, also after an error or Ctrl-C. Optimizers start afresh at each
    call. `global_clipnorm` sees one worker's weights only, and
    `exclude_from_weight_decay` has no effect. Compiled metrics are not
    computed: use `evaluate`. With threads, what is compiled is kept with the
    model for later calls of the same kind, until the model is compiled again.

    Args:
        model: A built and compiled `DecoupledModel`, not in float16, that
            updates all modules in each step, without synthetic inputs, and
            with no `share` of the gradient for which decoupled workers would
            have to wait. Of what it was compiled with count the optimizer, the
            loss and `jit_compile`.
        x: Array `(examples, *features)`.
        y: Array `(examples,)` or `(examples, num_classes)`.
        epochs: Integer >= 1. Default `1`.
        batch_size: Integer >= 1. Default `64`.
        schedule: String, one of the above. Default `"decoupled"`.
        workers: `"threads"`, of this process, or `"ray"`, each in a process of
            its own, on this machine or on the cluster that `ray.init` was
            called for; needs `pip install "dni_lesson[cluster]"`. With Ray or
            `devices` layers of your own must be registered by `keras.saving`.
            Default `"threads"`.
        queue_size: Integer >= 1: how many mini-batches a worker may have under
            way, sent on but not answered. It bounds the staleness. Default `8`.
        link_delay: Float >= 0, seconds that each message between neighbours
            takes once it is sent, to emulate a network. Default `0.0`.
        microbatches: Integer >= 1, for `"gpipe"`; must divide the batch size
            and the last, smaller batch. Default `4`.
        modules: Integer, the number of workers, or a list with the number of
            modules of each. Default: a worker for each module between
            interfaces. Interfaces inside a worker act as in `fit`.
        callbacks: List of Keras callbacks. They are told of the beginning and
            the end of training and of epochs, with `"loss"`, each as one
            execution. Then the model has the weights that every module had at
            the epoch's end. Until they have answered, at most `queue_size - 1`
            mini-batches of the next one begin; threads pause as long. A
            learning rate that they set reaches the workers then; weights that
            they set last only at the end of training. If they stop it, the
            model keeps the weights that they saw. Default `None`.
        seed: Integer >= 0, of the order of the examples. Default `0`.
        shuffle: Boolean; a new random order in each epoch. Default `True`.
        in_turn: Boolean: workers take messages in a fixed order, first
            `queue_size` inputs, then a gradient and an input in turn. They
            wait more, and but for the first and the last a gradient is always
            `queue_size - 1` updates old, so on a CPU runs repeat exactly.
            Default `False`.
        steps_per_execution: Integer >= 1, for `"decoupled"`: how many
            mini-batches a message is about, which a worker takes one after the
            other in one compiled call. The fewer calls, the faster small
            modules are, but outputs and gradients arrive later. At most
            `queue_size`; with half of it neighbours need not wait for each
            other. Where an epoch ends, up to `steps_per_execution - 1` more
            than `queue_size` may be under way. Default `1`.
        devices: List of TensorFlow device names, one for each worker.
            Default: the GPUs in turn if there are several, else no change:
            on a CPU workers then share its threads, see `worker_devices`. Only
            for threads; with Ray each worker has a GPU if there are enough.
        bandwidth: Float > 0, bytes that an emulated link between neighbours
            sends in a second, in each direction. A message takes the bytes of
            its arrays, labels too, divided by this, and then `link_delay`; a
            link sends one at a time, so others queue. Default `None`: no limit.
        step_timeout: Float > 0, seconds after which a call of a worker counts
            as hanging, and all workers as waiting for each other if no message
            has been on its way as long. Default `60.0`.
        snapshot_every: Integer >= 1, updates between two snapshots of a module.
            A module whose Ray process is killed starts again from its last
            one, up to three times in a run. Default `100`.

    Returns:
        `AsyncHistory`.

    Raises:
        ValueError: If an argument is out of its range, or another call trains
            weights of the model; before training.
        ImportError: If `workers="ray"` and Ray is not installed.
        ConnectionError: If no cluster answers at the address in `RAY_ADDRESS`.
        WorkerError: If a worker raised or hung, or was killed too often, or
            all wait for each other; it names the module.

    Example:

    >>> history = dni.fit_async(model, x, y, epochs=2, batch_size=8)
    >>> len(history.history["loss"])
    2
    """
    check_model(model)
    check_choice("workers", workers, ("threads", "ray"))
    callbacks = check_callbacks(callbacks)
    schedule = make_schedule(
        schedule, queue_size, microbatches, steps_per_execution
    )
    x, y = check_arrays(model, x, y)
    batches = Batches(x, y, batch_size, schedule, seed, shuffle)
    plan = make_plan(
        schedule,
        epochs,
        batches.per_epoch,
        watched=bool(callbacks),
        in_turn=in_turn,
        link_delay=link_delay,
        bandwidth=bandwidth,
        step_timeout=step_timeout,
        snapshot_every=snapshot_every,
    )
    parts = partition(model, schedule, modules)
    check_masks(parts, x)
    devices = devices_of(devices, len(parts), workers)
    return _train(model, parts, plan, batches, devices, callbacks, workers)


def _train(model, parts, plan, batches, devices, callbacks, workers):
    with claimed(model):
        log = EpochLog(model, plan, batches.shares, callbacks)
        try:
            if workers == "ray":
                records = train_on_ray(
                    model, parts, plan, batches, log.epoch_ended
                )
            else:
                with kept_team(model, parts, devices, plan, batches) as team:
                    records = team.run(plan, batches, log.epoch_ended)
        finally:
            log.training_ended()
    return AsyncHistory(records, log.losses)


_being_trained, _lock = set(), threading.Lock()  # ids of variables


@contextlib.contextmanager
def claimed(model):
    """Lets one run at a time train the weights of a model, or raises a
    `ValueError`."""
    weights = {id(variable) for variable in model.variables}
    with _lock:
        if weights & _being_trained:
            raise ValueError(
                "`model`. Expected a model with weights that no other "
                f"`fit_async` is training. Received: {model!r}"
            )
        _being_trained.update(weights)
    try:
        yield
    finally:
        with _lock:
            _being_trained.difference_update(weights)


def check_model(model):
    """Raises a `ValueError` if workers cannot train the model."""
    if not isinstance(model, DecoupledModel) or not model.built:
        raise ValueError(
            f"`model`. Expected a built DecoupledModel. Received: {model!r}"
        )
    if not model.is_chain:
        raise ValueError(
            "`model`. Expected a chain of modules, each of which takes a batch "
            "once a step. This model trains in a way of its own, such as "
            f"window by window: use `fit`. Received: {model!r}"
        )
    if is_stochastic(model):
        raise ValueError(
            "`model`. Expected update_probability=1: each worker updates its "
            "modules with each mini-batch. Received: update_probability="
            f"{model.update_probability}"
        )
    if any(model.synthetic_inputs):
        raise ValueError(
            "`model`. Expected no synthetic inputs: workers take the outputs "
            "of those below them. Train it with `fit`. Received: "
            f"synthetic_inputs={model.synthetic_inputs}"
        )
    if not model.compiled or model.loss is None:
        raise ValueError(
            "`model`. Expected a model that was compiled with a loss. "
            f"Received: {model!r}"
        )
    if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            "`model`. Expected no float16: workers share no loss scale. "
            f"Received: optimizer={model.optimizer!r}"
        )


def check_arrays(model, x, y):
    """Returns examples as arrays, or raises a `ValueError`."""
    for name, value in (("x", x), ("y", y)):
        if not isinstance(value, list | tuple) and not hasattr(
            value, "__array__"
        ):
            raise ValueError(
                f"`{name}`. Expected an array. Received: {value!r}"
            )
    return check_examples(model, x, y)


def check_callbacks(callbacks):
    """Returns a list of Keras callbacks, or raises a `ValueError`."""
    callbacks = keras.tree.flatten([] if callbacks is None else callbacks)
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise ValueError(
                "`callbacks`. Expected a list of Keras callbacks. "
                f"Received: {callback!r}"
            )
        if isinstance(callback, ShareSchedule):
            raise ValueError(
                "`callbacks`. Expected none that sets a share of the true "
                f"gradient, for which workers do not wait. Received: {callback}"
            )
    return callbacks


class _MaskKeeper(keras.layers.Layer):
    """Keeps the mask of what it is called with, or `None`."""

    def __init__(self):
        super().__init__(autocast=False)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        self.mask = mask
        return inputs


def check_masks(parts, x):
    """Raises a `ValueError` if a mask crosses a cut: messages carry none."""
    h = x[:1]
    for k, part in enumerate(parts[:-1], 1):
        for module in part.modules:
            h = module(h)
        keeper = _MaskKeeper()
        keeper(h)
        if keeper.mask is not None:
            raise ValueError(
                "`modules`. Expected cuts that no mask crosses, as messages "
                f"carry none. Received: a mask between workers {k} and {k + 1}"
            )
