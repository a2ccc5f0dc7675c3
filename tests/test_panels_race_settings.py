from dni_lesson.panels.race_settings import Settings, as_code


def test_settings_are_told_as_code():
    assert as_code(Settings()) == "RacePanel()"
    changed = Settings(depth=2, rules=("cdni",), update_probability=0.2)
    code = as_code(changed)
    assert eval(code, {"RacePanel": Settings}) == changed
