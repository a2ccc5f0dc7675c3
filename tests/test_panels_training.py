from dni_lesson.panels.training import Background

from races import WAIT, no_thread_left, wait_for

__all__ = ["no_thread_left"]  # A fixture that every test uses.


def test_a_paused_generator_waits_and_is_stopped():
    items, states = iter(range(1, 10)), []
    work = Background(
        lambda stop: (item > 0 for item in items),
        lambda work: states.append(work.state),
    )
    work.go(1)
    work.start()
    wait_for(lambda: work.state == "paused")
    work.go(2)
    wait_for(lambda: work.state == "paused")
    assert next(items) == 4
    work.stop()
    assert work.join(WAIT)
    assert states == [
        "running",
        "paused",
        "running",
        "running",
        "paused",
        "stopped",
    ]
