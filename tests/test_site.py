"""The site has every lesson, and its own check finds what is wrong with it.

Sphinx is not needed here: `make site` adds it, and builds and checks the site.
"""

import fnmatch
import pathlib
import re
import runpy
import tomllib

import lessons
import pytest
import yaml
from packaging import requirements
from test_setup_files import HOSTS, LOCK, REPOSITORY, entries, locked

DOCS = REPOSITORY / "docs"
CONF = runpy.run_path(str(DOCS / "conf.py"))
CHECK = runpy.run_path(str(DOCS / "check.py"))
SITE_LOCK = (REPOSITORY / "requirements-site.lock").read_text("utf-8")
WORKFLOW = yaml.safe_load(
    (REPOSITORY / ".github" / "workflows" / "pages.yml").read_text("utf-8")
)
MAKEFILE = (REPOSITORY / "Makefile").read_text("utf-8")
TREES = re.compile(r"```\{toctree\}(.*?)```", re.DOTALL)
PAGE = "<h1>A</h1><h2 id='here'></h2>"


def names(paths):
    return {path.relative_to(REPOSITORY).as_posix() for path in paths}


def in_tree():
    """Returns the patterns of the navigation, as names of notebooks."""
    trees = TREES.findall((DOCS / "index.md").read_text("utf-8"))
    lines = [line for tree in trees for line in tree.splitlines()]
    return [f"{line[1:]}.ipynb" for line in lines if line.startswith("/")]


def test_the_site_has_exactly_the_lessons_and_solutions_that_are_here():
    here = names(REPOSITORY.glob("notebooks/**/*.ipynb"))
    here = {name for name in here if ".ipynb_checkpoints" not in name}
    assert names(lessons.find()) <= here
    patterns = CONF["include_patterns"]
    on_the_site = {name for p in patterns for name in names(REPOSITORY.glob(p))}
    assert {n for n in on_the_site if n.endswith(".ipynb")} == here


def test_every_notebook_stands_in_the_navigation_once():
    for name in names(lessons.find()):
        # In a glob of Sphinx a star stops at a slash.
        found = [
            pattern
            for pattern in in_tree()
            if fnmatch.fnmatch(name, pattern)
            and name.count("/") == pattern.count("/")
        ]
        assert len(found) == 1, name


def test_the_api_page_names_rooms_that_exist():
    text = (DOCS / "api.rst").read_text("utf-8")
    rooms = re.findall(r"automodule:: dni_lesson\.?(\w*)", text)
    assert "" in rooms
    for room in rooms:
        assert (REPOSITORY / "dni_lesson" / room / "__init__.py").exists()


def test_nothing_is_executed_for_the_site_and_mathematics_is_bundled():
    assert CONF["nb_execution_mode"] == "off"
    assert "/" not in CONF["mathjax_path"]


def test_the_site_is_made_of_what_its_lock_says():
    assert not set(locked(SITE_LOCK)) & set(locked(LOCK))
    assert not HOSTS.search(SITE_LOCK)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    for line in project["project"]["optional-dependencies"]["site"]:
        wanted = requirements.Requirement(line)
        (version,) = locked(SITE_LOCK)[wanted.name]
        assert wanted.specifier.contains(version), line
    for block in entries(SITE_LOCK):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block


def test_the_workflow_publishes_what_make_site_makes():
    steps = WORKFLOW["jobs"]["build"]["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    assert [run.split()[:2] for run in runs] == [["make", "site"]]
    assert re.search(r"^site:", MAKEFILE, re.MULTILINE)
    assert steps[-1]["with"]["path"] in MAKEFILE
    steps += WORKFLOW["jobs"]["publish"]["steps"]
    for used in (step["uses"] for step in steps if "uses" in step):
        assert re.search(r"@v\d+\.\d+\.\d+$", used), used


@pytest.mark.parametrize(
    "html, why",
    [
        ("<a href='gone.html'>x</a>", "leads nowhere: gone.html"),
        ("<a href='a.html#gone'>x</a>", "no such anchor: a.html#gone"),
        ("<img src='a.html' alt='short'>", "no alt text: a.html"),
        ("<h1>B</h1>", "2 titles"),
        ("<p>$$x$$</p>", "mathematics left as text: $$x$$"),
        *(
            (html, "loads from elsewhere: //cdn.example/x")
            for html in (
                "<script src='//cdn.example/x'></script>",
                "<link rel='stylesheet' href='//cdn.example/x'>",
            )
        ),
    ],
)
def test_the_check_finds(tmp_path, html, why):
    (tmp_path / "a.html").write_text(PAGE, "utf-8")
    (tmp_path / "b.html").write_text(PAGE + html, "utf-8")
    assert f"b.html: {why}" in CHECK["check"](tmp_path)


def test_the_check_finds_nothing_in_a_sound_site(tmp_path):
    sound = (
        "<a href='a.html#here'>x</a> <a href='#here'>x</a> "
        "<a href='https://example.org'>x</a> <code>$$</code>"
        f"<img src='a.html' alt='{'words ' * 6}'>"
    )
    (tmp_path / "a.html").write_text(PAGE, "utf-8")
    (tmp_path / "b.html").write_text(PAGE + sound, "utf-8")
    assert CHECK["check"](tmp_path) == []


def test_the_check_finds_style_sheets_from_elsewhere(tmp_path):
    for name in ("a.html", "b.html"):
        (tmp_path / name).write_text(PAGE, "utf-8")
    style = pathlib.Path(tmp_path, "x.css")
    style.write_text("a { src: url('https://cdn.example/x') }", "utf-8")
    (found,) = CHECK["check"](tmp_path)
    assert found == "x.css: loads from elsewhere: https://cdn.example/x"


def test_the_check_finds_that_there_is_no_site(tmp_path):
    assert CHECK["check"](tmp_path)
