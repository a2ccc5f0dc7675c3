"""Opens the workbook in a JupyterLab that is quiet and stays off the internet.

A stock JupyterLab asks whether it may fetch news, looks for its own updates
and lists extensions from the package index. A lesson needs none of it, and a
class room may have no network. All settings stand here, so that make, conda
and Windows users get the same JupyterLab; a reader's own settings are kept.
"""

import os
import pathlib

from dni_lesson.data import REPOSITORY

LESSON = "00_start_here.ipynb"
FIRST_LESSON = f"notebooks/{LESSON}"  # With outputs, for those who look.
FIRST_PAGE = f"workbook/{LESSON}"  # Without, for those who learn.

# The question about news can be answered beforehand only by a settings file. It
# also keeps the state of widgets in notebooks that a reader saves: without it a
# panel whose kernel is gone is the line "model not found". And it has pages
# such as the glossary opened as pages, not as their source.
_CONFIG = pathlib.Path(__file__).resolve().parent / "jupyter"

_OPTIONS = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    # Else every kernel start warns that messages travel unencrypted.
    "--KernelManager.transport_encryption=auto",
)


def lab_arguments(root, notebook=None):
    """Returns JupyterLab's command line arguments as a list of strings.

    Args:
        root: Path. The folder that the file browser shows.
        notebook: String. A notebook below `root` to open first, or `None`.
    """
    arguments = [f"--ServerApp.root_dir={root}", *_OPTIONS]
    if notebook:
        arguments.append(f"--LabApp.default_url=/lab/tree/{notebook}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # In a container root is often the only user; Jupyter would refuse.
        arguments.append("--allow-root")
    return arguments


def lab_environment(environment):
    """Returns a copy of `environment` in which JupyterLab finds our settings.

    Args:
        environment: Mapping of strings, for instance `os.environ`.
    """
    folders = [str(_CONFIG), environment.get("JUPYTER_CONFIG_PATH")]
    path = os.pathsep.join(folder for folder in folders if folder)
    return {**environment, "JUPYTER_CONFIG_PATH": path}


def main(arguments=()):
    """Runs JupyterLab on the learner's first lesson until it is stopped.

    Args:
        arguments: Strings. More options for JupyterLab, for instance
            `["--no-browser"]`.

    Returns:
        The exit code: 1 if there is nothing to open, or nowhere to write.
    """
    if not (REPOSITORY / FIRST_LESSON).is_file():
        print(
            f"There is no {FIRST_LESSON} in {REPOSITORY}. Install the package "
            "from a clone of the repository, with: pip install -e ."
        )
        return 1
    try:
        from dni_lesson.kit import workbook

        from jupyterlab.labapp import LabApp
    except ImportError as error:
        print(f"JupyterLab cannot be loaded: {error}")
        print("Say what is wrong with: python -m dni_lesson doctor")
        return 1
    try:
        sentences = workbook.prepare(REPOSITORY)
    except OSError as error:
        print(workbook.what_to_do(error, REPOSITORY))
        return 1
    if sentences:
        print("\n".join(sentences), flush=True)
    os.environ.update(lab_environment(os.environ))
    LabApp.launch_instance([*lab_arguments(REPOSITORY, FIRST_PAGE), *arguments])
    return 0
