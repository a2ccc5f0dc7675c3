"""Workers on threads of this process: the embedded default.

TensorFlow lets go of Python's lock while a compiled call runs, so threads use
several cores. All of them see the model's own weights, of which each writes
those of its part: an update that is finished is in the model, whatever happens
to other workers.
"""

import contextlib
import queue
import threading
import time
import traceback

from dni_lesson.workers.ends import Gathering
from dni_lesson.workers.job import WorkerError, waiting_for_each_other
from dni_lesson.workers.kept import stages_of
from dni_lesson.workers.mailbox import Stopped
from dni_lesson.workers.team import make_team


def train_on_threads(job, on_report):
    """Does a job and returns the list of `Record`.

    Args:
        job: `Job`.
        on_report: See `run_on_threads`.

    Raises:
        WorkerError: If a worker raised or hung.
    """
    with stages_of(job) as stages:
        return _train(job, stages, on_report)


def _train(job, stages, on_report):
    team = make_team(
        stages, job.schedule, job.plan, job.link_delay, job.batches
    )
    last = [None] * len(stages)

    def report(minibatches, losses, weights):
        if not job.plan.holds:
            return on_report(minibatches, losses)
        with paused(team, job.step_timeout), contextlib.ExitStack() as shown:
            for stage, its in zip(stages, weights, strict=True):
                shown.enter_context(stage.shown(its))
            ends = on_report(minibatches, losses)
            rate = job.learning_rate()
            if rate is not None:
                for stage in stages:
                    stage.follow(rate)
        if ends:
            last[:] = weights
        else:
            team[0].box.put("go on", job.plan.end_after(minibatches))
        return ends

    try:
        run_on_threads(team, job.step_timeout, report)
    finally:
        for stage, weights in zip(stages, last, strict=True):
            stage.finish(weights)
    return [worker.record() for worker in team]


@contextlib.contextmanager
def paused(workers, step_timeout):
    """Lets all workers pause between two messages.

    Raises:
        WorkerError: If one hangs.
    """
    with contextlib.ExitStack() as held:
        for worker in workers:
            while not worker.turn.acquire(timeout=_look_every(step_timeout)):
                _look_for_hanging(workers, step_timeout)
            held.callback(worker.turn.release)
        yield


def run_on_threads(workers, step_timeout, on_report):
    """Runs the workers until all are done, or one fails.

    Args:
        workers: List of `Worker`, the last one a `Top`.
        step_timeout: Float, seconds after which a call counts as hanging.
        on_report: Function of what `Gathering.whole` yields, called in this
            thread; returns whether to stop.

    Raises:
        WorkerError: If a worker raised or hung; the others have been ended.
    """
    reports = queue.SimpleQueue()
    for worker in workers:
        worker.on_weights = _teller(reports, "weights", worker)
    workers[-1].on_report = _teller(reports, "losses", workers[-1])
    threads = [
        threading.Thread(
            target=_run, args=(worker, reports), name=_name(worker), daemon=True
        )
        for worker in workers
    ]
    try:
        for thread in threads:
            thread.start()
        _attend(workers, reports, step_timeout, on_report)
    finally:
        # Also after Ctrl-C. Who hangs cannot be ended: it stops by itself if
        # it ever comes back, and does not keep the process alive.
        for worker in workers:
            worker.box.stop()
        for worker, thread in zip(workers, threads, strict=True):
            while thread.is_alive() and not _hangs(worker, step_timeout):
                thread.join(0.05)


def _run(worker, reports):
    try:
        worker.run()
        reports.put(("end", worker, None))
    except Stopped:
        pass
    except BaseException as error:
        reports.put(("error", worker, error))


def _teller(reports, kind, worker):
    return lambda *told: reports.put((kind, worker, told))


def _attend(workers, reports, step_timeout, on_report):
    working, ends = list(workers), Gathering(workers[0].plan, len(workers))
    while working:
        try:
            kind, worker, what = reports.get(timeout=_look_every(step_timeout))
        except queue.Empty:
            _look_for_hanging(working, step_timeout)
            _look_for_waiting(working, step_timeout)
            continue
        if kind == "end":
            working.remove(worker)
        elif kind == "error":
            told = "".join(traceback.format_exception_only(what)).strip()
            raise WorkerError(
                f"Module {worker.number} raised {told}. Updates that were "
                "finished are kept in the model",
                worker.number,
            ) from what
        elif kind == "weights":
            minibatches, weights = what
            ends.add_weights(minibatches, worker.number, weights)
        else:
            ends.add_losses(*what)
        if any(on_report(*whole) for whole in ends.whole()):
            return


def _look_for_hanging(workers, step_timeout):
    for worker in workers:
        if _hangs(worker, step_timeout):
            raise WorkerError(
                f"Module {worker.number} hangs: a call has not returned for "
                f"step_timeout={step_timeout} s. Updates that were finished "
                "are kept in the model",
                worker.number,
            )


def _look_for_waiting(working, step_timeout):
    waits = [worker.box.idle() for worker in working]
    if min(waits) > step_timeout:
        raise waiting_for_each_other(working[0].number, step_timeout)


def _look_every(step_timeout):
    return min(step_timeout / 4, 1)


def _hangs(worker, step_timeout):
    since = worker.busy_since
    return since is not None and time.perf_counter() - since > step_timeout


def _name(worker):
    return f"dni-module-{worker.number}"
