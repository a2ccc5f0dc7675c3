"""The exercises of lesson 07."""

from dni_lesson.exercises.exercise import Exercise, cases, choice

_BREAK_EVEN = [
    (costs, expected, what)
    for *costs, expected, what in (
        ([1, 1], [2, 2], 3, "two equal workers"),
        ([1, 1, 1, 1], [2, 2, 2, 2], 9, "four equal workers"),
        ([1, 3], [2, 6], 9, "the costliest worker is the last"),
        ([4, 1, 2], [7, 2, 2], 7, "the costliest worker is the first"),
        ([5, 1, 1], [1, 6, 1], 8, "long forward in one, long backward above"),
    )
]

EXERCISES = (
    Exercise(
        "07-1",
        choice(
            "b",
            {
                "a": "Two workers do share the work. But they do more of it: "
                "the predictor comes on top.",
                "c": "Wide layers do have more work to share. But one process "
                "can share out a large product, too.",
                "d": "One process that may use both cores is a strong "
                "opponent. But does it always keep both of them busy?",
            },
        ),
        hints=(
            "One process shares a single matrix product out among the cores. "
            "When is there enough in a product to keep both of them busy?",
            "Decoupled workers do more work: the predictor. They win where "
            "one process leaves a core idle.",
            "In which networks are the products small?",
        ),
        because="Narrow layers leave a core idle, and workers find something "
        "for it to do. In wide ones a single product fills both cores, and "
        "the predictor is extra work.",
    ),
    Exercise(
        "07-2",
        cases("break_even", _BREAK_EVEN),
        hints=(
            "All workers but the last have a predictor. Decoupled workers are "
            "as slow as the slowest: its work plus the predictor.",
            "At break-even the slowest needs as long as one worker that does "
            "everything. Which of them gets there first?",
            "`forward[:-1]` and `backward[:-1]` leave the last worker out. Add "
            "up worker by worker first, then take the largest sum.",
        ),
        because="What the other workers take off the busiest one is what its "
        "predictor may cost; for K equal workers K - 1 times its own work.",
    ),
)
