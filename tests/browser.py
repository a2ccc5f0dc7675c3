"""A real browser on a real JupyterLab, for tests that do what a reader does."""

import contextlib
import os
import pathlib
import shutil
import urllib.parse

import lessons
import nbformat
import pytest
from nbformat import v4

ARTIFACTS = pathlib.Path(__file__).resolve().parent / "artifacts"
PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
OPTIONS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # root in a container has no sandbox
)
# Generous: a limit on a stuck page, not a claim about speed.
SECONDS_TO_OPEN = 180
SECONDS_TO_RUN = 600
SECONDS_TO_SAVE = 60

_IDLE = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
# The indicator is idle also before there is a kernel, and running cells then
# makes JupyterLab ask for one. The status bar knows better.
_KERNEL_IDLE = "#jp-main-statusbar :text('Python 3 (ipykernel) | Idle')"
# Cells that wait or run have a star. One that fails keeps the others from
# their turn: they have neither a star nor a number.
_NO_CELL_WAITS = r"""count => {
  const cells = document.querySelectorAll('.jp-CodeCell .jp-InputPrompt');
  const told = [...cells].map(cell => cell.textContent);
  return told.length === count && told.some(text => /\[\d+\]/.test(text))
    && told.every(text => !text.includes('*'));
}"""
# Counts in `window.pictures` how often a panel's picture changes from now on.
COUNT_PICTURES = """panel => { window.pictures = 0;
  const count = () => { window.pictures += 1; };
  panel.querySelector('img').addEventListener('load', count);
  const live = panel.querySelector('.dni-live');
  const parts = {childList: true, subtree: true};
  if (live) new MutationObserver(count).observe(live, parts); }"""


def find_chromium():
    """Returns the path of a Chromium or Chrome, or `None`.

    The environment variable `DNI_CHROMIUM` names one that is elsewhere.
    """
    named = os.environ.get("DNI_CHROMIUM")
    programs = [named] if named else PROGRAMS
    return next(filter(None, map(shutil.which, programs)), None)


def check_named():
    """Stops the run if `DNI_CHROMIUM` names what is no program."""
    named = os.environ.get("DNI_CHROMIUM")
    if named and not find_chromium():
        raise pytest.UsageError(
            f"DNI_CHROMIUM={named} is no program. Name a Chromium or Chrome,"
            " or unset it."
        )


def left_out(skipped):
    """Returns the sentence on browser tests that no browser was there for.

    Args:
        skipped: List of pytest's reports of tests that were skipped.
    """
    count = sum("browser" in report.keywords for report in skipped)
    if not count or find_chromium():
        return None
    return (
        f"Left out: {count} browser tests. They need Chromium: install it, or"
        " name one in DNI_CHROMIUM."
    )


MARKS = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        find_chromium() is None,
        reason="no Chromium; name one in DNI_CHROMIUM",
    ),
]


@contextlib.contextmanager
def chromium():
    """Starts a browser, yields it, and closes it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=list(OPTIONS)
        )
        try:
            yield browser
        finally:
            browser.close()


def copy_unrun(source, target):
    """Copies a notebook without its outputs, so that a test sees new ones."""
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def store(cells, path):
    """Writes a notebook of `cells`."""
    # Without a kernel's name JupyterLab would ask for one.
    nbformat.write(
        v4.new_notebook(cells=cells, metadata=lessons.METADATA), path
    )


def problems(notebook):
    """Returns the error and stderr outputs of a notebook's cells."""
    return [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


class Lab:
    """One notebook, open in JupyterLab.

    Args:
        browser: A Playwright browser.
        server: A `lab_server.Server`.
        root: Path of the folder that the server shows.
        name: String. The notebook's path below `root`.

    Attributes:
        page: The Playwright page.
        hosts: Set of strings. Every host that the page asked for something.
        errors: List of strings. What the browser's console told as an error.
    """

    def __init__(self, browser, server, root, name):
        self.file = root / name
        self.hosts, self.errors = set(), []
        context = browser.new_context(
            viewport={"width": 1280, "height": 1500}, reduced_motion="reduce"
        )
        self.page = context.new_page()
        self.page.on("request", self._note_host)
        self.page.on("console", self._note_error)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self._address = server.url(f"lab/workspaces/auto-t/tree/{name}?reset")
        self.open()

    def open(self):
        """Opens the notebook, or opens it again, as after a reload."""
        self.page.goto(self._address, timeout=SECONDS_TO_OPEN * 1000)
        self.wait_until_idle(SECONDS_TO_OPEN)

    def close(self):
        """Closes the page; its kernel goes on."""
        self.page.context.close()

    def _note_host(self, request):
        url = urllib.parse.urlparse(request.url)
        if url.scheme not in ("data", "blob"):
            self.hosts.add(url.hostname)

    def _note_error(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def assert_quiet(self):
        """No pop-up, no error, and nothing but our own server was asked."""
        assert self.page.locator(".jp-Dialog, .Toastify__toast").count() == 0
        assert self.hosts == {"127.0.0.1"}
        assert self.errors == []

    def wait_until_idle(self, seconds=SECONDS_TO_RUN):
        """Waits until the kernel has nothing left to do."""
        for selector in (_KERNEL_IDLE, _IDLE):
            self.page.wait_for_selector(selector, timeout=seconds * 1000)

    def run_all(self):
        """Chooses Run, Run All Cells, and waits until no cell waits."""
        self.choose("Run", "Run All Cells")
        cells = nbformat.read(self.file, as_version=4).cells
        # JupyterLab puts the cells of a long notebook on the page bit by bit.
        self.page.wait_for_function(
            _NO_CELL_WAITS,
            arg=sum(cell.cell_type == "code" for cell in cells),
            timeout=SECONDS_TO_RUN * 1000,
        )
        self.wait_until_idle()

    def run_cell(self, index):
        """Runs one code cell and returns the locator of its outputs."""
        cell = self.page.locator(".jp-CodeCell").nth(index)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        return cell.locator(".jp-OutputArea-output")

    def choose(self, first, *rest):
        """Chooses an item of the main menu, such as `"Settings", "Theme"`."""
        self.page.get_by_role("menuitem", name=first, exact=True).click()
        for name in rest[:-1]:
            self.page.get_by_text(name, exact=True).hover()
        self.page.get_by_text(rest[-1], exact=True).click()

    def save(self):
        """Saves the notebook and returns it as it is now in its file."""
        before = self.file.stat().st_mtime_ns
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        for _ in range(SECONDS_TO_SAVE * 10):
            # JupyterLab empties the file before it writes.
            stat = self.file.stat()
            if stat.st_mtime_ns != before and stat.st_size:
                with contextlib.suppress(nbformat.reader.NotJSONError):
                    return nbformat.read(self.file, as_version=4)
            self.page.wait_for_timeout(100)
        raise TimeoutError(f"{self.file} was not saved")

    def screenshot(self, name):
        """Stores what the reader sees in `tests/artifacts/`."""
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png")
