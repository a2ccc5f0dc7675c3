"""A reader uses the panels: mouse, keyboard, and what happens to a page."""

import json
import re

import browser
import pytest
from panel_page import Page

pytestmark = browser.MARKS

LOCKING = "from dni_lesson.panels import LockingPanel\nLockingPanel()"
FILM = "from dni_lesson.panels import PredictionPanel\nPredictionPanel()"
UNROLLED = "from dni_lesson.panels import UnrolledPanel\nUnrolledPanel()"
EVERY = (
    "import ipywidgets\n"
    "from dni_lesson import panels\n"
    "made = [panels.LockingPanel(), panels.PredictionPanel(),\n"
    "        panels.RacePanel(), panels.SpeedupPanel()]\n"
    "made += [panels.GradientPanel(lambda: {}), panels.UnrolledPanel()]\n"
    "ipywidgets.VBox(made)"
)
RACE = (
    "from dni_lesson.panels import RacePanel\n"
    "race = RacePanel(\n"
    "    depth=2, units=32, rules=('backprop', 'cdni'), epochs=100_000\n"
    ")\n"
    "race"
)
PICTURES = (
    "from dni_lesson.panels import RacePanel\n"
    "RacePanel(kind='cnn', rules=('cdni',), units=4, batch_size=400, epochs=1)"
)
THREADS = (
    "import threading\n"
    "from dni_lesson.panels.background import THREAD\n"
    "print('training threads:', [t.name for t in threading.enumerate()]"
    ".count(THREAD))"
)
# A race that was stopped ends after its turn, which takes a while on a machine
# that has much to do.
ENDED = (
    "import threading\n"
    "from dni_lesson.panels.background import THREAD\n"
    "racing = [t for t in threading.enumerate() if t.name == THREAD]\n"
    "for thread in racing:\n"
    "    thread.join(30)\n"
    "print('still training:', sum(t.is_alive() for t in racing))"
)
BROKEN = (
    "from dni_lesson.experiments import racing\n"
    "def digits():\n"
    "    raise OSError('the digits are lost')\n"
    "racing.digits = digits\n"
    "print('broken')"
)
# Names of controls without a word that says what they are.
UNNAMED = """panel => [...panel.querySelectorAll(
    "button, input, select, textarea, [role='slider']")]
  .filter(one => one.offsetParent && !(
    one.textContent.trim() || one.title || one.getAttribute('aria-label')
    || (one.labels && [...one.labels].some(l => l.textContent.trim()))
    || one.closest('.jupyter-widgets').querySelector('label, .widget-label')
        ?.textContent.trim()))
  .map(one => one.outerHTML)"""
# Whether what is live lies exactly on the picture of the axes.
COVERS = """panel => {
  const [below, above] = ['img', '.dni-live svg'].map(
    one => panel.querySelector(one)?.getBoundingClientRect());
  return below && above && below.width > 0
    && ['x', 'y', 'width', 'height'].every(
      side => Math.abs(below[side] - above[side]) < 1) }"""


SHARED = (
    LOCKING,
    FILM,
    UNROLLED,
    EVERY,
    RACE,
    ENDED,
    PICTURES,
    BROKEN,
)
RACING = (RACE, "print(6 * 7)", THREADS, ENDED)


@pytest.fixture(scope="module")
def notebook(chromium, server, root):
    """One notebook for the panels that need no kernel of their own."""
    page = Page(chromium, server, root, "shared", *SHARED)
    yield page
    page.lab.close()


@pytest.fixture(scope="module")
def racing_notebook(chromium, server, root):
    """One notebook for what becomes of a race, page and kernel."""
    page = Page(chromium, server, root, "racing", *RACING)
    yield page
    page.lab.close()


@pytest.fixture
def show(notebook):
    """Runs the cell with this source and looks at its panel."""

    def run(source):
        notebook.run(SHARED.index(source))
        notebook.look_at(SHARED.index(source))
        return notebook

    return run


@pytest.fixture
def racing(racing_notebook):
    """The notebook as it was when it was opened; its kernel goes on."""
    page = racing_notebook
    page.lab.choose("Edit", "Clear Outputs of All Cells")
    return page


