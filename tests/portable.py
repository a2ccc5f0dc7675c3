"""Runs the tests as processors of other kinds would: `make portable`.

What is stored and asserted must be true on every machine. Processors differ in
the order in which they add up, and so in last digits that training makes grow.
TensorFlow can be told to leave out what a processor has, so that much of this
is seen on one machine. Each variant is a run of pytest of its own, without the
tests of panels in a browser; the table at the end says what differs.

    python tests/portable.py                    all variants, all tests
    python tests/portable.py --variants sse4 one-thread -- notebooks
    python tests/portable.py --every            every combination: some hours
"""

import argparse
import itertools
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent

# In each list the first is what a processor does by itself.
INSTRUCTIONS = {
    "best": {},
    "avx2": {
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    },
    "sse4": {
        "XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
}
LIBRARY = {"onednn": {}, "no-onednn": {"TF_ENABLE_ONEDNN_OPTS": "0"}}
THREADS = {
    "threads": {},
    "one-thread": {
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    },
}
_AXES = (INSTRUCTIONS, LIBRARY, THREADS)


def variants(every=False):
    """Returns a dict from name to the environment variables of a variant.

    Args:
        every: Boolean, whether to combine all settings. By default each is
            changed alone, and all together.
    """
    made = {}
    for names in itertools.product(*_AXES):
        changed = [
            name
            for name, axis in zip(names, _AXES, strict=True)
            if name != next(iter(axis))
        ]
        if not every and changed != ["sse4", "no-onednn", "one-thread"]:
            if len(changed) > 1:
                continue
        made[" ".join(changed) or "best"] = {
            key: value
            for name, axis in zip(names, _AXES, strict=True)
            for key, value in axis[name].items()
        }
    return made


def run(environment, arguments):
    """Runs pytest and returns what failed.

    Args:
        environment: Dict, variables to set.
        arguments: Strings for pytest.

    Returns:
        Dict from file to a list of names of tests or cells, and the number of
        tests that ran.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not browser"]
        command += ["-n3", "--dist=loadfile", "--no-loadscope-reorder"]
        command += ["-p", "no:cacheprovider", f"--junitxml={report}"]
        subprocess.run(
            [*command, *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **environment},
            check=False,  # What failed is told in the table.
        )
        if not report.exists():
            return {"pytest": ["did not run"]}, 0
        return failures(report.read_text(encoding="utf-8"))


def failures(report):
    """Returns what `run` does, from a report in the XML of JUnit."""
    failed, cases = {}, ET.fromstring(report).findall(".//testcase")
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            file = re.sub(r"\W+ipynb$", "", case.get("classname"))
            failed.setdefault(file, []).append(case.get("name").strip())
    return failed, len(cases)


def table(results):
    """Returns the table as text.

    Args:
        results: Dict from a variant's name to what `run` returned.
    """
    lines = [f"{'variant':28} {'tests':>5}  what differs"]
    for name, (failed, count) in results.items():
        told = [
            f"{file}: {', '.join(names)}" for file, names in failed.items()
        ] or ["nothing"]
        lines.append(f"{name:28} {count:5}  {told[0]}")
        lines += [" " * 36 + one for one in told[1:]]
    return "\n".join(lines)


def main(arguments=None):
    """Runs the variants; returns 1 if anything differed in one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", nargs="+", help="names; default: all")
    parser.add_argument("--every", action="store_true", help="combine all")
    parser.add_argument("tests", nargs="*", help="what pytest is to run")
    options = parser.parse_args(arguments)
    known = variants(options.every or bool(options.variants))
    chosen = options.variants or list(variants(options.every))
    for name in chosen:
        if name not in known:
            parser.error(f"no variant {name!r}; there are: {', '.join(known)}")
    results = {}
    for name in chosen:
        print(f"--- {name}: {known[name]}", flush=True)
        results[name] = run(known[name], options.tests)
        print(table(results), flush=True)
    return int(any(failed for failed, _ in results.values()))


if __name__ == "__main__":
    sys.exit(main())
