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

from dni_lesson.workers.mailbox import Stopped

import tensorflow as tf


class WorkerError(RuntimeError):
    """A worker raised, or took too long.

    Attributes:
        module: Integer, the worker's module, counted from 1 at the input.
    """

    def __init__(self, message, module):
        super().__init__(message)
        self.module = module


def one_thread_per_call():
    """Lets every compiled call run on one thread; for programs, at the start.

    By default TensorFlow spreads one matrix product over all cores, out of a
    pool that all workers share: on a machine with as many workers as cores
    they then disturb each other. The size of this pool, which XLA uses too,
    is fixed when TensorFlow runs its first operation.

    Raises:
        RuntimeError: If TensorFlow has run an operation already.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)


def run_on_threads(workers, step_timeout, on_report):
    """Runs the workers until all are done, or one fails.

    Args:
        workers: List of `Worker`, the last one a `Top`.
        step_timeout: Float, seconds after which a call counts as hanging.
        on_report: Function of the number of mini-batches that the top has
            done, called in this thread; returns whether to stop.

    Raises:
        WorkerError: If a worker raised or hung; the others have been ended.
    """
    reports = queue.SimpleQueue()
    workers[-1].on_report = lambda done: reports.put(("report", None, done))
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
        elif on_report(what):
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
