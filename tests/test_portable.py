"""Tests of `make portable`: what it sets, and what it makes of a report."""

import portable
import pytest

REPORT = """\
<testsuites><testsuite>
<testcase classname="notebooks.04_watching_gradients::ipynb" name="Cell 5 ">
<failure>x</failure></testcase>
<testcase classname="notebooks.04_watching_gradients::ipynb" name="Cell 6 "/>
<testcase classname="tests.test_layers" name="test_a"><error/></testcase>
<testcase classname="tests.test_layers" name="test_b"><skipped/></testcase>
</testsuite></testsuites>"""


def test_each_setting_is_changed_alone_and_all_together():
    chosen = portable.variants()
    assert list(chosen) == [
        "best",
        "one-thread",
        "no-onednn",
        "avx2",
        "sse4",
        "sse4 no-onednn one-thread",
    ]
    assert chosen["best"] == {}
    assert chosen["no-onednn"] == {"TF_ENABLE_ONEDNN_OPTS": "0"}


def test_every_combination_is_there():
    every = portable.variants(every=True)
    assert len(every) == 3 * 2 * 2
    assert set(portable.variants()) < set(every)
    assert len({tuple(sorted(one.items())) for one in every.values()}) == 12


def test_what_failed_is_told_by_file():
    failed, count = portable.failures(REPORT)
    assert count == 4
    assert failed == {
        "notebooks.04_watching_gradients": ["Cell 5"],
        "tests.test_layers": ["test_a"],
    }
    text = portable.table({"best": ({}, 4), "sse4": (failed, 4)})
    assert text.splitlines() == [
        "variant                      tests  what differs",
        "best                             4  nothing",
        "sse4                             4  "
        "notebooks.04_watching_gradients: Cell 5",
        "                                    tests.test_layers: test_a",
    ]


def test_pytest_runs_with_the_settings_of_a_variant(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import os\n"
        "def test_set():\n    assert os.environ['DNI_OF_A_TEST'] == '1'\n"
        "def test_fails():\n    assert False\n"
    )
    arguments = [str(tmp_path / "test_it.py"), "-n0", "-c", "/dev/null"]
    failed, count = portable.run({"DNI_OF_A_TEST": "1"}, arguments)
    assert count == 2
    assert failed == {"test_it": ["test_fails"]}


def test_an_unknown_variant_is_refused(capsys):
    with pytest.raises(SystemExit):
        portable.main(["--variants", "avx3"])
    assert "no variant 'avx3'; there are: best," in capsys.readouterr().err
