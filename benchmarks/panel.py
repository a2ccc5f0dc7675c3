"""How fast a live panel is, and what it costs the training that it shows.

    python benchmarks/panel.py --rounds 7

Opens a `RacePanel` in a real JupyterLab in Chromium. In turns, for some epochs
each: the race with its panel on the page, and the same race in the same thread
without one. Prints, for every round: pictures a second that the page has shown,
how much longer the training took with the panel, and the seconds from the key
that presses Run to the first picture and from the one that presses Stop to the
word "Stopped".
"""

import argparse
import contextlib
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests"))

import browser
import lab_server
from nbformat import v4

EPOCHS = 20
SECONDS = 180  # Only a broken page needs as many.
CELLS = (
    f"""
import threading, time
from dni_lesson.experiments.racing import Log, race as run_race
from dni_lesson.panels import RacePanel

def seconds(history):
    def epochs():
        return min([len(rows["epoch"]) for rows in history().values()] or [0])
    while epochs() < 2:  # The first ones prepare the networks.
        time.sleep(0.01)
    first, start = epochs(), time.perf_counter()
    while epochs() < first + {EPOCHS}:
        time.sleep(0.01)
    return time.perf_counter() - start

turn = 0
race = RacePanel(epochs=100_000)
race
""",
    """
turn += 1
print(f"turn {turn} took {seconds(lambda: race.history):.3f}")
""",
    """
turn += 1
log, stop = Log(), threading.Event()
work = run_race(race.settings, log, stop)
thread = threading.Thread(target=lambda: list(work))
thread.start()
print(f"turn {turn} took {seconds(lambda: log.history):.3f}")
stop.set()
thread.join()
""",
)


class Page:
    """One page with a race panel."""

    def __init__(self, lab):
        self._lab, self._page, self._turn = lab, lab.page, 0
        self._page.set_default_timeout(1000 * SECONDS)
        lab.run_cell(0)
        self._panel = self._page.locator(".dni-panel").first
        self._wait_for("Ready")
        self._panel.evaluate(browser.COUNT_PICTURES)

    def alone(self):
        """Returns the seconds that the training takes without the panel."""
        return self._took(2)

    def shown(self):
        """Returns what one run of the panel was like, as the table has it."""
        before, start = self._pictures(), time.perf_counter()
        self._press("Run")
        # The first one says that it runs, the second shows training.
        self._page.wait_for_function(f"window.pictures > {before + 1}")
        first = time.perf_counter() - start
        before, start = self._pictures(), time.perf_counter()
        took = self._took(1)
        rate = (self._pictures() - before) / (time.perf_counter() - start)
        start = time.perf_counter()
        self._press("Stop")
        self._wait_for("Stopped: ")
        stop = time.perf_counter() - start
        return {"seconds": took, "rate": rate, "first": first, "stop": stop}

    def _took(self, cell):
        self._turn += 1
        found = self._lab.run_cell(cell).get_by_text(f"turn {self._turn} took")
        found.wait_for()
        return float(found.text_content().split()[-1])

    def _press(self, name):
        self._panel.get_by_role("button", name=name, exact=True).click()

    def _wait_for(self, text):
        self._panel.locator("p", has_text=text).wait_for()

    def _pictures(self):
        return self._page.evaluate("window.pictures")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    found = []
    with contextlib.ExitStack() as stack:
        home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root = home / "root"
        root.mkdir()
        browser.store(
            [v4.new_code_cell(one) for one in CELLS], root / "panel.ipynb"
        )
        server = stack.enter_context(lab_server.serve(home, root))
        chromium = stack.enter_context(browser.chromium())
        page = Page(browser.Lab(chromium, server, root, "panel.ipynb"))
        page.alone()  # Traces the networks.
        for _ in range(options.rounds):
            alone, shown = page.alone(), page.shown()
            shown["times as long"] = shown.pop("seconds") / alone
            found.append(shown)
            print(shown, flush=True)
    print(f"medians of {len(found)} rounds")
    for name in found[0]:
        values = [one[name] for one in found]
        low, high = min(values), max(values)
        middle = statistics.median(values)
        print(f"{name:14} {middle:.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
