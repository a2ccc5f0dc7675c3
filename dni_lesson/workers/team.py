"""The workers of one run, made from a model and joined to a chain."""

import itertools

from dni_lesson.workers.kinds import (
    Decoupled,
    DecoupledTogether,
    Top,
    TrueGradient,
)
from dni_lesson.workers.lower import LowerStage
from dni_lesson.workers.top import TopStage


def make_stages(
    model,
    parts,
    schedule,
    examples,
    microbatches=1,
    devices=None,
    together=False,
):
    """Returns one compiled stage per part, good for any number of runs.

    Args:
        model: `DecoupledModel`, compiled.
        parts: List of `Part`.
        schedule: String, see `fit_async`.
        examples: Iterable of pairs `(h, y)`, one for each batch size that
            occurs, see `Batches.examples`.
        microbatches: Integer >= 1, of a mini-batch. Default `1`.
        devices: List of a device name or `None` for each part. Default: no
            device is prescribed.
        together: Boolean, see `Stage`. Default `False`.
    """
    stages = new_stages(model, parts, schedule, microbatches, devices, together)
    compile_stages(stages, examples)
    return stages


def new_stages(
    model, parts, schedule, microbatches=1, devices=None, together=False
):
    """Returns one stage per part, not yet compiled, see `make_stages`."""
    return [
        make_stage(part, model, schedule, microbatches, device, together)
        for part, device in zip(
            parts, devices or [None] * len(parts), strict=True
        )
    ]


def compile_stages(stages, examples):
    """Compiles the stages for batch sizes that they do not know yet."""
    for h, labels in examples:
        if not all(stage.knows(h) for stage in stages):
            for stage in stages:
                h = stage.compile(h, labels)


def make_stage(
    part, model, schedule, microbatches=1, device=None, together=False
):
    """Returns the stage of one part, not yet compiled."""
    return (TopStage if part.is_last else LowerStage)(
        part,
        model,
        synthetic=schedule == "decoupled",
        microbatches=microbatches,
        # Delayed gradients belong to the weights of the forward pass.
        keep_weights=schedule == "delayed",
        device=device,
        together=together,
    )


def make_team(stages, schedule, plan, link_delay, batches):
    """Returns new workers, each joined to its neighbours.

    Args:
        stages: List of stages.
        schedule: String, see `fit_async`.
        plan: `Plan`.
        link_delay: Float >= 0, seconds that a message takes.
        batches: `Batches`, the source of the first worker.
    """
    team = []
    for number, stage in enumerate(stages, 1):
        kind = worker_kind(schedule, number == len(stages), plan.together)
        source = batches if number == 1 else None
        team.append(kind(number, stage, plan, link_delay, source))
    for below, above in itertools.pairwise(team):
        below.above, above.below = above, below
    return team


def worker_kind(schedule, is_last, together=False):
    """Returns the class of the worker for a part."""
    if is_last:
        return Top
    if schedule != "decoupled":
        return TrueGradient
    return DecoupledTogether if together else Decoupled
