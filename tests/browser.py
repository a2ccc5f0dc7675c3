"""A real browser on a real JupyterLab, for tests that do what a reader does."""

import contextlib
import os
import pathlib
import shutil
import urllib.parse

import nbformat

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
_ALL_CELLS_HAVE_RUN = r"""count => {
  const cells = document.querySelectorAll('.jp-CodeCell .jp-InputPrompt');
  return cells.length === count
    && [...cells].every(cell => /\[\d+\]/.test(cell.textContent));
}"""


def find_chromium():
    """Returns the path of a Chromium or Chrome, or `None`.

    The environment variable `DNI_CHROMIUM` names one that is elsewhere.
    """
    named = os.environ.get("DNI_CHROMIUM")
    if named:
        return named
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


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
    """

    def __init__(self, browser, server, root, name):
        self.file = root / name
        self.hosts = set()
        context = browser.new_context(
            viewport={"width": 1280, "height": 1500}, reduced_motion="reduce"
        )
        self.page = context.new_page()
        self.page.on("request", self._note_host)
        self.page.goto(
            server.url(f"lab/workspaces/auto-t/tree/{name}?reset"),
            timeout=SECONDS_TO_OPEN * 1000,
        )
        self.wait_until_idle(SECONDS_TO_OPEN)

    def _note_host(self, request):
        url = urllib.parse.urlparse(request.url)
        if url.scheme not in ("data", "blob"):
            self.hosts.add(url.hostname)

    def wait_until_idle(self, seconds=SECONDS_TO_RUN):
        """Waits until the kernel has nothing left to do."""
        for selector in (_KERNEL_IDLE, _IDLE):
            self.page.wait_for_selector(selector, timeout=seconds * 1000)

    def run_all(self):
        """Chooses Run, Run All Cells, and waits for the last cell."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        cells = nbformat.read(self.file, as_version=4).cells
        # JupyterLab puts the cells of a long notebook on the page bit by bit.
        self.page.wait_for_function(
            _ALL_CELLS_HAVE_RUN,
            arg=sum(cell.cell_type == "code" for cell in cells),
            timeout=SECONDS_TO_RUN * 1000,
        )
        self.wait_until_idle()

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
