"""The exercises of lesson 06."""

from dni_lesson.exercises.exercise import Exercise, cases, number

# In each case one cut is faster than all others.
_CUTS = [
    (costs, cut, what)
    for *costs, cut, what in (
        ([1] * 4, [2] * 4, [0] * 4, [2, 2], "equal modules, free predictors"),
        ([4, 1, 1, 1], [4, 2, 2, 2], [0] * 4, [1, 3], "a heavy first module"),
        ([1] * 4, [2] * 4, [5, 5, 5, 0], [1, 3], "predictors of 5"),
        ([1] * 5, [2] * 5, [1, 1, 9, 1, 0], [2, 3], "a costly predictor above"),
        ([1] * 4, [2] * 4, [4, 1, 1, 0], [2, 2], "a costly predictor below"),
        ([1, 1, 1, 3], [1, 1, 1, 3], [1, 1, 1, 0], [3, 1], "a heavy last one"),
    )
]

EXERCISES = (
    Exercise(
        "06-1",
        number(
            11.5,  # 10 are too few: the worker waits.
            tolerance=0.5,
            wrong={
                1: "Then worker 1 would wait for each gradient before it goes "
                "on: that is the locked schedule.",
                5: "That hides one way, 20 ms. A gradient has to come back, "
                "too.",
                6: "That hides one way and the work. A gradient has to come "
                "back, too.",
                10: "That hides both links. But at their other end somebody "
                "works, and that takes time.",
            },
        ),
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
)
