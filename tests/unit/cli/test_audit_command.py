"""The verb `audit`: its outputs, interrupted runs, and its exit codes."""

import csv
import errno
import json
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from alternate_contacts.cli.audit import csv_file, html_page, json_document, table
from alternate_contacts.cli.audit.state_file import StateFile, StateKey
from alternate_contacts.worker.contacts import ContactType
from tests.fakes.cli import SECRETS, deny, worker_configuration
from tests.fakes.organization import DRIFTED, FAST, MEMBERS, OWN, FakeAws, desired
from tests.fakes.wire import HttpResponse, error_response

Run = Callable[..., Result]


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
    assert {"AlternateContactType": "BILLING"} in cloud.wire.requests_of("GetAlternateContact")
    assert not state_file.exists()


def test_the_document_has_the_status_of_every_contact(cloud: FakeAws, run: Run) -> None:
    missing, different, denied, closed, _ = MEMBERS
    cloud.contacts[missing, "BILLING"] = None
    cloud.contacts[different, "SECURITY"] = DRIFTED
    cloud.errors[denied] = error_response("AccessDeniedException", 403)
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


@pytest.fixture
def interrupted(cloud: FakeAws, run: Run, interrupt_audit: Callable[[], None], tmp_path: Path) -> Result:
    """A run that Ctrl-C interrupted after three of the six accounts. One of the six is unreadable."""
    cloud.errors[MEMBERS[0]] = error_response("AccessDeniedException", 403)
    interrupt_audit()
    result = run("audit", "--json", "--html", str(tmp_path / "audit.html"), stack=FAST)
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
    assert f"Continuing an interrupted run: {len(known)} of 6 accounts had been read since" in result.stderr
    assert cloud.read() == {OWN, *MEMBERS} - known
    document = document_of(result)
    assert document["complete"] is True
    assert set(statuses(document)) == {OWN, *MEMBERS}
    assert document["firstReadAt"] <= first["lastReadAt"] <= document["startedAt"] <= document["lastReadAt"]
    assert not state_file.exists()


def test_the_next_run_reads_again_what_was_not_compliant(
    cloud: FakeAws, run: Run, interrupt_audit: Callable[[], None]
) -> None:
    for account in (OWN, *MEMBERS[:3]):
        cloud.contacts[account, "BILLING"] = None
    interrupt_audit()
    first = document_of(run("audit", "--json", stack=FAST))
    assert ["missing", "compliant", "compliant"] in statuses(first).values()
    cloud.contacts.clear()
    result = run("audit", "--json", stack=FAST)
    assert result.exit_code == 0
    assert set(map(tuple, statuses(document_of(result)).values())) == {("compliant",) * 3}


@pytest.mark.usefixtures("interrupted")
def test_a_continued_run_states_when_its_accounts_were_read(run: Run, tmp_path: Path) -> None:
    result = run("audit", "--html", str(tmp_path / "page"), "--csv", str(tmp_path / "lines"), stack=FAST)
    with (tmp_path / "lines").open(newline="") as file:
        times = sorted(datetime.fromisoformat(line["read_at"]) for line in csv.DictReader(file))
    between = f"{times[0]:%Y-%m-%d %H:%M:%S} and {times[-1]:%Y-%m-%d %H:%M:%S} UTC"
    assert f"Read between {between}" in result.stdout
    text = re.sub(r"<[^>]+>", " ", (tmp_path / "page").read_text())
    assert f"Read between {between}" in " ".join(text.split())


@pytest.mark.usefixtures("interrupted")
def test_a_run_with_nothing_left_to_read_starts_again(cloud: FakeAws, run: Run, state_file: Path) -> None:
    """The accounts that the interrupted run had not read have left the organization."""
    saved = {json.loads(line)["accountId"] for line in state_file.read_text().splitlines()[1:]}
    compliant = saved - {MEMBERS[0]}
    cloud.accounts = [account for account in cloud.accounts if account["Id"] in compliant]
    result = run("audit", "--json", stack=FAST)
    assert cloud.read() == compliant
    assert "Continuing" not in result.stderr


