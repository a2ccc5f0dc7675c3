"""The exercises of lesson 06."""

from dni_lesson.exercises.exercise import Exercise, cases, choice, number

# In each case one cut is faster than all others.
_CUTS = [
    (costs, cut, what)
    for *costs, cut, what in (
        ([1] * 4, [2] * 4, [0] * 4, [2, 2], "equal modules, free predictors"),
        ([4, 1, 1, 1], [4, 2, 2, 2], [0] * 4, [1, 3], "a heavy first module"),
        ([1] * 4, [2] * 4, [5, 5, 5, 0], [1, 3], "predictors of 5"),
        ([1] * 5, [2] * 5, [1, 1, 9, 1, 0], [2, 3], "a dear predictor above"),
        ([1] * 4, [2] * 4, [4, 1, 1, 0], [2, 2], "a dear predictor below"),
        ([1, 1, 1, 3], [1, 1, 1, 3], [1, 1, 1, 0], [3, 1], "a heavy last one"),
    )
]
_BREAK_EVEN = [
    (costs, expected, what)
    for *costs, expected, what in (
        ([1, 1], [2, 2], 3, "two equal workers"),
        ([1, 1, 1, 1], [2, 2, 2, 2], 9, "four equal workers"),
        ([1, 3], [2, 6], 9, "the dearest worker is the last"),
        ([4, 1, 2], [7, 2, 2], 7, "the dearest worker is the first"),
        ([5, 1, 1], [1, 6, 1], 8, "long forward in one, long backward above"),
    )
]


EXERCISES = (
    Exercise(
        "06-1",
        number(11.5, tolerance=0.5),  # 10 are too few: the worker waits.
        hints=(
            "How long is a mini-batch away from the first worker, from the "
            "end of its forward pass to the arrival of its gradient?",
            "Two links and the work of the second worker: 20 + 4 + 20 ms.",
            "How many mini-batches does a worker that never waits begin in "
            "that time?",
        ),
        because="44 ms away, 4 ms a mini-batch: about 11 are under way. A much "
        "shorter queue makes the worker wait; a longer one gains nothing.",
    ),
    Exercise(
        "06-2",
        cases("fastest_cut", _CUTS),
        hints=(
            "`join`, used in lesson 05, adds up the costs of neighbouring "
            "modules. What does it need to know?",
            "The cut first, then the three lists of costs in the order in "
            "which `timetable` takes them.",
            "What `join` returns, one list of each kind of cost, is what the "
            "line below hands to `timetable`.",
        ),
        because="The slowest worker sets the pace, with its predictor: so the "
        "lower one should get less than half of the work.",
    ),
    Exercise(
        "06-3",
        choice("b", "abcd"),
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
        "06-4",
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
