"""Opt-in checks of facts about AWS: ``make live ACCOUNT=111122223333``. docs/verify-on-aws.md describes them.

Without ``--live-account`` every check is skipped, and no client is created. With it, the first call compares it with
STS; if they differ, nothing else is called.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.live import redaction
from tests.live.aws import Aws, confirm_account
from tests.live.cleanup import Cleanup

_FACT, _OTHERWISE = "fact", "otherwise"
_MARKERS = (
    "fact(text, otherwise): what a check verifies about AWS, and what changes in the product if it does not hold",
    "writes(what): a check that writes, or disturbs other callers for a moment; it needs --live-write",
    "aws_only(reason): a check that the emulation cannot carry",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("live", "checks of facts about AWS, in tests/live")
    group.addoption("--live-account", metavar="ID", help="management account; without it every check is skipped")
    group.addoption("--live-write", action="store_true", help="also run the checks that write and clean up")
    group.addoption("--live-stack", default="alternate-contacts", help="name of the deployed stack")
    group.addoption("--live-fixtures", type=Path, metavar="FOLDER", help="save redacted events and responses here")
    group.addoption("--live-capture", type=int, default=0, metavar="MINUTES", help="wait for an event of a new account")
    group.addoption(
        "--live-emulation", type=float, metavar="SPEED", help="this is the emulation, with that delay speed"
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what the options do not allow, before any fixture exists."""
    option = item.config.getoption
    fact = item.get_closest_marker("fact")
    if fact is None:
        pytest.fail("every check needs a fact", pytrace=False)
    item.user_properties += [(_FACT, fact.args[0]), (_OTHERWISE, fact.kwargs["otherwise"])]
    if not option("--live-account", default=None):
        pytest.skip("needs an AWS account: make live ACCOUNT=<ID of the management account>")
    if item.get_closest_marker("writes") and not option("--live-write"):
        pytest.skip("writes: WRITE=yes")
    aws_only = item.get_closest_marker("aws_only")
    if aws_only and option("--live-emulation"):
        pytest.skip(f"not on the emulation: {aws_only.args[0]}")


@pytest.fixture(scope="session")
def aws(pytestconfig: pytest.Config) -> Aws:
    """The management account of the option ``--live-account``, whose ID STS has confirmed."""
    account, session = pytestconfig.getoption("--live-account"), boto3.Session()
    if refusal := confirm_account(account, session):
        pytest.exit(refusal, returncode=2)
    speed = pytestconfig.getoption("--live-emulation") or 1
    return Aws(session, account, pytestconfig.getoption("--live-stack"), speed)


@pytest.fixture(scope="session")
def cleanup(aws: Aws) -> Iterator[Cleanup]:  # noqa: ARG001 - STS is asked first
    """Undoes what the checks write when they end, also if they are killed."""
    with Cleanup() as steps:
        yield steps


@pytest.fixture(scope="session")
def save(aws: Aws, pytestconfig: pytest.Config) -> Callable[..., None]:
    """Save a document as a redacted fixture, if the operator chose a folder."""
    folder: Path | None = pytestconfig.getoption("--live-fixtures")

    def write(document: Mapping[str, Any], name: str, *, member: str) -> None:
        if folder:
            redaction.save(document, name, folder, management=aws.account, member=member)

    return write


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print each fact with its result, and what changes in the product if it does not hold."""
    if not config.getoption("--live-account", default=None):
        return
    results: dict[str, dict[str, list[str]]] = {}
    for outcome in ("failed", "error", "skipped", "passed"):
        for report in terminalreporter.stats.get(outcome, []):
            properties = dict(report.user_properties)
            if _FACT in properties:
                reason = report.longrepr[2].removeprefix("Skipped: ") if outcome == "skipped" else ""
                results.setdefault(properties[_FACT], {_OTHERWISE: [properties[_OTHERWISE]]}).setdefault(
                    outcome, []
                ).append(reason)
    terminalreporter.section("facts")
    for fact, found in sorted(results.items()):
        terminalreporter.write_line(f"{_verdict(found)} {fact}")
        if not {"failed", "error", "passed"} & found.keys():
            terminalreporter.write_line(f"    not checked: {found['skipped'][0]}")
        terminalreporter.write_line(f"    if not: {found[_OTHERWISE][0]}")


def _verdict(found: Mapping[str, object]) -> str:
    for outcome, verdict in (("failed", "WRONG  "), ("error", "ERROR  "), ("passed", "holds  ")):
        if outcome in found:
            return verdict
    return "unknown"
