"""Workers as Ray actors: processes of one machine, or of a cluster.

The actors do the work; a supervisor starts them, looks after them and, if one
is killed, starts it again. Nothing outside this folder imports Ray, and this
file does so only when somebody trains with it.
"""

from dni_lesson.extras import needs
from dni_lesson.workers.remote.interrupts import held_interrupts


def train_on_ray(model, parts, plan, batches, on_epoch_end):
    """Trains, each part in a process, and returns the list of `Record`.

    Args:
        model: `DecoupledModel`, compiled; it has the weights at the end.
        parts: List of `Part`.
        plan: `Plan`.
        batches: `Batches`.
        on_epoch_end: Function of the number of mini-batches that the top has
            done and of their losses; returns whether to stop.

    Raises:
        ImportError: If Ray is not installed.
        ValueError: If other processes cannot load the model.
        ConnectionError: If there should be a cluster, and none answers.
        WorkerError: If a worker raised or hung, or was killed too often.
    """
    sentence = '`workers`. Expected Ray for workers="ray". Install it'
    with needs("cluster", sentence), held_interrupts():
        from dni_lesson.workers.remote.supervisor import supervise
    return supervise(model, parts, plan, batches, on_epoch_end)
