import pathlib

from dni_lesson.folders import REPOSITORY, data_folders, named_folder

import pytest


def test_the_repository_is_where_the_package_is():
    assert (REPOSITORY / "dni_lesson" / "folders.py").is_file()


def test_a_named_folder_is_the_only_one():
    assert data_folders({"DNI_LESSON_DATA": "/x/y"}) == [pathlib.Path("/x/y")]
    for nothing in ({}, {"DNI_LESSON_DATA": ""}):
        assert named_folder(nothing) is None
        assert data_folders(nothing) == [
            pathlib.Path("data"),
            REPOSITORY / "data",
        ]


@pytest.mark.parametrize("name", ["~/y", "$PLACE/y", "${PLACE}/y"])
def test_home_and_variables_are_replaced(name, tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE", "PLACE"):
        monkeypatch.setenv(variable, str(tmp_path))
    assert named_folder({"DNI_LESSON_DATA": name}) == tmp_path / "y"