def test_a_slider_answers_to_mouse_and_keys(show):
    page = show(LOCKING)
    page.wait_for("Locked backprop: a mini-batch every 18.0")
    handle = page.control("link delay").locator(".noUi-handle")
    picture, box = page.picture(), handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x + 200, y, steps=5)
    page.page.mouse.up()
    page.wait_for("Locked backprop: a mini-batch every 42.0")
    page.wait_for_other_picture(picture)
    picture = page.picture()
    handle.focus()
    page.page.keyboard.press("ArrowLeft")
    page.wait_for("Locked backprop: a mini-batch every 39.0")
    page.wait_for_other_picture(picture)
    page.finish("slider")


def test_a_film_of_training_steps_runs_pauses_and_steps(show):
    page = show(FILM)
    page.wait_for("after 200 training steps")
    page.press("Reset")
    page.wait_for("It predicts zero everywhere")
    page.press("Step")
    page.wait_for("after 20 training steps")
    page.press("Run")
    page.count_pictures(at_least=5)
    page.press("Pause")
    page.panel.get_by_role("button", name="Run", exact=True).wait_for()
    page.finish("film")


def test_a_window_is_moved_and_news_walks_back_in_a_film(show):
    page = show(UNROLLED)
    page.wait_for("Windows of 3 steps, 3 cuts, predictors that have seen 2")
    page.wait_for("A gradient arrives at 9 of 12 states")
    picture = page.picture()
    page.move("window, in steps", 5)
    page.wait_for("Windows of 5 steps, 2 cuts")
    page.wait_for_other_picture(picture)
    page.press("Reset")
    page.wait_for("A gradient arrives at 2 of 12 states")
    page.press("Step")
    page.wait_for("A gradient arrives at 7 of 12 states")
    page.choose("at a cut", "nothing: plain truncation")
    page.wait_for("nothing crosses them. A gradient arrives at 2 of 12")
    page.finish("unrolled")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_control_is_named_and_words_are_readable(show, theme):
    page = show(EVERY)
    page.page.set_viewport_size({"width": 1024, "height": 1500})
    page.wait_for("Locked backprop")
    page.lab.choose("Settings", "Theme", theme)
    page.page.locator(f"body[data-jp-theme-name='{theme}']").wait_for(
        state="attached"
    )
    found = page.cell(SHARED.index(EVERY)).locator(".dni-panel")
    assert found.count() == 6
    for panel in found.all():
        assert panel.evaluate(UNNAMED) == []
        ink, paper = panel.locator("p").evaluate(
            "p => [getComputedStyle(p).color, getComputedStyle("
            "p.closest('.jp-Notebook')).backgroundColor]"
        )
        assert contrast(ink, paper) > 7
    for track in found.locator(".noUi-base").all():
        assert track.bounding_box()["width"] > 60
    page.finish(f"named_{theme.split()[1]}")
    page.page.set_viewport_size({"width": 1280, "height": 1500})


def contrast(*colors):
    """Returns the contrast ratio of two CSS colours, as WCAG defines it."""
    lights = []
    for color in colors:
        parts = [int(n) / 255 for n in re.findall(r"\d+", color)[:3]]
        r, g, b = (
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4
            for p in parts
        )
        lights.append(0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05)
    return max(lights) / min(lights)


@pytest.mark.parametrize("subshells", ["perCommTarget", "disabled"])
def test_a_race_runs_while_other_cells_run(racing, server, subshells):
    page = racing
    set_subshells(page, server, subshells)
    page.lab.open()
    page.run()
    page.wait_for("Ready: press Run.")
    page.press("Run")
    page.count_pictures(at_least=10)
    page.run(1).get_by_text("42").wait_for()
    page.run(2).get_by_text("training threads: 1").wait_for()
    page.wait_for("Running: ")
    for width in (1024, 1280):
        page.page.set_viewport_size({"width": width, "height": 1500})
        page.page.wait_for_function(COVERS, arg=page.panel.element_handle())
        page.lab.screenshot(f"race_{subshells}_{width}")
    page.press("Pause")
    page.wait_for("Paused: ")
    assert page.panel.locator(".dni-live svg").count() == 0
    picture = page.picture()
    page.press("Step")
    page.wait_for_other_picture(picture)
    # Until then the step is over, and the button says again what it does.
    page.run(1)
    page.press("Resume")
    page.wait_for("Running: ")
    page.press("Stop")
    page.wait_for("Stopped: ")
    page.run(3).get_by_text("still training: 0").wait_for()
    page.finish(f"race_{subshells}")


