"""A team: the parts of a model, compiled once, at work on threads.

TensorFlow never gives back what it has compiled for a process, so runs that
compile anew each time grow without end. Like the training function of `fit`,
the parts of a model are compiled once for the same kind of run and kept with
it, until the model is compiled again.

TensorFlow lets go of Python's lock while a compiled call runs, so threads of
one process use several cores. All of them see the model's own weights, of which
each writes those of its part: an update that is finished is in the model,
whatever happens to other workers.
"""

import contextlib
import itertools
import json
import queue
import threading
import traceback

from dni_lesson.workers.history import EpochParts
from dni_lesson.workers.mailbox import Stopped
from dni_lesson.workers.partition import variables_of
from dni_lesson.workers.stage import make_stage, rate_of
from dni_lesson.workers.worker import (
    KEPT,
    WorkerError,
    check_progress,
    make_worker,
)

MOST_KEPT = 8  # kinds of runs, the last ones of a model
_NAME = "_compiled_teams"


class Team:
    """The stages of a model, from input to output, on threads of this process.

    Each run goes on where the last one ended, with the same optimizers.

    Args:
        model: `DecoupledModel`, compiled.
        parts: List of `Part`, from `partition`.
        schedule: `Schedule`.
        devices: List of a TensorFlow device name or `None` for each part.
            Default: no device is prescribed.

    Attributes:
        stages: List of `LowerStage`, the last one a `TopStage`.
    """

    def __init__(self, model, parts, schedule, devices=None):
        devices = devices or [None] * len(parts)
        self.stages = [
            make_stage(part, model, schedule, device)
            for part, device in zip(parts, devices, strict=True)
        ]
        self._model, self._shapes = model, set()

    def compile(self, examples):
        """Compiles for batch sizes that are new, changing no weight.

        Args:
            examples: Iterable of pairs `(h, y)`, see `Batches.examples`.
        """
        for h, y in examples:
            shape = tuple(h.shape)
            if shape not in self._shapes:
                for stage in self.stages:
                    h = stage.compile(h, y)
                self._shapes.add(shape)

    def finish(self):
        """Brings the weights into the model, see `Stage.finish`."""
        for stage in self.stages:
            stage.finish()

    def run(
        self, plan, batches, on_epoch_end=lambda minibatches, losses: False
    ):
        """Trains, each part on a thread, and returns the list of `Record`.

        Args:
            plan: `Plan`, of the team's schedule but for its window.
            batches: `Batches`.
            on_epoch_end: Function of the number of mini-batches done and of
                their losses, called in this thread; returns whether to stop.
                If `plan.watched` the model then has the weights of that
                moment, and no worker goes on until it has returned.

        Raises:
            WorkerError: If a worker raised or hung.
        """
        self.compile(batches.examples())
        workers = self.workers(plan, batches)
        last = [None] * len(workers)

        def tell(minibatches, losses, weights):
            if not plan.watched:
                return on_epoch_end(minibatches, losses)
            with contextlib.ExitStack() as stack:
                stack.enter_context(paused(workers, plan.step_timeout))
                for stage, values in zip(self.stages, weights, strict=True):
                    stack.enter_context(stage.shown(values))
                stops = on_epoch_end(minibatches, losses)
                for stage in self.stages:
                    stage.follow(rate_of(self._model))
            if stops:
                last[:] = weights
            else:
                workers[0].box.put("go on", plan.end_after(minibatches))
            return stops

        try:
            run_on_threads(workers, plan, tell)
        finally:
            for stage, weights in zip(self.stages, last, strict=True):
                stage.finish(weights)
        return [worker.record() for worker in workers]

    def workers(self, plan, batches):
        """Returns new workers for a run, each joined to its neighbours."""
        workers = [
            make_worker(number, stage, plan, batches if number == 1 else None)
            for number, stage in enumerate(self.stages, 1)
        ]
        for below, above in itertools.pairwise(workers):
            below.above, above.below = above, below
        return workers


