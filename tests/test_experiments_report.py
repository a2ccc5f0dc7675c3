import re

from dni_lesson.experiments import report

import helpers
import pytest


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
    both = report.pd.concat([rows, rows.assign(**other)])
    text = report.markdown(both)
    assert text.count("| backprop | 2 |") == 2
    assert text.count("Device ") == 2


def test_a_page_holds_the_tables_and_the_figures_in_one_file(tmp_path):
    path = tmp_path / "report.html"
    report.write(path, helpers.benchmark_rows())
    text = path.read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>") and "<th>peak MiB</th>" in text
    assert text.count("<td>700</td>") == 3
    pictures = re.findall(r'<img alt="([^"]+)" src="([^"]{30})', text)
    assert pictures and all(alt for alt, _ in pictures)
    assert {start for _, start in pictures} == {
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