@pytest.mark.usefixtures("interrupted")
def test_a_continued_run_reports_the_organization_of_today(cloud: FakeAws, run: Run) -> None:
    cloud.accounts = [account for account in cloud.accounts if account["Id"] != MEMBERS[4]]
    cloud.accounts[0] |= {"State": "SUSPENDED"}
    cloud.accounts.append({"Id": "999999999999", "Name": "new", "State": "ACTIVE", "Paths": ["o-1/r-1/999999999999/"]})
    cloud.accounts[2] |= {"Name": "renamed"}
    document = document_of(run("audit", "--json", stack=FAST))
    by_id = {account["accountId"]: account for account in document["accounts"]}
    assert by_id.keys() == {OWN, *MEMBERS[:4], "999999999999"}
    assert by_id[OWN]["contacts"]["BILLING"]["status"] == "skipped"
    assert by_id[MEMBERS[1]]["name"] == "renamed"
    assert document["complete"] is True


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize("failing", ["table", "json", "csv", "html"])
def test_a_complete_run_is_over_even_if_its_output_fails(
    run: Run, state_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(table, "print_report", fail)
    for module, name in ((json_document, "build"), (csv_file, "render"), (html_page, "render")):
        monkeypatch.setattr(module, name, fail)
    arguments = {"table": [], "json": ["--json"]}.get(failing, ["--json", f"--{failing}", str(tmp_path / "file")])
    assert run("audit", *arguments, stack=FAST).exit_code != 0
    assert not state_file.exists()


@pytest.mark.usefixtures("cloud")
def test_the_other_outputs_are_written_if_one_fails(run: Run, tmp_path: Path) -> None:
    # Existing and writable, but full.
    result = run("audit", "--json", "--csv", "/dev/full", "--html", str(tmp_path / "page"), stack=FAST)
    assert result.exit_code == 2
    assert "/dev/full cannot be written (No space left on device)" in result.stderr
    assert document_of(result)["complete"] is True
    assert (tmp_path / "page").exists()


@pytest.mark.usefixtures("cloud")
def test_two_runs_at_once_do_not_share_a_file(run: Run, state_file: Path, tmp_path: Path) -> None:
    key = StateKey("o-exampleorg1", {})
    for path, arguments in ((state_file, []), (tmp_path / "mine", ["--state", str(tmp_path / "mine")])):
        with StateFile(path, key):
            result = run("audit", *arguments, stack=FAST)
            assert "another audit uses it" in result.stderr
            assert path.exists()
            assert result.exit_code == (2 if arguments else 0)


@pytest.mark.usefixtures("cloud")
def test_a_full_disk_does_not_end_a_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(StateFile, "append", fail)
    result = run("audit", stack=FAST)
    assert result.exit_code == 0
    assert result.stderr.count("the next one reads all accounts") == 1


def test_an_interruption_does_not_promise_a_file_that_is_gone(
    cloud: FakeAws, run: Run, interrupt_audit: Callable[[], None], state_file: Path
) -> None:
    def remove(_: object) -> HttpResponse:
        state_file.unlink(missing_ok=True)
        return error_response("ResourceNotFoundException", 404)

    cloud.wire.respond("GetAlternateContact", remove)
    interrupt_audit()
    result = run("audit", stack=FAST)
    assert result.exit_code == 130
    assert "to continue" not in result.stderr


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize("change", ["--fresh", "--show-contacts", "other contacts"])
def test_a_run_does_not_continue_with(cloud: FakeAws, run: Run, change: str) -> None:
    is_option = change.startswith("-")
    stack = FAST if is_option else replace(FAST, parameters={**FAST.parameters, "BillingName": "Bela Neu"})
    result = run("audit", "--json", *([change] if is_option else []), stack=stack)
    assert cloud.read() == {OWN, *MEMBERS}
    assert "Continuing" not in result.stderr


@pytest.mark.usefixtures("cloud")
def test_a_run_that_shows_contacts_has_no_state_file(
    run: Run, interrupt_audit: Callable[[], None], state_file: Path
) -> None:
    interrupt_audit()
    result = run("audit", "--show-contacts", stack=FAST)
    assert result.exit_code == 130
    assert "to continue" not in result.stderr
    assert not state_file.exists()


@pytest.mark.usefixtures("cloud")
def test_state_names_another_file(
    run: Run, interrupt_audit: Callable[[], None], tmp_path: Path, state_file: Path
) -> None:
    interrupt_audit()
    result = run("audit", "--state", str(tmp_path / "mine"), stack=FAST)
    assert f"{tmp_path / 'mine'} keeps the results" in result.stderr
    assert (tmp_path / "mine").exists()
    assert not state_file.exists()


def test_expired_credentials_end_the_run_with_2_and_a_report(cloud: FakeAws, run: Run, state_file: Path) -> None:
    cloud.errors[MEMBERS[4]] = error_response("ExpiredTokenException", 403)
    result = run("audit", "--json", "--rate", "100", stack=FAST)
    assert result.exit_code == 2
    assert "The AWS credentials have expired. Sign in again" in result.stderr
    assert document_of(result)["complete"] is False
    assert state_file.exists()


# ---- desired contacts with characters other than ASCII --------------------------------------------------------------

GARBLED = replace(FAST, parameters={**FAST.parameters, "SecurityName": "J?rg M?ller"})
JOERG = "Jörg Müller"


@pytest.fixture
def joerg(cloud: FakeAws) -> FakeAws:
    """Accounts that have what the worker sets. CloudFormation returns ? for two characters of it."""
    for account in (OWN, *MEMBERS):
        cloud.contacts[account, "SECURITY"] = {**desired("SECURITY"), "Name": JOERG}
    return cloud


def test_contacts_are_compared_with_those_of_the_worker(joerg: FakeAws, run: Run) -> None:
    worker = replace(FAST, parameters={**FAST.parameters, "SecurityName": JOERG})
    joerg.wire.respond("GetFunctionConfiguration", lambda _: worker_configuration(worker))
    result = run("audit", stack=GARBLED)
    assert (result.exit_code, result.stderr) == (0, "")


def test_without_the_workers_contacts_a_garbled_one_is_unknown(joerg: FakeAws, run: Run) -> None:
    joerg.contacts[MEMBERS[0], "SECURITY"] = DRIFTED
    deny(joerg.wire, "GetFunctionConfiguration")
    result = run("audit", "--json", "--rate", "1000", stack=GARBLED)
    assert result.exit_code == 1
    assert "lambda:GetFunctionConfiguration" in result.stderr
    by_account = statuses(document_of(result))
    assert by_account.pop(MEMBERS[0]) == ["compliant", "compliant", "different"]
    assert set(map(tuple, by_account.values())) == {("compliant", "compliant", "unknown")}
    assert [secret for secret in [*SECRETS, JOERG] if secret in result.output] == []


# ---- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cloud")
def test_files_with_contacts_are_private_and_overwriting_is_reported(run: Run, tmp_path: Path) -> None:
    table, page, target = tmp_path / "a.csv", tmp_path / "a.html", tmp_path / "target"
    table.write_text("old")
    table.chmod(0o644)
    target.write_text("old")
    page.symlink_to(target)
    result = run("audit", "--show-contacts", "--csv", str(table), "--html", str(page), stack=FAST)
    assert result.exit_code == 0
    for path in (table, page):
        assert not path.is_symlink()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert f"{path} exists and is overwritten" in result.stderr
    assert target.read_text() == "old"


@pytest.mark.usefixtures("cloud")
def test_a_file_without_contacts_keeps_its_mode(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    path.chmod(0o644)
    result = run("audit", "--csv", str(path), stack=FAST)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert "is overwritten" in result.stderr


# ---- errors ---------------------------------------------------------------------------------------------------------


def test_a_rate_above_the_quota_is_an_error(cloud: FakeAws, run: Run) -> None:
    result = run("audit", "--rate", "10.5")
    assert (result.exit_code, cloud.read()) == (2, set())
    assert "The quota is 10 GetAlternateContact calls per second" in result.stderr


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


@pytest.mark.parametrize("options", [("--csv", "--html"), ("--csv", "--state"), ("--html", "--state")])
def test_two_options_cannot_name_the_same_file(
    cloud: FakeAws, run: Run, tmp_path: Path, options: tuple[str, str]
) -> None:
    (tmp_path / "link").symlink_to("file")
    for other in ("file", "x/../file", "link"):
        result = run("audit", options[0], str(tmp_path / "file"), options[1], str(tmp_path / other), stack=FAST)
        assert (result.exit_code, cloud.read()) == (2, set())
        assert f"{options[0]} and {options[1]} name the same file" in result.stderr
    assert not (tmp_path / "file").exists()


def test_the_missing_permission_is_named(cloud: FakeAws, run: Run) -> None:
    cloud.wire.respond("ListAccounts", error_response("AccessDeniedException", 400))
    result = run("audit", stack=FAST)
    assert result.exit_code == 2
    assert "organizations:ListAccounts" in result.stderr
