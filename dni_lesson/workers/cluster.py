"""Workers as Ray actors: processes of one machine, or of a cluster.

The actors do the work; here they are started, looked after and, if one is
killed, started again. Without a cluster Ray is started on this machine for the
time of the call. With one, `ray.init(address=...)` before the call or the
environment variable `RAY_ADDRESS` says where it is.
"""

import os

from dni_lesson.workers.crew import Crew, Killed
from dni_lesson.workers.job import WorkerError

import ray


def train_on_ray(job, on_report):
    """Does a job and returns the list of `Record`.

    Args:
        job: `Job`.
        on_report: See `run_on_threads`.

    Raises:
        WorkerError: If a worker raised or hung, or was killed too often.
    """
    is_ours = not ray.is_initialized()
    if is_ours:
        # Nobody is told that Ray is used.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # By itself Ray would look for a cluster that `ray start` has left here,
        # and wait long for one that is gone.
        ray.init(
            os.environ.get("RAY_ADDRESS", "local"),
            log_to_driver=False,
            logging_level="ERROR",
        )
    try:
        crew = Crew(job)
        try:
            crew.start()
            crew.run(on_report)
            return crew.records()
        except Killed as killed:
            raise WorkerError(
                f"Module {killed.number} was killed before or after training. "
                "Updates since its last snapshot are lost",
                killed.number,
            ) from killed
        finally:
            crew.end()
    finally:
        if is_ours:
            ray.shutdown()
