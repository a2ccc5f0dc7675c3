"""What runs a notebook for nbval instead of a kernel that nbval starts.

nbval asks a kernel to run one cell after the other and compares what comes
back. A lesson is run once, as a reader runs it: in JupyterLab, in a browser. A
solution needs no kernel of its own, as it prints no more than a line a cell.
"""

import contextlib
import io
import pathlib
import tempfile
import traceback

from dni_lesson.exercises import exercise

import browser
import lab_server

_ID = "a cell"


class _Kernel:
    """Answers nbval as a kernel does, with outputs that are there already."""

    def outputs(self, source):
        """Returns the outputs, in the notebook format, of the next cell."""
        raise NotImplementedError

    def execute_cell_input(self, source, allow_stdin=None):
        idle = {"output_type": "status", "execution_state": "idle"}
        self._messages = [*self.outputs(source), idle]
        return _ID

    def get_message(self, stream, timeout=None):
        content = self._messages.pop(0)
        return {
            "msg_type": content["output_type"],
            "content": content,
            "parent_header": {"msg_id": _ID},
        }

    def await_reply(self, msg_id, timeout=None):
        pass

    def await_idle(self, parent_id, timeout):
        self._messages.clear()

    def is_alive(self):
        return True

    def stop(self):
        pass


class Browser(_Kernel):
    """Opens a lesson in JupyterLab, runs all cells and saves it, in one go.

    Args:
        path: Path of the notebook.

    Raises:
        AssertionError: If a pop-up, an error on the browser's console or a
            request to another host was seen.
    """

    def __init__(self, path):
        with contextlib.ExitStack() as stack:
            root, home = (
                pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
                for _ in range(2)
            )
            name = f"notebooks/{path.name}"
            browser.copy_unrun(path, root / name)
            server = stack.enter_context(lab_server.serve(home, root))
            chromium = stack.enter_context(browser.chromium())
            lab = browser.Lab(chromium, server, root, name)
            lab.run_all()
            lab.screenshot(path.stem)
            self._cells = iter(lab.save().cells)
            lab.assert_quiet()

    def outputs(self, source):
        # pytest may have chosen some of the cells: the others are passed over.
        cell = next(cell for cell in self._cells if cell.source == source)
        if cell.execution_count is None:
            return [_error("NotRun", "a cell before it failed", [])]
        return cell.outputs


class ThisProcess(_Kernel):
    """Runs cells that only print, one after the other, where pytest runs."""

    def __init__(self):
        self._names = {"__name__": "__main__"}
        # A new kernel knows of no answers, and here tests have given some.
        exercise._attempts.clear()
        exercise._first.clear()

    def outputs(self, source):
        printed = io.StringIO()
        outputs = []
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(source, "<cell>", "exec"), self._names)
        except Exception as error:
            lines = traceback.format_exception(error)
            outputs.append(_error(type(error).__name__, str(error), lines))
        if printed.getvalue():
            text = printed.getvalue()
            stream = {"output_type": "stream", "name": "stdout", "text": text}
            outputs.insert(0, stream)
        return outputs


def _error(name, value, lines):
    told = {"ename": name, "evalue": value, "traceback": lines}
    return {"output_type": "error", **told}
