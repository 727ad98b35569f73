"""The verb `audit`: its outputs, interrupted runs, and its exit codes."""

import _thread
import csv
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from alternate_contacts.worker.contacts import ContactType
from tests.fakes.cli import PARAMETERS, SECRETS, STACK
from tests.fakes.wire import FakeWire, HttpAnswer, refusal

Run = Callable[..., Result]

FAST = replace(STACK, parameters={**PARAMETERS, "GetRate": "9999"})
OWN = STACK.account_id
MEMBERS = [f"{number:012}" for number in range(1, 6)]
DRIFTED = {"Name": "Dora Drift", "Title": "Guest", "EmailAddress": "dora@drift.invalid", "PhoneNumber": "+1 99 0000"}


def desired(contact_type: str) -> dict[str, str]:
    return {field: PARAMETERS[f"{contact_type.title()}{field}"] for field in DRIFTED}


@dataclass
class FakeAws:
    """An organization whose accounts have the contacts of the stack, except for ``contacts`` and ``errors``."""

    wire: FakeWire
    accounts: list[dict[str, Any]] = field(
        default_factory=lambda: [{"Id": id_, "Name": f"Account {id_}", "State": "ACTIVE"} for id_ in [OWN, *MEMBERS]]
    )
    contacts: dict[tuple[str, str], dict[str, str] | None] = field(default_factory=dict)
    """By account and contact type; None: the account has no contact."""
    errors: dict[str, HttpAnswer] = field(default_factory=dict)
    """By account."""
    interrupted_at: int | None = None
    """The GetAlternateContact call at which Ctrl-C is pressed."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.wire.answer("DescribeOrganization", HttpAnswer(body={"Organization": {"Id": "o-exampleorg1"}}))
        self.wire.answer("ListAccounts", lambda _: HttpAnswer(body={"Accounts": self.accounts}))
        self.wire.answer("ListParents", HttpAnswer(body={"Parents": [{"Id": "r-root", "Type": "ROOT"}]}))
        self.wire.answer("ListAWSServiceAccessForOrganization", HttpAnswer(body={"EnabledServicePrincipals": []}))
        self.wire.answer("GetAlternateContact", self._get)

    def read(self) -> set[str]:
        """The accounts whose contacts were read."""
        return {request.get("AccountId", OWN) for request in self.wire.asked("GetAlternateContact")}

    def _get(self, request: dict[str, Any]) -> HttpAnswer:
        self._interrupt()
        account, contact_type = request.get("AccountId", OWN), request["AlternateContactType"]
        if account in self.errors:
            return self.errors[account]
        contact = self.contacts.get((account, contact_type), desired(contact_type))
        if contact is None:
            return refusal("ResourceNotFoundException", 404)
        return HttpAnswer(body={"AlternateContact": {"AlternateContactType": contact_type, **contact}})

    def _interrupt(self) -> None:
        with self.lock:
            if self.interrupted_at is None or len(self.wire.asked("GetAlternateContact")) < self.interrupted_at:
                return
            self.interrupted_at = None
        _thread.interrupt_main()


@pytest.fixture
def cloud(aws: FakeWire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return FakeAws(aws)


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "alternate-contacts" / "audit-o-exampleorg1-alternate-contacts.jsonl"


def document_of(result: Result) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def statuses(document: dict[str, Any]) -> dict[str, list[str]]:
    return {
        account["accountId"]: [account["contacts"][contact_type]["status"] for contact_type in ContactType]
        for account in document["accounts"]
    }


def test_the_exit_code_is_0_if_every_contact_is_compliant(cloud: FakeAws, run: Run, state_file: Path) -> None:
    result = run("audit", stack=FAST)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "6 of 6 accounts read, 0 not compliant" in result.stdout
    assert {"AlternateContactType": "BILLING"} in cloud.wire.asked("GetAlternateContact")
    assert not state_file.exists()


def test_the_document_has_the_status_of_every_contact(cloud: FakeAws, run: Run) -> None:
    missing, different, denied, closed, _ = MEMBERS
    cloud.contacts[missing, "BILLING"] = None
    cloud.contacts[different, "SECURITY"] = DRIFTED
    cloud.errors[denied] = refusal("AccessDeniedException", 403)
    cloud.accounts[4] |= {"State": "SUSPENDED"}
    result = run("audit", "--json", stack=FAST)
    assert result.exit_code == 1
    document = document_of(result)
    assert statuses(document) == {
        OWN: ["compliant"] * 3,
        missing: ["missing", "compliant", "compliant"],
        different: ["compliant", "compliant", "different"],
        denied: ["unreadable"] * 3,
        closed: ["skipped"] * 3,
        MEMBERS[4]: ["compliant"] * 3,
    }
    assert closed not in cloud.read()
    [unreadable] = [account for account in document["accounts"] if account["accountId"] == denied]
    assert unreadable["contacts"]["BILLING"]["reason"] == "trusted_access_off"


def test_the_exit_code_is_0_if_every_other_contact_is_unmanaged(cloud: FakeAws, run: Run) -> None:
    cloud.contacts[MEMBERS[0], "BILLING"] = None
    cloud.contacts[MEMBERS[1], "SECURITY"] = DRIFTED
    parameters = {**FAST.parameters, "BillingPolicy": "ignore", "SecurityPolicy": "fill"}
    result = run("audit", "--json", stack=replace(FAST, parameters=parameters))
    assert result.exit_code == 0
    by_account = statuses(document_of(result))
    assert by_account[MEMBERS[0]] == ["unmanaged", "compliant", "compliant"]
    assert by_account[MEMBERS[1]] == ["unmanaged", "compliant", "unmanaged"]


@pytest.mark.parametrize("show_contacts", [False, True])
def test_contact_data_is_in_an_output_only_on_request(
    cloud: FakeAws, run: Run, tmp_path: Path, show_contacts: bool
) -> None:
    cloud.contacts[MEMBERS[0], "SECURITY"] = DRIFTED
    files = [tmp_path / "audit.csv", tmp_path / "audit.html"]
    arguments = ["--csv", str(files[0]), "--html", str(files[1]), *(["--show-contacts"] if show_contacts else [])]
    table, document = run("audit", *arguments, stack=FAST), run("audit", "--json", *arguments, stack=FAST)
    assert table.exit_code == document.exit_code == 1
    for output in (document.output, *(file.read_text() for file in files)):
        shown = [secret for secret in [*SECRETS, *DRIFTED.values()] if secret in output]
        assert bool(shown) == show_contacts
    # The terminal shows only the accounts that are not compliant.
    assert [value for value in DRIFTED.values() if value in table.output] == (
        list(DRIFTED.values()) if show_contacts else []
    )


@pytest.mark.usefixtures("cloud")
def test_the_files_contain_every_account(run: Run, tmp_path: Path) -> None:
    run("audit", "--csv", str(tmp_path / "audit.csv"), "--html", str(tmp_path / "audit.html"), stack=FAST)
    with (tmp_path / "audit.csv").open(newline="") as file:
        assert {line["account_id"] for line in csv.DictReader(file)} == {OWN, *MEMBERS}
    page = (tmp_path / "audit.html").read_text()
    assert all(account in page for account in MEMBERS)


# ---- interrupted runs -----------------------------------------------------------------------------------------------

SLOW = replace(FAST, parameters={**FAST.parameters, "GetRate": "100"})
"""At --rate 20 a test can interrupt the run between two accounts."""


@pytest.fixture
def interrupted(cloud: FakeAws, run: Run, tmp_path: Path) -> Result:
    """A run that Ctrl-C interrupted after two or three of the six accounts, one of them unreadable."""
    cloud.accounts.sort(key=lambda account: account["Id"])
    cloud.errors[MEMBERS[0]] = refusal("AccessDeniedException", 403)
    cloud.interrupted_at = 9
    result = run("audit", "--json", "--html", str(tmp_path / "audit.html"), "--rate", "20", stack=SLOW)
    cloud.wire.requests.clear()
    return result


def test_an_interrupted_run_reports_what_it_has_read(interrupted: Result, state_file: Path, tmp_path: Path) -> None:
    assert interrupted.exit_code == 130
    document = document_of(interrupted)
    assert document["complete"] is False
    assert document["accountsActive"] == 6
    assert 0 < document["accountsRead"] == len(document["accounts"]) < 6
    assert interrupted.stderr == (
        f"Interrupted: {document['accountsRead']} of 6 accounts read. "
        f"Run the same command to continue; {state_file} keeps the results.\n"
    )
    assert (
        f"Incomplete.</strong> The run was stopped after {document['accountsRead']} of 6"
        in (tmp_path / "audit.html").read_text()
    )
    assert [secret for secret in SECRETS if secret in state_file.read_text()] == []


def test_the_next_run_continues_and_removes_the_file(
    interrupted: Result, cloud: FakeAws, run: Run, state_file: Path
) -> None:
    cloud.errors.clear()
    first = document_of(interrupted)
    known = {account for account, values in statuses(first).items() if "unreadable" not in values}
    result = run("audit", "--json", stack=FAST)
    assert result.exit_code == 0
    assert f"Continuing an interrupted run: {len(known)} of 6 accounts" in result.stderr
    assert cloud.read() == {OWN, *MEMBERS} - known
    document = document_of(result)
    assert document["complete"] is True
    assert set(statuses(document)) == {OWN, *MEMBERS}
    assert document["startedAt"] <= first["finishedAt"]
    assert not state_file.exists()


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize("change", ["--fresh", "--show-contacts", "other contacts"])
def test_a_run_does_not_continue_with(cloud: FakeAws, run: Run, change: str) -> None:
    is_option = change.startswith("-")
    stack = FAST if is_option else replace(FAST, parameters={**FAST.parameters, "BillingName": "Bela Neu"})
    result = run("audit", "--json", *([change] if is_option else []), stack=stack)
    assert cloud.read() == {OWN, *MEMBERS}
    assert "Continuing" not in result.stderr


def test_a_run_that_shows_contacts_has_no_state_file(cloud: FakeAws, run: Run, state_file: Path) -> None:
    cloud.interrupted_at = 9
    result = run("audit", "--show-contacts", "--rate", "20", stack=SLOW)
    assert result.exit_code == 130
    assert "to continue" not in result.stderr
    assert not state_file.exists()


def test_state_names_another_file(cloud: FakeAws, run: Run, tmp_path: Path, state_file: Path) -> None:
    cloud.interrupted_at = 9
    result = run("audit", "--state", str(tmp_path / "mine"), "--rate", "20", stack=SLOW)
    assert f"{tmp_path / 'mine'} keeps the results" in result.stderr
    assert (tmp_path / "mine").exists()
    assert not state_file.exists()


def test_expired_credentials_end_the_run_with_2_and_a_report(cloud: FakeAws, run: Run, state_file: Path) -> None:
    cloud.errors[MEMBERS[4]] = refusal("ExpiredTokenException", 403)
    result = run("audit", "--json", "--rate", "100", stack=FAST)
    assert result.exit_code == 2
    assert "The AWS credentials have expired. Sign in again" in result.stderr
    assert document_of(result)["complete"] is False
    assert state_file.exists()


# ---- errors ---------------------------------------------------------------------------------------------------------


def test_a_rate_above_the_quota_is_an_error(cloud: FakeAws, run: Run) -> None:
    result = run("audit", "--rate", "10.5")
    assert (result.exit_code, cloud.read()) == (2, set())
    assert "The quota is 10 calls a second" in result.stderr


@pytest.mark.parametrize("option", ["--csv", "--html"])
def test_a_file_that_cannot_be_written_is_an_error_before_accounts_are_read(
    cloud: FakeAws, run: Run, tmp_path: Path, option: str
) -> None:
    for path in (tmp_path, tmp_path / "no such folder" / "file"):
        result = run("audit", option, str(path), stack=FAST)
        assert (result.exit_code, cloud.read()) == (2, set())
        assert f"{path} cannot be written" in result.stderr


@pytest.mark.parametrize("fresh", [[], ["--fresh"]])
def test_a_file_that_is_not_a_state_file_is_left_alone(
    cloud: FakeAws, run: Run, tmp_path: Path, fresh: list[str]
) -> None:
    (tmp_path / "precious.csv").write_text("account,contact\n")
    result = run("audit", "--state", str(tmp_path / "precious.csv"), *fresh, stack=FAST)
    assert (result.exit_code, cloud.read()) == (2, set())
    assert (tmp_path / "precious.csv").read_text() == "account,contact\n"


@pytest.mark.usefixtures("cloud")
def test_the_run_needs_no_writable_cache(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))
    result = run("audit", stack=FAST)
    assert result.exit_code == 0
    assert "the next one reads all accounts" in result.stderr


def test_the_missing_permission_is_named(cloud: FakeAws, run: Run) -> None:
    cloud.wire.answer("ListAccounts", refusal("AccessDeniedException", 400))
    result = run("audit", stack=FAST)
    assert result.exit_code == 2
    assert "organizations:ListAccounts" in result.stderr
