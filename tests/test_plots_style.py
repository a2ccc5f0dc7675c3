from dni_lesson import plots


def test_colours_are_all_different():
    ideas = ("true", "synthetic", "dni", "no_bprop", "forward", "idle")
    assert len({plots.COLORS[idea] for idea in ideas}) == len(ideas)
