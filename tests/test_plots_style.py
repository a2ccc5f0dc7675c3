from dni_lesson import plots
from dni_lesson.networks import RULES
from dni_lesson.plots.style import LOOKS, looks
from dni_lesson.schedules.timetable import SCHEDULES


def test_colours_are_all_different():
    ideas = ("true", "synthetic", "dni", "no_bprop", "forward", "idle")
    assert len({plots.COLORS[idea] for idea in ideas}) == len(ideas)


def test_every_rule_of_the_course_has_a_look():
    assert set(RULES) <= set(LOOKS)


def test_no_two_rules_of_the_table_look_the_same():
    assert len({look[1:] for look in LOOKS.values()}) == len(LOOKS)


def test_every_schedule_has_a_look_of_its_own():
    assert set(plots.SCHEDULES) == set(SCHEDULES)
    looks_ = {look[1:] for look in plots.SCHEDULES.values()}
    assert len(looks_) == len(plots.SCHEDULES)


def test_backprop_has_the_colour_of_the_true_gradient():
    assert plots.COLORS["backprop"] == plots.COLORS["true"]
    assert plots.COLORS["cdni"] == plots.COLORS["synthetic"]


def test_own_rules_go_by_their_names_in_colours_that_are_not_taken():
    shown = looks(["mine", "backprop", "yours", "cdni"])
    assert list(shown) == ["mine", "backprop", "yours", "cdni"]
    assert (shown["mine"].name, shown["yours"].name) == ("mine", "yours")
    assert shown["backprop"] == LOOKS["backprop"]
    assert len({look.color for look in shown.values()}) == 4


def test_many_own_rules_differ_in_colour_or_line():
    shown = looks(["backprop", *(f"rule {k}" for k in range(12))])
    assert len({look[1:] for look in shown.values()}) == len(shown)
