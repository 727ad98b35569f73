"""The verb: its outputs, how it is stopped and gone on with, and how it ends."""

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


def wanted(kind: str) -> dict[str, str]:
    return {part: PARAMETERS[f"{kind.title()}{part}"] for part in ("Name", "Title", "EmailAddress", "PhoneNumber")}


@dataclass
class FakeAws:
    """An organization whose accounts have the contacts that the stack wants, unless told otherwise."""

    wire: FakeWire
    accounts: list[dict[str, Any]] = field(
        default_factory=lambda: [{"Id": each, "Name": f"Account {each}", "State": "ACTIVE"} for each in [OWN, *MEMBERS]]
    )
    contacts: dict[tuple[str, str], dict[str, str] | None] = field(default_factory=dict)
    """Where they differ."""
    refused: dict[str, HttpAnswer] = field(default_factory=dict)
    stopped_after: int | None = None
    """Ctrl-C comes with that call."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.wire.answer("DescribeOrganization", HttpAnswer(body={"Organization": {"Id": "o-exampleorg1"}}))
        self.wire.answer("ListAccounts", lambda _: HttpAnswer(body={"Accounts": self.accounts}))
        parent = {"Parents": [{"Id": "r-root", "Type": "ROOT"}]}
        self.wire.answer("ListParents", HttpAnswer(body=parent))
        self.wire.answer("ListAWSServiceAccessForOrganization", HttpAnswer(body={"EnabledServicePrincipals": []}))
        self.wire.answer("GetAlternateContact", self._get)

    def read(self) -> set[str]:
        """The accounts that were asked for contacts."""
        return {asked.get("AccountId", OWN) for asked in self.wire.asked("GetAlternateContact")}

    def _get(self, asked: dict[str, Any]) -> HttpAnswer:
        self._stop()
        account, kind = asked.get("AccountId", OWN), asked["AlternateContactType"]
        if account in self.refused:
            return self.refused[account]
        contact = self.contacts.get((account, kind), wanted(kind))
        if contact is None:
            return refusal("ResourceNotFoundException", 404)
        return HttpAnswer(body={"AlternateContact": {"AlternateContactType": kind, **contact}})

    def _stop(self) -> None:
        with self.lock:
            if self.stopped_after is None or len(self.wire.asked("GetAlternateContact")) < self.stopped_after:
                return
            self.stopped_after = None
        _thread.interrupt_main()


@pytest.fixture
def cloud(aws: FakeWire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return FakeAws(aws)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "alternate-contacts" / "audit-o-exampleorg1-alternate-contacts.jsonl"


def told(result: Result) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def words(document: dict[str, Any]) -> dict[str, list[str]]:
    return {
        account["accountId"]: [account["contacts"][kind]["word"] for kind in ContactType]
        for account in document["accounts"]
    }


def test_all_right_is_0(cloud: FakeAws, run: Run, kept: Path) -> None:
    result = run("audit", stack=FAST)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "6 of 6 accounts read, 0 not right" in result.stdout
    assert {"AlternateContactType": "BILLING"} in cloud.wire.asked("GetAlternateContact")
    assert not kept.exists()


def test_each_word_reaches_the_document(cloud: FakeAws, run: Run) -> None:
    missing, different, refused, closed, _ = MEMBERS
    cloud.contacts[missing, "BILLING"] = None
    cloud.contacts[different, "SECURITY"] = DRIFTED
    cloud.refused[refused] = refusal("AccessDeniedException", 403)
    cloud.accounts[4] |= {"State": "SUSPENDED"}
    result = run("audit", "--json", stack=FAST)
    assert result.exit_code == 1
    document = told(result)
    found = words(document)
    assert found[missing] == ["missing", "right", "right"]
    assert found[different] == ["right", "right", "different"]
    assert found[refused] == ["unreadable"] * 3
    assert found[closed] == ["skipped"] * 3
    assert found[OWN] == ["right"] * 3
    assert closed not in cloud.read()
    [unreadable] = [each for each in document["accounts"] if each["accountId"] == refused]
    assert unreadable["contacts"]["BILLING"]["reason"] == "trusted_access_off"


def test_what_a_policy_leaves_alone_is_nothing_to_mend(cloud: FakeAws, run: Run) -> None:
    cloud.contacts[MEMBERS[0], "BILLING"] = None
    cloud.contacts[MEMBERS[1], "SECURITY"] = DRIFTED
    parameters = {**FAST.parameters, "BillingPolicy": "ignore", "SecurityPolicy": "fill"}
    result = run("audit", "--json", stack=replace(FAST, parameters=parameters))
    assert result.exit_code == 0
    found = words(told(result))
    assert found[MEMBERS[0]] == ["not managed", "right", "right"]
    assert found[MEMBERS[1]] == ["not managed", "right", "not managed"]


@pytest.mark.parametrize("show_contacts", [False, True])
def test_contact_data_is_in_no_output_unless_it_is_asked_for(
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
    # The table has only the accounts that are not right.
    assert [value for value in DRIFTED.values() if value in table.output] == (
        list(DRIFTED.values()) if show_contacts else []
    )


@pytest.mark.usefixtures("cloud")
def test_the_files_hold_every_account(run: Run, tmp_path: Path) -> None:
    run("audit", "--csv", str(tmp_path / "audit.csv"), "--html", str(tmp_path / "audit.html"), stack=FAST)
    with (tmp_path / "audit.csv").open(newline="") as file:
        assert {line["account_id"] for line in csv.DictReader(file)} == {OWN, *MEMBERS}
    page = (tmp_path / "audit.html").read_text()
    assert all(account in page for account in MEMBERS)


# ---- stopped, and gone on with --------------------------------------------------------------------------------------


@pytest.fixture
def stopped(cloud: FakeAws, run: Run, tmp_path: Path) -> Result:
    """A run that Ctrl-C stopped after two or three of the six accounts, one of them unreadable."""
    cloud.accounts.sort(key=lambda account: account["Id"])
    cloud.refused[MEMBERS[0]] = refusal("AccessDeniedException", 403)
    cloud.stopped_after = 9
    slow = replace(FAST, parameters={**FAST.parameters, "GetRate": "100"})
    html = str(tmp_path / "audit.html")
    result = run("audit", "--json", "--html", html, "--rate", "20", stack=slow)
    cloud.wire.requests.clear()
    return result


def test_a_stopped_run_tells_what_it_has_and_how_to_go_on(stopped: Result, kept: Path, tmp_path: Path) -> None:
    assert stopped.exit_code == 130
    document = told(stopped)
    assert document["complete"] is False
    assert document["accountsActive"] == 6
    assert 0 < document["accountsRead"] == len(document["accounts"]) < 6
    sentence = f"Stopped: {document['accountsRead']} of 6 accounts read. The same command goes on from there: {kept}"
    assert sentence in stopped.stderr
    assert f"Incomplete.</strong> {document['accountsRead']} of 6" in (tmp_path / "audit.html").read_text()
    assert [secret for secret in SECRETS if secret in kept.read_text()] == []


def test_the_next_run_goes_on_and_removes_the_file(stopped: Result, cloud: FakeAws, run: Run, kept: Path) -> None:
    cloud.refused.clear()
    known = {account for account, found in words(told(stopped)).items() if "unreadable" not in found}
    result = run("audit", "--json", stack=FAST)
    assert result.exit_code == 0
    assert f"Going on with a stopped run: {len(known)} of 6 accounts were read then" in result.stderr
    assert cloud.read() == {OWN, *MEMBERS} - known
    document = told(result)
    assert document["complete"] is True
    assert set(words(document)) == {OWN, *MEMBERS}
    assert document["startedAt"] <= told(stopped)["finishedAt"]
    assert not kept.exists()


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("anew", ["--fresh", "--show-contacts", "other contacts"])
def test_a_run_begins_anew_where_it_must(cloud: FakeAws, run: Run, anew: str) -> None:
    stack = replace(FAST, parameters={**FAST.parameters, "BillingName": "Bela Neu"}) if anew[0] != "-" else FAST
    result = run("audit", "--json", *([anew] if anew[0] == "-" else []), stack=stack)
    assert cloud.read() == {OWN, *MEMBERS}
    assert "Going on" not in result.stderr


def test_a_run_that_shows_contacts_keeps_nothing(cloud: FakeAws, run: Run, kept: Path) -> None:
    cloud.stopped_after = 9
    slow = replace(FAST, parameters={**FAST.parameters, "GetRate": "100"})
    result = run("audit", "--show-contacts", "--rate", "20", stack=slow)
    assert result.exit_code == 130
    assert "goes on" not in result.stderr
    assert not kept.exists()


def test_the_state_may_be_kept_elsewhere(cloud: FakeAws, run: Run, tmp_path: Path, kept: Path) -> None:
    cloud.stopped_after = 9
    slow = replace(FAST, parameters={**FAST.parameters, "GetRate": "100"})
    result = run("audit", "--state", str(tmp_path / "mine"), "--rate", "20", stack=slow)
    assert f"{tmp_path / 'mine'} keeps it" in result.stderr
    assert (tmp_path / "mine").exists()
    assert not kept.exists()


def test_credentials_that_run_out_end_it_with_2_and_what_was_read(cloud: FakeAws, run: Run, kept: Path) -> None:
    cloud.refused[MEMBERS[4]] = refusal("ExpiredTokenException", 403)
    result = run("audit", "--json", "--rate", "100", stack=FAST)
    assert result.exit_code == 2
    assert "The AWS credentials ran out: log in again" in result.stderr
    assert told(result)["complete"] is False
    assert kept.exists()


# ---- trouble --------------------------------------------------------------------------------------------------------


def test_a_rate_above_the_quota_is_refused(cloud: FakeAws, run: Run) -> None:
    result = run("audit", "--rate", "10.5")
    assert (result.exit_code, cloud.read()) == (2, set())
    assert "The quota is 10 calls a second" in result.stderr


@pytest.mark.parametrize("option", ["--csv", "--html"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_read(
    cloud: FakeAws, run: Run, tmp_path: Path, option: str
) -> None:
    for path in (tmp_path, tmp_path / "no such folder" / "file"):
        result = run("audit", option, str(path), stack=FAST)
        assert (result.exit_code, cloud.read()) == (2, set())
        assert f"{path} cannot be written" in result.stderr


@pytest.mark.parametrize("fresh", [[], ["--fresh"]])
def test_a_file_of_somebody_else_is_not_taken_for_the_state(
    cloud: FakeAws, run: Run, tmp_path: Path, fresh: list[str]
) -> None:
    (tmp_path / "precious.csv").write_text("account,contact\n")
    result = run("audit", "--state", str(tmp_path / "precious.csv"), *fresh, stack=FAST)
    assert (result.exit_code, cloud.read()) == (2, set())
    assert (tmp_path / "precious.csv").read_text() == "account,contact\n"


@pytest.mark.usefixtures("cloud")
def test_without_a_cache_it_works_all_the_same(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))
    result = run("audit", stack=FAST)
    assert result.exit_code == 0
    assert "so a stopped run will begin anew" in result.stderr


def test_who_may_not_list_accounts_is_told_so(cloud: FakeAws, run: Run) -> None:
    cloud.wire.answer("ListAccounts", refusal("AccessDeniedException", 400))
    result = run("audit", stack=FAST)
    assert result.exit_code == 2
    assert "organizations:ListAccounts" in result.stderr