def set_subshells(page, server, value):
    name = "@jupyterlab/apputils-extension:kernels-settings"
    answer = page.page.request.put(
        server.url(f"lab/api/settings/{name}"),
        data={"raw": json.dumps({"commsOverSubshells": value})},
    )
    assert answer.ok, answer.text()


def test_two_panels_live_beside_each_other(show):
    other = show(LOCKING).panel
    page = show(RACE)
    page.wait_for("Ready: press Run.")
    page.press("Run")
    page.count_pictures(at_least=3)
    other.locator(".noUi-handle").first.focus()
    page.page.keyboard.press("ArrowRight")
    other.locator("p", has_text="every 23.0").wait_for()
    page.count_pictures(at_least=3)
    # Running the cell again makes a new panel, and ends the race of the old.
    show(RACE)
    page.wait_for("Ready: press Run.")
    ended = page.run(SHARED.index(ENDED))
    ended.get_by_text("still training: 0").wait_for()
    page.finish("two")


def test_sliders_set_chance_and_share_of_a_convolutional_race(show):
    page = show(PICTURES)
    page.wait_for("Ready: press Run.")
    page.move("update probability", 1)
    page.move("share of the truth", 2)
    line = page.control("settings as code").locator("input")
    page.page.wait_for_function(  # Moves may arrive after a button's press.
        "one => /probability=0.5.*share=0.5/.test(one.value)",
        arg=line.element_handle(),
    )
    page.press("Run")
    finished = page.panel.locator("p", has_text="Finished: 1 of 1 epochs.")
    finished.wait_for(timeout=browser.SECONDS_TO_RUN * 1000)
    page.finish("race_cnn")


def test_a_reloaded_page_finds_its_race_running(racing):
    begin(racing)
    racing.lab.save()
    racing.lab.open()
    racing.wait_for("Running: ")
    racing.count_pictures(at_least=3)
    end(racing)
    racing.finish("reload")


def begin(page):
    page.run()
    page.wait_for("Ready: press Run.")
    page.press("Run")
    page.count_pictures(at_least=3)


def end(page):
    page.press("Stop")
    page.wait_for("Stopped: ")


def test_a_closed_page_leaves_its_race_running_beside_another(racing, show):
    begin(racing)
    other = show(RACE)
    other.wait_for("Ready: press Run.")
    other.press("Run")
    other.count_pictures(at_least=3)
    racing.count_pictures(at_least=3)
    racing.lab.save()
    racing.lab.close()
    other.count_pictures(at_least=3)
    racing.open()
    racing.wait_for("Running: ")
    for page in (racing, other):
        end(page)
    racing.run(3).get_by_text("still training: 0").wait_for()
    other.finish("open")
    racing.finish("closed")


def test_a_restarted_kernel_begins_anew(racing):
    begin(racing)
    racing.lab.choose("Kernel", "Restart Kernel and Run All Cells…")
    racing.page.locator(".jp-Dialog .jp-mod-accept").click()
    racing.page.get_by_text("training threads: 0").wait_for()
    racing.wait_for("Ready: press Run.")
    racing.press("Run")
    racing.count_pictures(at_least=3)
    end(racing)
    racing.finish("restart")


def test_a_saved_panel_is_a_still_picture_without_its_kernel(racing, server):
    page = racing
    begin(page)
    end(page)
    page.lab.save()
    for session in server.get("api/sessions"):
        if session["path"] == "racing.ipynb":
            answer = page.page.request.delete(
                server.url(f"api/sessions/{session['id']}")
            )
            assert answer.ok
    page.lab.open()
    page.wait_for("Stopped: ")
    assert page.panel.locator("img").first.evaluate("i => i.naturalWidth") > 0
    assert page.page.get_by_text("model not found").count() == 0
    page.finish("still")


def test_an_error_in_the_thread_is_a_line_in_the_panel(show):
    page = show(RACE)
    page.wait_for("Ready: press Run.")
    page.run(SHARED.index(BROKEN)).get_by_text("broken").wait_for()
    page.press("Run")
    page.wait_for("An error ended the race. OSError: the digits are lost")
    page.finish("error")
