"""The exercises of lesson 08."""

from dni_lesson.exercises.exercise import Exercise, cases, choice, number

_MAPS = [
    (([[0.8]], 2), [[0.2, 0.2], [0.2, 0.2]], "each of four gets a quarter"),
    (
        ([[4.0, 8.0]], 2),
        [[1, 1, 2, 2], [1, 1, 2, 2]],
        "neighbours share a window",
    ),
    (([[1.0, -2.0], [0.0, 3.0]], 1), [[1, -2], [0, 3]], "windows of one"),
    (([[9.0]], 3), [[1] * 3] * 3, "windows of three by three"),
]

_CHAINS = [
    ((0.0, 4.0, [3.0, 5.0], [0.5, 2.0]), [0.5, 2.0], "share 0 is DNI"),
    ((1.0, 4.0, [3.0, 5.0], [0.5, 2.0]), [4, 12], "share 1 is backprop"),
    (
        (0.5, 4.0, [3.0, 5.0], [2.0, 1.0]),
        [3, 5],
        "the mixture is what goes on down",
    ),
    (
        (0.25, 8.0, [2.0, -1.0, 1.0], [0.0, 4.0, 8.0]),
        [2, 4, 5],
        "three boundaries",
    ),
]

EXERCISES = (
    Exercise(
        "08-1",
        number(
            1300,
            5,
            wrong={
                576: "That leaves out the ten planes of labels, which it sees.",
                584: "That leaves out the ten planes of labels, which it sees.",
                162: "That is enough for one map; it returns eight.",
                144: "Each weight belongs to a place in the window, too.",
                72: "It sees many planes at once, with weights for each.",
            },
        ),
        hints=(
            "A convolution has one weight for each position of its window, "
            "each plane that it sees and each plane that it returns.",
            "It sees 8 + 10 planes in windows of 3 x 3.",
            "One plane that it returns takes 3 x 3 x 18 weights. How many such "
            "planes are there?",
        ),
        because="3 x 3 x 18 x 8 = 1,296 weights, and 8 offsets. A Dense layer "
        "from the map and the label to the map would have 1,578 x 1,568: two "
        "and a half million.",
    ),
    Exercise(
        "08-2",
        cases("through_average", _MAPS),
        hints=(
            "Each value of the small map is the mean of size x size values "
            "below it. What does one of them add to that mean?",
            "Every position below a value gets the same: that value's gradient "
            "divided by how many are averaged.",
            "`np.repeat(g, size, axis=0)` stretches a map downwards; do the "
            "same along axis 1, and divide once.",
        ),
        because="A mean of n values passes 1 / n of its gradient on to each. "
        "The sum over the map stays the same, so nothing is lost: it is "
        "spread.",
    ),
    Exercise(
        "08-3",
        choice(
            "b",
            {
                "a": "They do miss steps of their neighbours. But count: how "
                "many updates has each module made in the end?",
                "c": "A rest does a module no good by itself; what would it "
                "gain from it?",
            },
        ),
        hints=(
            "A module that is not updated misses a step. Does that step harm "
            "it?",
            "With synthetic gradients a module needs to know nothing of when "
            "the others were updated, as long as its predictor keeps up.",
            "Each module has had as many updates as with p = 1, only at other "
            "moments than its neighbours.",
        ),
        because="An update that comes at another moment than the neighbours' "
        "is worth about as much. What p saves in work an iteration, it takes "
        "in iterations.",
    ),
    Exercise(
        "08-4",
        choice(
            "b",
            {
                "a": "Its inputs were predicted best, that is true. By means "
                "of what? And who supplies that in the test?",
                "c": "More than in training? Then the true inputs would have "
                "to hold more of the label than the label itself.",
            },
        ),
        hints=(
            "Where does the lead in training come from: from better inputs, or "
            "from something that they should not hold?",
            "In the test nobody predicts an input. What do the modules above "
            "get then?",
            "What the module below returns holds no label. What is left of a "
            "lead that was read from the label?",
        ),
        because="The lead was the label, carried up by the predicted inputs. "
        "Connected, the modules see none.",
    ),
    Exercise(
        "08-5",
        cases("sent_down", _CHAINS),
        hints=(
            "At each boundary the share is taken of what arrives there; the "
            "rest is the prediction.",
            "What arrives at the next boundary has gone through a module. Of "
            "which number does the module take the factor?",
            "The prediction counts with what the share leaves of 1. What goes "
            "down, times the factor, arrives one boundary below.",
        ),
        because="The mixture goes on down, so what is left of the true "
        "gradient n boundaries below the loss has been multiplied by the share "
        "n times.",
    ),
)
