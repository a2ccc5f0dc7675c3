"""Workers as Ray actors: processes of one machine, or of a cluster.

The actors do the work; here they are started, looked after and, if one is
killed, started again. Without a cluster Ray is started on this machine for the
time of the call. With one, `ray.init(address=...)` before the call or the
environment variable `RAY_ADDRESS` says where it is.
"""

from dni_lesson.workers.brief import check_loadable
from dni_lesson.workers.crew import Crew, Killed
from dni_lesson.workers.job import WorkerError
from dni_lesson.workers.starting import started


def train_on_ray(job, on_report):
    """Does a job and returns the list of `Record`.

    Args:
        job: `Job`.
        on_report: Function of the number of mini-batches that the top has done
            and of their losses; returns whether to stop.

    Raises:
        ValueError: If other processes cannot load the model.
        ConnectionError: If there should be a cluster, and none answers.
        WorkerError: If a worker raised or hung, or was killed too often.
    """
    check_loadable(job.model)
    with started():
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
