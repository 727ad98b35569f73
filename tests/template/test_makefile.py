"""What `make test` runs, and how it ends."""

import re
import subprocess
import sys

from tests.template.conftest import ROOT

NOT_IN_MAKE_TEST = {"browser", "live"}
"""They need a browser and an AWS account. tests/emulated runs the second on the emulation."""


def test_make_test_runs_every_suite() -> None:
    makefile = (ROOT / "Makefile").read_text()
    recipes = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)+)", makefile, re.MULTILINE))
    run = {suite for target in recipes["test"].split() for suite in re.findall(r"tests/(\w+)", recipes.get(target, ""))}
    suites = {path.parent.name for path in ROOT.glob("tests/*/test_*.py")}
    assert run == suites - NOT_IN_MAKE_TEST
    assert "check" in recipes["test"].split()


def test_sigint_ends_the_tests_although_the_script_that_starts_them_ignores_it() -> None:
    program = """\
import runpy, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
runpy.run_path("tests/conftest.py")
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)  # noqa: S603
