"""Makes pytest judge the lessons as a reader in JupyterLab sees them.

nbval runs the lessons. Where it treats a cell otherwise than Jupyter does, or
looks away, it is mended here. The file ../conftest.py loads this plugin.
"""

import base64
import difflib
import io
import os
import pathlib
import re
import tempfile

import browser
import lessons
import nbval.kernel
import nbval.plugin
import nbval_kernels
import numpy as np
from PIL import Image

# Mean difference of two pictures in grey levels of 255 above which they show
# something else: another curve in the same axes makes about 3 and more.
PICTURE_TOLERANCE = 1.5
# The tag of a cell whose pictures show values of training. After some epochs
# these differ between machines, as sums are added up in another order: only
# what the picture says in words and structure is compared.
TRAINED = "trained"
# A number, and whether a digit was read rightly (✓) or wrongly (✗), in JSON.
_VALUE = re.compile(r"\d+(\.\d+)?( \\u271[37])?")

_OUTPUTS = ("stream", "display_data", "execute_result", "error")


def pytest_configure(config):
    """Keeps the reader's own Jupyter settings and history out of the tests."""
    home = tempfile.TemporaryDirectory(
        prefix="dni-", ignore_cleanup_errors=True
    )
    config.add_cleanup(home.cleanup)
    for name in (
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "IPYTHONDIR",
    ):
        folder = pathlib.Path(home.name, name.lower())
        folder.mkdir()
        os.environ[name] = str(folder)


class Kernel(nbval.kernel.RunningKernel):
    """A kernel that treats nbval's cells as it treats JupyterLab's."""

    def __init__(self, *args, **kwargs):
        self._widgets_that_capture = set()
        # With this variable set, ipykernel lets C-level stderr pass unseen.
        test = os.environ.pop("PYTEST_CURRENT_TEST", None)
        try:
            super().__init__(*args, **kwargs)
        finally:
            if test is not None:
                os.environ["PYTEST_CURRENT_TEST"] = test

    def execute_cell_input(self, cell_input, allow_stdin=None):
        """As nbval's, but with history: without it, `x;` prints x."""
        return self.kc.execute(
            cell_input,
            store_history=True,
            allow_stdin=allow_stdin,
            stop_on_error=False,
        )

    def get_message(self, stream, timeout=None):
        """As nbval's, but what goes into an Output widget is no cell output."""
        while True:
            message = super().get_message(stream, timeout)
            if stream != "iopub" or not self._is_captured(message):
                return message

    def _is_captured(self, message):
        content = message["content"]
        if message["msg_type"] in ("comm_open", "comm_msg"):
            state = content["data"].get("state", {})
            if state.get("msg_id"):
                self._widgets_that_capture.add(content["comm_id"])
            elif "msg_id" in state:
                self._widgets_that_capture.discard(content["comm_id"])
        return self._widgets_that_capture and message["msg_type"] in _OUTPUTS


def _setup(self, setup=nbval.plugin.IPyNbFile.setup):
    """Lets a browser run a lesson, and this process run a solution."""
    if self.path.parent == lessons.NOTEBOOKS / "solutions":
        self.kernel = nbval_kernels.ThisProcess()
    elif self.path.parent == lessons.NOTEBOOKS and browser.find_chromium():
        self.kernel = nbval_kernels.Browser(self.path)
    else:
        setup(self)


def _collect(self, collect=nbval.plugin.IPyNbFile.collect):
    """Refuses a lesson that was saved with cells that had not been run."""
    for cell in collect(self):
        if cell.cell.source.strip() and cell.cell.execution_count is None:
            raise self.CollectError(
                f"{self.path.name}: {cell.name} was saved without having been "
                "run. Run: make lessons"
            )
        yield cell


def _compare_outputs(
    self,
    test,
    ref,
    skip_compare=None,
    compare=nbval.plugin.IPyNbCell.compare_outputs,
):
    """Compares the outputs as nbval does, and then the pictures."""
    if not compare(self, test, ref, skip_compare):
        return False
    trained = TRAINED in self.cell.metadata.get("tags", [])
    problem = compare_pictures(pictures(ref), pictures(test), trained)
    if problem:
        self.comparison_traceback.append(problem)
    return not problem


def pictures(outputs):
    """Returns the PNG files, in base64, among the outputs of a cell."""
    return [
        output["data"]["image/png"]
        for output in outputs
        if "image/png" in output.get("data", {})
    ]


def compare_pictures(stored, fresh, trained=False):
    """Returns what differs between two lists of pictures, or `None`.

    Each picture carries a description of what it says, see
    `dni_lesson/plots/png.py`. Pixels count too, unless they show values
    of training.

    Args:
        stored: List of strings, PNG files in base64, from the notebook.
        fresh: List of strings, the same from the run just made.
        trained: Boolean, whether they show values of training. Default `False`.
    """
    if len(stored) != len(fresh):
        return f"{len(stored)} pictures are stored, {len(fresh)} were drawn"
    for number, pair in enumerate(zip(stored, fresh, strict=True), start=1):
        images = [open_picture(png) for png in pair]
        problem = _compare_descriptions(*images, trained)
        if not problem and not trained:
            problem = _compare_pixels(*images)
        if problem:
            return f"picture {number}: {problem}"
    return None


def open_picture(png):
    """Returns a PNG file in base64 as a Pillow image."""
    return Image.open(io.BytesIO(base64.b64decode(png)))


def _compare_descriptions(stored, fresh, trained):
    texts = [image.info.get("Description", "") for image in (stored, fresh)]
    if trained and not all(texts):
        return "it has no description: show it by plots.show or in a panel"
    lines = [text.splitlines() for text in texts]
    if trained:
        lines = [[_without_values(line) for line in told] for told in lines]
    return "\n".join(
        difflib.unified_diff(*lines, "stored", "fresh", lineterm="")
    )


def _without_values(line):
    """Returns a line of a description without the values in a free text."""
    return _VALUE.sub("#", line) if line.startswith('["Text"') else line


def _compare_pixels(stored, fresh):
    grey = [np.asarray(i.convert("L"), "float32") for i in (stored, fresh)]
    if grey[0].shape != grey[1].shape:
        return f"its size was {stored.size} and is {fresh.size}"
    distance = np.abs(grey[0] - grey[1]).mean()
    if distance > PICTURE_TOLERANCE:
        return f"it differs by {distance:.2f} grey levels of 255"
    return None


nbval.plugin.RunningKernel = Kernel
nbval.plugin.IPyNbFile.setup = _setup
nbval.plugin.IPyNbFile.collect = _collect
nbval.plugin.IPyNbCell.compare_outputs = _compare_outputs