@contextlib.contextmanager
def kept_team(model, parts, devices, plan, batches):
    """Gives the team of a model for a kind of run, as at the start of one.

    After an error it is not kept: a worker that hangs may still use it.
    """
    teams = vars(model).setdefault(_NAME, {})
    kind = _kind_of_run(model, parts, devices, plan, batches)
    team, _ = teams.pop(kind, (None, None))
    if team:
        for stage in team.stages:
            stage.begin()
    else:
        team = Team(model, parts, plan.schedule, devices)
    yield team
    teams[kind] = team, [model.loss, *model.metrics]
    while len(teams) > MOST_KEPT:
        del teams[next(iter(teams))]


def _kind_of_run(model, parts, devices, plan, batches):
    """Returns what two runs have in common that can use the same team."""
    config = model.optimizer.get_config()
    if isinstance(config["learning_rate"], float):
        del config["learning_rate"]  # It is a variable.
    return (
        plan.schedule._replace(window=1),
        tuple(devices),
        model.jit_compile,
        type(model.optimizer),
        json.dumps(config, sort_keys=True, default=repr),
        # What `compile` makes anew each time.
        id(model.loss),
        tuple(map(id, model.metrics)),
        batches.kind,
        tuple(
            tuple((id(v), v.trainable) for v in variables_of(part))
            for part in parts
        ),
    )


def run_on_threads(workers, plan, on_epoch_end):
    """Runs the workers until all are done, or one fails.

    Args:
        workers: List of `Worker`, the last one a `Top`.
        plan: `Plan`.
        on_epoch_end: Function of what `EpochParts.whole` yields, called in
            this thread; returns whether to stop.

    Raises:
        WorkerError: If a worker raised or hung; the others have been ended.
    """
    reports = queue.SimpleQueue()
    threads = [
        threading.Thread(
            target=_run,
            args=(worker, reports),
            name=f"dni-module-{worker.number}",
            daemon=True,
        )
        for worker in workers
    ]
    try:
        for thread in threads:
            thread.start()
        _attend(workers, plan, reports, on_epoch_end)
    finally:
        # Also after Ctrl-C. Who hangs cannot be ended: it stops by itself if
        # it ever comes back, and does not keep the process alive.
        for worker in workers:
            worker.box.stop()
        for worker, thread in zip(workers, threads, strict=True):
            while thread.is_alive() and worker.busy() <= plan.step_timeout:
                thread.join(0.05)


@contextlib.contextmanager
def paused(workers, step_timeout):
    """Lets all workers pause between two messages.

    So that callbacks can see the model at an epoch's end: it then shows weights
    that workers have left behind, in the variables that they train.

    Raises:
        WorkerError: If one hangs.
    """
    with contextlib.ExitStack() as turns:
        for worker in workers:
            while not worker.turn.acquire(timeout=_look_every(step_timeout)):
                _check_progress([worker], step_timeout)
            turns.callback(worker.turn.release)
        yield


def _run(worker, reports):
    worker.on_epoch_end = lambda *end: reports.put(("epoch", worker, end))
    try:
        worker.run()
        reports.put(("end", worker, None))
    except Stopped:
        pass
    except BaseException as error:
        reports.put(("error", worker, error))


def _attend(workers, plan, reports, on_epoch_end):
    """Hears the reports of workers until all have ended."""
    working, epochs = list(workers), EpochParts(plan, len(workers))
    while working:
        try:
            kind, worker, report = reports.get(
                timeout=_look_every(plan.step_timeout)
            )
        except queue.Empty:
            _check_progress(working, plan.step_timeout)
            continue
        if kind == "end":
            working.remove(worker)
        elif kind == "error":
            text = "".join(traceback.format_exception_only(report)).strip()
            raise WorkerError(
                worker.number, f"raised {text}. {KEPT}"
            ) from report
        else:
            epochs.add(worker.number, *report)
        if any(on_epoch_end(*epoch) for epoch in epochs.whole()):
            return


def _look_every(step_timeout):
    return min(step_timeout / 4, 1)


def _check_progress(workers, step_timeout):
    check_progress(
        [
            (worker.number, worker.busy(), worker.box.idle())
            for worker in workers
        ],
        step_timeout,
    )
