"""Every command on a page exists and accepts its options."""

import itertools
import os
import re
import shlex
import subprocess
import sys
import textwrap
from typing import Any

import pytest
import typer

from alternate_contacts.cli.aws.failure_reasons import REMEDIES
from alternate_contacts.cli.main import app
from tests.fakes.aws_command import command_violations, commands
from tests.template.conftest import ROOT
from tools.check_language import tracked_files
from tools.command_reference import verbs

PAGES = {path: (ROOT / path).read_text() for path in tracked_files(ROOT) if path.endswith(".md")}
del PAGES["CHANGELOG.md"]  # it also names commands of earlier releases
SCRIPTS = {
    path: "\n".join(
        textwrap.dedent(block)
        for block in re.findall(r"^ *```(?:sh|yaml)\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    )
    for path, page in PAGES.items()
}
"""The blocks of code of each page: shell, and YAML of workflows."""

# The AWS CLI renames this option of Subscribe, because --endpoint would abbreviate its own --endpoint-url.
AWS_COMMANDS = sorted(
    {
        (path, command.replace("--notification-endpoint", "--endpoint"))
        for path, script in SCRIPTS.items()
        for command in commands(script)
    }
)
COMMAND: Any = typer.main.get_command(app)
VERBS = dict(verbs(COMMAND))


def named(program: str) -> list[tuple[str, str]]:
    """Return page and command of each command of a program, in a block of code or in a line."""
    return sorted(
        {
            (path, re.split("[|#]", command)[0].strip())
            for path, page in PAGES.items()
            for command in (
                *re.findall(rf"^(?:- run: [\w ./-]* )?({program} .+)", SCRIPTS[path], re.MULTILINE),
                *re.findall(rf"`({program} [^`…]+)`", page),
            )
        }
    )


NAMED = named("alternate-contacts")
OURS = [(page, command) for page, command in NAMED if not command.split()[1].startswith("-")]


@pytest.mark.parametrize(("page", "command"), AWS_COMMANDS)
def test_an_aws_command_exists_and_accepts_its_options(page: str, command: str) -> None:
    assert command_violations(command) == [], page


@pytest.mark.parametrize(
    ("command", "violation"),
    [
        ("aws cloudformation delete-stack-sets --stack-set-name x", "cloudformation has no delete-stack-sets"),
        ("aws cloudformation delete-stack-set --name x", "cloudformation delete-stack-set has no option --name"),
        ("aws cloudformation delete-stack-set", "cloudformation delete-stack-set needs --stack-set-name"),
        ("aws cloudfront3 list", "the service cloudfront3 does not exist"),
        (
            "aws organizations list-accounts --query 'Accounts[0].Id' --output text",
            "organizations list-accounts prints one value for each page: add --no-paginate",
        ),
    ],
)
def test_a_wrong_command_is_found(command: str, violation: str) -> None:
    assert violation in command_violations(command)


@pytest.mark.parametrize(("page", "command"), OURS)
def test_a_verb_of_the_command_exists_and_has_its_options(page: str, command: str) -> None:
    _, *options = shlex.split(command)
    parameters: Any = VERBS[verb_of(command)].params
    known = {name for parameter in parameters for name in parameter.opts + parameter.secondary_opts}
    assert {option for option in options if option.startswith("-")} <= known, page
    for option, value in itertools.pairwise(options):
        assert option != "--reason" or value in REMEDIES


def verb_of(command: str) -> str:
    """Return the verb in a command, such as ``status`` or ``sets put``."""
    _, *words = command.split()
    return words[0] if words[0] in VERBS else " ".join(words[:2])


@pytest.mark.parametrize(("page", "command"), sorted(set(NAMED) - set(OURS)))
def test_an_option_before_the_verb_exists(page: str, command: str) -> None:
    assert command.split()[1] in {name for parameter in COMMAND.params for name in parameter.opts}, page


def test_the_pages_use_every_verb() -> None:
    assert {verb_of(command) for _, command in OURS} == VERBS.keys()


@pytest.mark.parametrize(("page", "command"), named("make"))
def test_make_has_the_target(page: str, command: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert command.split()[1] in targets, page


MODULES = sorted(
    {
        command
        for page in PAGES.values()
        for command in re.findall(r"(?:PYTHONPATH=(\S+) )?\.venv/dev/bin/python -m ([a-z_.]+)", page)
    }
)


@pytest.mark.parametrize(("python_path", "module"), MODULES)
def test_a_module_on_a_page_is_found_with_its_imports(python_path: str, module: str) -> None:
    main = f"{module}.__main__" if (ROOT / module.replace(".", "/")).is_dir() else module
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": python_path}
    command = [sys.executable, "-c", f"import {main}"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)  # noqa: S603


def test_the_pages_have_commands() -> None:
    assert len(AWS_COMMANDS) > 50
    assert len(OURS) > 30
