"""The targets of the Makefile."""

import re

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
