"""Workers on threads of this process: the embedded default.

TensorFlow lets go of Python's lock while a compiled call runs, so threads use
several cores. All of them see the model's own weights, of which each writes
those of its part: an update that is finished is in the model, whatever happens
to other workers.
"""

import queue
import threading
import time
import traceback

from dni_lesson.workers.job import WorkerError
from dni_lesson.workers.mailbox import Stopped
from dni_lesson.workers.team import make_stages, make_team


def train_on_threads(job, on_report):
    """Does a job and returns the list of `Record`.

    Args:
        job: `Job`.
        on_report: See `run_on_threads`.

    Raises:
        WorkerError: If a worker raised or hung.
    """
    stages = make_stages(
        job.model,
        job.parts,
        job.schedule,
        job.batches.examples(),
        job.plan.microbatches,
        job.devices,
        job.plan.together,
    )
    team = make_team(
        stages, job.schedule, job.plan, job.link_delay, job.batches
    )

    def report(minibatches, losses):
        for stage in stages:
            stage.show()
        ends = on_report(minibatches, losses)
        rate = job.learning_rate()
        if rate is not None:
            for stage in stages:
                stage.follow(rate)
        return ends

    try:
        run_on_threads(team, job.step_timeout, report)
    finally:
        for stage in stages:
            stage.finish()
    return [worker.record() for worker in team]


def run_on_threads(workers, step_timeout, on_report):
    """Runs the workers until all are done, or one fails.

    Args:
        workers: List of `Worker`, the last one a `Top`.
        step_timeout: Float, seconds after which a call counts as hanging.
        on_report: Function of the number of mini-batches that the top has
            done and of their losses, see `Top`, called in this thread; returns
            whether to stop.

    Raises:
        WorkerError: If a worker raised or hung; the others have been ended.
    """
    reports = queue.SimpleQueue()
    workers[-1].on_report = lambda *told: reports.put(("report", None, told))
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


def _attend(workers, reports, step_timeout, on_report):
    running = len(workers)
    while running:
        try:
            kind, worker, what = reports.get(timeout=min(step_timeout / 4, 1))
        except queue.Empty:
            _look_for_hanging(workers, step_timeout)
            continue
        if kind == "end":
            running -= 1
        elif kind == "error":
            told = "".join(traceback.format_exception_only(what)).strip()
            raise WorkerError(
                f"Module {worker.number} raised {told}. Updates that were "
                "finished are kept in the model",
                worker.number,
            ) from what
        elif on_report(*what):
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


def _hangs(worker, step_timeout):
    since = worker.busy_since
    return since is not None and time.perf_counter() - since > step_timeout


def _name(worker):
    return f"dni-module-{worker.number}"
