"""Compiled parts, kept with the model for its later runs.

TensorFlow never gives back what it has compiled for a process, so runs that
compile anew each time grow without end. Like the training function of `fit`,
the parts of a model are compiled once for the same kind of run, until the model
is compiled again.
"""

import contextlib
import json

from dni_lesson.workers.partition import variables_of
from dni_lesson.workers.team import compile_stages, new_stages

MOST = 8  # kinds of runs, the last ones of a model
_NAME = "_compiled_parts"


@contextlib.contextmanager
def stages_of(job):
    """Gives the compiled stages of a job, as they are at the start of a run.

    After an error they are not kept: a worker that hangs may still use them.

    Args:
        job: `Job`.
    """
    kept, kind = vars(job.model).setdefault(_NAME, {}), _kind(job)
    stages, _ = kept.pop(kind, (None, None))
    if stages:
        for stage in stages:
            stage.begin()
    else:
        stages = new_stages(
            job.model,
            job.parts,
            job.schedule,
            job.plan.microbatches,
            job.devices,
            job.plan.together,
        )
    compile_stages(stages, job.batches.examples())
    yield stages
    kept[kind] = stages, [job.model.loss, *job.model.metrics]
    while len(kept) > MOST:
        del kept[next(iter(kept))]


def _kind(job):
    """Returns what two jobs have in common that can use the same stages."""
    model, plan = job.model, job.plan
    config = model.optimizer.get_config()
    if isinstance(config["learning_rate"], float):
        del config["learning_rate"]  # It is a variable.
    return (
        job.schedule,
        plan.microbatches,
        plan.together,
        tuple(job.devices),
        model.jit_compile,
        type(model.optimizer),
        json.dumps(config, sort_keys=True, default=repr),
        # What `compile` makes anew each time.
        id(model.loss),
        tuple(map(id, model.metrics)),
        job.batches.kind,
        tuple(
            tuple((id(one), one.trainable) for one in variables_of(part))
            for part in job.parts
        ),
    )
