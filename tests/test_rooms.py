"""The rooms of the package stand in an order: each knows those below it."""

import ast
import graphlib
import json
import pathlib
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "dni_lesson"
HEIGHT = {
    "library": 0,
    "schedules": 1,
    "workers": 2,
    "plots": 3,
    "experiments": 4,
    "panels": 5,
    "exercises": 5,
    "kit": 5,
    "__main__": 6,
}
LESSONS = sorted((REPOSITORY / "notebooks").rglob("*.ipynb"))
USUAL = {"keras", "numpy", "matplotlib", "pandas"}


def modules():
    """Returns the syntax tree of every module, by its dotted name."""
    trees = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        trees[name] = ast.parse(path.read_text("utf-8"))
    return trees


TREES = modules()


def imports(tree):
    """Returns the names of the modules that a tree imports, wherever it does.

    Of a `from` the names are modules, too, where there are such modules.
    """
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names += [name if name in TREES else node.module for name in inner]
    return list(dict.fromkeys(names))


def own(names):
    return [name for name in names if name.split(".")[0] == "dni_lesson"]


def room(module):
    second = module.split(".")[1:2]
    return second[0] if second and second[0] in HEIGHT else "library"


@pytest.mark.parametrize("module", TREES)
def test_a_module_imports_its_own_room_and_those_below(module):
    here = room(module)
    for name in own(imports(TREES[module])):
        there = room(name)
        assert here == there or HEIGHT[here] > HEIGHT[there], name
        if here == "schedules" != there:
            assert name == "dni_lesson.checks"


def test_no_module_imports_itself_by_way_of_others():
    order = graphlib.TopologicalSorter(
        {
            module: {name for name in own(imports(tree)) if name != module}
            for module, tree in TREES.items()
        }
    )
    assert set(order.static_order()) == set(TREES)


@pytest.mark.parametrize(
    "library, only",
    [("ray", "workers"), ("ipywidgets", "panels"), ("jupyterlab", "kit")],
)
def test_one_room_alone_knows(library, only):
    rooms = {
        room(module)
        for module, tree in TREES.items()
        if library in {name.split(".")[0] for name in imports(tree)}
    }
    assert rooms <= {only}


def test_arithmetic_needs_numpy_at_most():
    for module, tree in TREES.items():
        if room(module) == "schedules" or module == "dni_lesson.checks":
            foreign = {name.split(".")[0] for name in imports(tree)}
            foreign -= {*sys.stdlib_module_names, "dni_lesson"}
            assert foreign <= {"numpy"}, module


def code_of(notebook):
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    source = [
        "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"
    ]
    # A magic command is not Python.
    lines = "\n".join(source).splitlines()
    return ast.parse("\n".join(x for x in lines if not x.startswith("%")))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_a_lesson_opens_few_doors_and_only_front_ones(lesson):
    doors = []
    for node in ast.walk(code_of(lesson)):
        if isinstance(node, ast.ImportFrom):
            doors.append(node.module)
        elif isinstance(node, ast.Import):
            doors.append(node.names[0].name)
    for door in own(doors):
        assert door in ("dni_lesson", f"dni_lesson.{room(door)}"), door
    usual = USUAL | sys.stdlib_module_names
    others = [door for door in doors if door.split(".")[0] not in usual]
    assert len(others) <= 6, others
