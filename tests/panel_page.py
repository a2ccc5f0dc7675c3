"""A page with panels, and what a reader does to them: mouse and keyboard."""

import browser
from nbformat import v4

SECONDS = 40  # Only a broken panel needs as many.
CHANGED = "([panel, old]) => panel.querySelector('img').src !== old"


class Page:
    """A notebook whose code cells show panels.

    Args:
        chromium, server, root: The fixtures.
        name: String, of the notebook.
        *sources: Strings, its code cells.
    """

    def __init__(self, chromium, server, root, name, *sources):
        cells = [v4.new_code_cell(source) for source in sources]
        browser.store(cells, root / f"{name}.ipynb")
        self._where = chromium, server, root, f"{name}.ipynb"
        self.open()

    def open(self):
        """Opens the notebook in a page of its own."""
        self.lab = browser.Lab(*self._where)
        self.page = self.lab.page
        self.page.set_default_timeout(SECONDS * 1000)
        self.look_at(0)

    def cell(self, index):
        return self.page.locator(".jp-CodeCell").nth(index)

    def look_at(self, index):
        """Makes the panel of a cell the one that is spoken of below."""
        self.panel = self.cell(index).locator(".dni-panel").first

    def run(self, index=0):
        return self.lab.run_cell(index)

    def wait_for(self, text):
        self.panel.locator("p", has_text=text).wait_for()

    def press(self, name):
        """Presses a button of the panel with the keyboard."""
        self.panel.get_by_role("button", name=name, exact=True).focus()
        self.page.keyboard.press("Enter")

    def control(self, label):
        return self.panel.locator(".widget-inline-hbox", has_text=label).first

    def choose(self, label, option):
        """Chooses from the drop-down list of this name."""
        self.control(label).locator("select").select_option(label=option)

    def set_number(self, label, value):
        """Types into the field of this name."""
        self.control(label).locator("input").fill(str(value))
        self.page.keyboard.press("Enter")

    def move(self, label, value):
        """Moves a slider of integers with the keyboard."""
        self.control(label).locator(".noUi-handle").focus()
        self.page.keyboard.press("Home")
        low = self.control(label).locator(".noUi-handle")
        steps = value - int(float(low.get_attribute("aria-valuenow")))
        for _ in range(steps):
            self.page.keyboard.press("ArrowRight")

    def tick(self, *names):
        """Ticks these boxes and no others."""
        for box in self.panel.get_by_role("checkbox").all():
            name = box.locator("xpath=..").inner_text().strip()
            box.set_checked(name in names)

    def write(self, index, source):
        """Puts code into an empty cell, runs it, returns its outputs."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.insert_text(source)
        return self.run(index)

    def picture(self):
        return self.panel.locator("img").first.get_attribute("src")

    def wait_for_other_picture(self, old):
        self.page.wait_for_function(
            CHANGED, arg=[self.panel.element_handle(), old]
        )

    def count_pictures(self, at_least):
        self.panel.evaluate(browser.COUNT_PICTURES)
        self.page.wait_for_function(f"window.pictures >= {at_least}")

    def finish(self, screenshot):
        self.panel.scroll_into_view_if_needed()
        self.lab.screenshot(screenshot)
        self.lab.assert_quiet()

    def close(self, screenshot):
        self.finish(screenshot)
        self.lab.close()
