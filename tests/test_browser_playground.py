"""A reader solves the challenges of lesson 10 with what its panels offer."""

import browser
from panel_page import Page

pytestmark = browser.MARKS

START = (
    "import dni_lesson as dni\n"
    "from dni_lesson import layer_macs, step_macs\n"
    "from dni_lesson.panels import RacePanel, SpeedupPanel\n"
    "RacePanel(epochs=3, rules=('backprop', 'cdni'))"
)
MAP = "SpeedupPanel()"
COUNT = (
    "lambda factor: step_macs(dni.mlp(rule='backprop')) / factor / sum("
    "layer_macs(dni.mlp(rule='cdni'), k) for k in range(4))"
)
RACE_CELL, MAP_CELL, FIRST_ANSWER = 0, 1, 2


def test_every_challenge_is_solved_from_the_panels(chromium, server, root):
    page = Page(chromium, server, root, "solved", START, MAP, *[""] * 5)
    page.page.set_default_timeout(browser.SECONDS_TO_RUN * 1000)
    page.run(RACE_CELL)
    page.wait_for("Ready: press Run.")

    page.move("depth", 3)
    page.choose("units", "256")
    page.choose("learning rate", "0.003")
    page.press("Run")
    page.wait_for("Finished: 3 of 3 epochs.")
    page.set_number("epochs", 10)
    page.wait_for("Stopped: 3 of 10 epochs.")
    page.press("Resume")
    page.wait_for("Finished: 10 of 10 epochs.")
    line = as_code(
        page,
        "depth=3",
        "units=256",
        "learning_rate=0.003",
        "rules=('backprop', 'cdni')",
        "epochs=10",
    )
    solve(page, "10-1", line)

    page.move("depth", 6)
    page.choose("units", "128")
    page.choose("learning rate", "0.001")
    page.move("update probability", 2)
    page.set_number("epochs", 5)
    line = as_code(
        page,
        "depth=6",
        "update_probability=0.2",
        "rules=('backprop', 'cdni')",
        "epochs=5",
    )
    solve(page, "10-2", line)

    page.move("depth", 3)
    page.choose("units", "256")
    page.move("update probability", 0)
    page.choose("batch size", "50")
    page.tick("DNI")
    page.set_number("epochs", 10)
    line = as_code(
        page,
        "depth=3",
        "units=256",
        "batch_size=50",
        "rules=('dni',)",
        "epochs=10",
    )
    solve(page, "10-3", line)

    solve(page, "10-4", COUNT)

    page.run(MAP_CELL)
    page.look_at(MAP_CELL)
    page.move("weight layers", 10)
    page.choose("units", "384")
    page.wait_for("The bound over backprop on one worker")
    solve(page, "10-5", "(10, 384, 4)")
    page.close("solved")


def as_code(page, *settings):
    """Returns the line that a reader copies, once it names these settings."""
    field = page.control("settings as code").locator("input")
    page.page.wait_for_function(
        "([field, line]) => field.value === line",
        arg=[field.element_handle(), f"RacePanel({', '.join(settings)})"],
    )
    return field.input_value()


def solve(page, exercise, answer):
    """Checks an answer in the exercise's own cell."""
    cell = FIRST_ANSWER + int(exercise[-1]) - 1
    output = page.write(cell, f"dni.check({exercise!r}, {answer})")
    told = output.get_by_text(f"Exercise {exercise}:")
    told.wait_for()
    assert f"Exercise {exercise}: right." in told.inner_text()
