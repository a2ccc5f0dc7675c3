"""Tests of the command line and of the JupyterLab that it starts."""

import json
import os
import urllib.request

from dni_lesson import __main__
from dni_lesson.kit import lab

import lab_server
import pytest


def test_lab_passes_other_options_on_and_doctor_refuses_them(
    monkeypatch, capsys
):
    calls = []
    monkeypatch.setattr(lab, "main", lambda rest: calls.append(rest) or 0)
    assert __main__.main(["lab", "--no-browser", "--port=1"]) == 0
    assert calls == [["--no-browser", "--port=1"]]
    with pytest.raises(SystemExit):
        __main__.main(["doctor", "--port=1"])
    assert "unrecognized arguments: --port=1" in capsys.readouterr().err


def test_without_a_command_the_help_is_named(capsys):
    with pytest.raises(SystemExit):
        __main__.main([])
    assert "command" in capsys.readouterr().err


def test_lab_says_what_to_do_without_lessons(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lab, "REPOSITORY", tmp_path)
    assert lab.main([]) == 1
    assert "pip install -e ." in capsys.readouterr().out


def test_the_readers_own_settings_folders_are_kept():
    path = lab.lab_environment({"JUPYTER_CONFIG_PATH": "own", "A": "b"})
    assert path["A"] == "b"
    ours, own = path["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert own == "own"
    assert os.path.isdir(ours)


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """What `make lab` starts."""
    home = tmp_path_factory.mktemp("home")
    with lab_server.serve(home, command=["-m", "dni_lesson", "lab"]) as server:
        yield server


def test_jupyterlab_starts_without_news_updates_and_the_package_index(started):
    settings = started.get(
        "lab/api/settings/@jupyterlab/apputils-extension:notification"
    )
    widgets = started.get(
        "lab/api/settings/@jupyter-widgets/jupyterlab-manager:plugin"
    )
    assert widgets["schema"]["properties"]["saveState"]["default"] is True
    properties = settings["schema"]["properties"]
    assert properties["fetchNews"]["default"] == "false"
    assert properties["checkForUpdates"]["default"] is False
    pages = started.get(
        "lab/api/settings/@jupyterlab/docmanager-extension:plugin"
    )
    viewers = pages["schema"]["properties"]["defaultViewers"]["default"]
    assert viewers == {"markdown": "Markdown Preview"}
    assert '"news": {"disabled": true}' in started.get_text("lab")
    assert "readonly" in started.log.read_text()


@pytest.mark.skipif(
    not (lab.REPOSITORY / lab.FIRST_LESSON).exists(), reason="no lessons yet"
)
def test_make_lab_opens_the_first_lesson_of_the_workbook(started):
    request = urllib.request.urlopen(started.url(""))
    assert request.url.split("?")[0].endswith(f"/lab/tree/{lab.FIRST_PAGE}")
    contents = started.get(f"api/contents/{lab.FIRST_PAGE}?content=0")
    assert json.dumps(contents["type"]) == '"notebook"'
