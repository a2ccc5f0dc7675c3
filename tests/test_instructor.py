"""What the page for teachers says of lessons and commands is so."""

import re

import lessons

REPOSITORY = lessons.NOTEBOOKS.parent
PAGE = (REPOSITORY / "INSTRUCTOR.md").read_text(encoding="utf-8")
LESSONS = [path for path in lessons.find() if path.parent == lessons.NOTEBOOKS]
ROW = re.compile(r"^\| (\d\d) [^|]+\| (\d+)[^|]*\| (\d) \|", re.MULTILINE)
WORDS_A_MINUTE, SECONDS_A_LINE = 130, 5


def minutes(notebook):
    """Returns how long a lesson takes to read, its references left out."""
    text, lines = "", 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text += f"\n{cell.source}"
        else:
            lines += sum(map(bool, map(str.strip, cell.source.splitlines())))
    text = re.sub(r"\]\([^)]*\)", "", text.split("## References")[0])
    words = len(re.findall(r"[A-Za-z0-9][\w'’.-]*", text))
    return words / WORDS_A_MINUTE + lines * SECONDS_A_LINE / 60


def test_every_lesson_has_its_minutes_exercises_and_section():
    rows = {name: (int(a), int(b)) for name, a, b in ROW.findall(PAGE)}
    assert list(rows) == [path.name[:2] for path in LESSONS]
    for path in LESSONS:
        notebook = lessons.read(path)
        checks = re.findall(r"^dni\.check\(", _code(notebook), re.MULTILINE)
        stated, exercises = rows[path.name[:2]]
        assert abs(stated - minutes(notebook)) < 1.5, path.name
        assert exercises == len(checks), path.name
        assert f"### {path.name[:2]} · " in PAGE


def test_every_lesson_says_how_long_it_takes_with_its_exercises():
    """Five minutes for each exercise to code, two for each to predict."""
    for path in LESSONS:
        notebook = lessons.read(path)
        answers = re.findall(
            r"^dni\.check\(\S+ (\w+)\)", _code(notebook), re.MULTILINE
        )
        needed = minutes(notebook)
        needed += sum(2 if answer == "answer" else 5 for answer in answers)
        (stated,) = re.findall(r"(\d+) minutes", notebook.cells[0].source)
        assert abs(int(stated) - needed) < 5, (path.name, needed)


def _code(notebook):
    cells = [c.source for c in notebook.cells if c.cell_type == "code"]
    return "\n".join(cells)


def test_every_section_has_an_aim_numbers_and_questions():
    for section in re.split(r"^### (?=\d\d · )", PAGE, flags=re.MULTILINE)[1:]:
        section = section.split("\n## ")[0]
        for word in ("Aim.", "Misconceptions.", "Numbers", "Ask."):
            assert f"**{word}" in section, section[:30]


def test_plans_take_the_time_that_they_have():
    for start, total in (("### 90 minutes", 90), ("### Half a day", 240)):
        plan = PAGE.split(start)[1].split("\n### ")[0]
        spans = re.findall(r"^\| (\d+) to (\d+) ", plan, re.MULTILINE)
        edges = [int(edge) for span in spans for edge in span]
        assert (edges[0], edges[-1]) == (0, total)
        assert edges[1:-1:2] == edges[2::2]


def test_links_lead_somewhere_and_commands_are_there():
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    slugs = {
        re.sub("[^a-z0-9-]", "", h.lower().replace(" ", "-")) for h in headings
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGE):
        page, _, anchor = target.partition("#")
        assert (REPOSITORY / page).exists(), target
        assert page or anchor in slugs, target
    targets = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for name in re.findall(
        r"make ([a-z]+)`|^make ([a-z]+)", PAGE, re.MULTILINE
    ):
        assert f"\n{''.join(name)}:" in targets, name
