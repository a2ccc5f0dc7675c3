import re

from dni_lesson.experiments import report

import helpers
import pandas as pd
import pytest
from test_experiments_currencies import arms


def test_the_report_names_settings_machine_and_arms():
    text = report.markdown(helpers.benchmark_rows())
    assert "digits, batch 256, 5 epochs" in text
    assert "## 4 layers of 256 units, p = 0.2" in text
    assert "| cdni | 2 |" in text
    assert "- `skipping`: control" in text


def test_the_report_shows_peak_memory():
    lines = report.markdown(helpers.benchmark_rows()).splitlines()
    (head,) = [line for line in lines if line.startswith("| arm |")]
    (row,) = [line for line in lines if line.startswith("| cdni |")]
    assert head.endswith("| peak MiB |") and row.endswith("| 700 |")


def test_every_probability_has_a_table_of_its_own():
    text = report.markdown(helpers.benchmark_rows(p=(0.2, 1.0)))
    assert "p = 0.2\n" in text and "p = 1\n" in text
    assert text.count("| backprop |") == 2


@pytest.mark.parametrize(
    "other", [{"data": "mnist"}, {"epochs": 9}, {"cpu": "another"}]
)
def test_runs_under_other_conditions_are_not_mixed(other):
    rows = helpers.benchmark_rows()
    both = pd.concat([rows, rows.assign(**other)])
    text = report.markdown(both)
    assert text.count("| backprop | 2 |") == 2
    assert text.count("Device ") == 2


def test_a_page_holds_the_tables_and_the_figures_in_one_file(tmp_path):
    path = tmp_path / "report.html"
    report.write(path, helpers.benchmark_rows())
    text = path.read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>") and "<th>peak MiB</th>" in text
    assert text.count("<td>700</td>") == 3
    pictures = re.findall(r'<img src="([^"]{30})[^"]*" alt="([^"]+)"', text)
    assert pictures and len(pictures) == text.count("<img ")
    assert {start for start, _ in pictures} == {
        "data:image/png;base64,iVBORw0K"
    }
    assert not re.search(r'(src|href)="(?!data:)', text)


def test_a_page_shows_no_text_as_markup():
    text = report.page(helpers.benchmark_rows(cpu="<script>x</script>"))
    assert "<script>" not in text and "&lt;script&gt;" in text


def test_markdown_is_written_as_markdown(tmp_path):
    rows = helpers.benchmark_rows()
    report.write(tmp_path / "report.md", rows)
    assert (tmp_path / "report.md").read_text() == report.markdown(rows)


def test_another_kind_of_file_is_refused():
    with pytest.raises(ValueError, match="`report`. Expected .*.md or .html"):
        report.write("report.pdf", helpers.benchmark_rows())


def titles(rows):
    return [title.partition(":")[0] for title, _, _ in report.figures(rows)]


def test_every_probability_has_its_three_currencies():
    rows = helpers.benchmark_rows(p=(0.2, 1.0))
    assert titles(rows) == ["Test error in three currencies"] * 2


def test_rows_with_all_links_give_the_speed_against_p_and_the_chain():
    found = report.figures(helpers.benchmark_rows(arms, p=(0.1, 0.2, 1.0)))
    against_p, chain = list(found)[-2:]
    assert "3 times as fast at p = 0.13" in against_p[2]
    assert "skipping 1.18, idle 2.00, logging 2.50, both 2.08" in chain[2]
    assert len(chain[1].axes[0].patches) == 7


def test_a_speed_that_is_never_reached_is_said_so():
    found = report.figures(helpers.benchmark_rows(arms, p=(0.2, 1.0)))
    assert "times as fast nowhere here" in list(found)[-2][2]


@pytest.mark.parametrize("p", [(0.2,), (0.2, 0.5)])
def test_without_a_run_at_p_1_there_is_no_chain(p):
    found = titles(helpers.benchmark_rows(arms, p=p))
    assert not [title for title in found if title.startswith("How a speed-up")]
