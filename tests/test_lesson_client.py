import asyncio
import pathlib
import queue

import lesson_client
import lessons
import pytest
from nbformat import v4


def test_an_answer_that_nobody_told_of_is_found(monkeypatch):
    looks = []

    async def look(channel, timeout):
        looks.append(timeout)
        if len(looks) < 3:
            raise queue.Empty
        return "an answer"

    base = lesson_client.AsyncZMQSocketChannel
    monkeypatch.setattr(base, "get_msg", look)
    channel = lesson_client.Channel.__new__(lesson_client.Channel)
    assert asyncio.run(channel.get_msg(300)) == "an answer"
    assert looks == [lesson_client.SECONDS_BETWEEN_LOOKS] * 3
    looks[:] = []
    assert asyncio.run(channel.get_msg()) == "an answer"


def test_when_the_time_is_over_nobody_waits_on(monkeypatch):
    async def look(channel, timeout):
        raise queue.Empty

    base = lesson_client.AsyncZMQSocketChannel
    monkeypatch.setattr(base, "get_msg", look)
    channel = lesson_client.Channel.__new__(lesson_client.Channel)
    with pytest.raises(queue.Empty):
        asyncio.run(channel.get_msg(0))


def test_lessons_are_run_by_such_a_client(tmp_path, monkeypatch):
    asked, get_msg = [], lesson_client.Channel.get_msg

    async def ask(channel, timeout=None):
        asked.append(timeout)
        return await get_msg(channel, timeout)

    monkeypatch.setattr(lesson_client.Channel, "get_msg", ask)
    notebook = v4.new_notebook(cells=[v4.new_code_cell("1 + 1")])
    lessons.run(notebook, pathlib.Path(tmp_path))
    assert asked and notebook.cells[0].outputs[0].data["text/plain"] == "2"
