"""`audit` with a contact configuration: the worker's own decision, exclusion, problems and interrupted runs."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alternate_contacts.worker.contacts import ContactType
from tests.fakes.cli import SECRETS, deny
from tests.fakes.contact_data import contact_set
from tests.fakes.organization import CONFIGURED, DRIFTED, MEMBERS, OWN, PATH, ROOT, FakeAws, desired
from tests.fakes.wire import error_response
from tests.unit.cli.conftest import Run

TOP, MIDDLE, DEEPEST, EMPTY = (f"ou-ab12-{number:08}" for number in range(1, 5))
PAYMENTS = contact_set(4455)


def as_stored(contact_set: Mapping[str, str]) -> dict[str, str]:
    """Return the contact of a set as the account API does."""
    return {key[0].upper() + key[1:]: value for key, value in contact_set.items()}


def audit(run: Run, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
    """Return the JSON document."""
    result = run("audit", "--json", *arguments, stack=CONFIGURED)
    assert result.exit_code == exit_code, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def contacts_of(document: Mapping[str, Any], account_id: str) -> dict[str, Any]:
    [account] = [account for account in document["accounts"] if account["accountId"] == account_id]
    contacts: dict[str, Any] = account["contacts"]
    return contacts


def test_the_nearest_target_decides_for_each_type(cloud: FakeAws, run: Run) -> None:
    member, other = MEMBERS[:2]
    cloud.move(member, TOP, MIDDLE, DEEPEST)
    cloud.contacts[member, "BILLING"] = as_stored(PAYMENTS)
    cloud.contacts[other, "BILLING"] = as_stored(PAYMENTS)
    cloud.configure(
        {
            "sets/payments": PAYMENTS,
            f"targets/{TOP}": {"billing": "payments", "security": "ignore"},
            f"targets/{DEEPEST}": {"security": "default"},
            "version": "1",
        }
    )
    document = audit(run, exit_code=1)
    assert contacts_of(document, member) == {
        "BILLING": {
            "status": "compliant",
            "provided": True,
            "contactSet": "payments",
            "target": TOP,
            "source": f"payments from OU Unit 1 ({TOP})",
        },
        "OPERATIONS": {"status": "compliant", "provided": True, "contactSet": "default", "target": "default"},
        "SECURITY": {
            "status": "compliant",
            "provided": True,
            "contactSet": "default",
            "target": DEEPEST,
            "source": f"default from OU Unit 3 ({DEEPEST})",
        },
    }
    assert contacts_of(document, other)["BILLING"]["status"] == "different"
    assert document["contactConfiguration"] == {
        "path": PATH,
        "versions": {"sets/payments": 1, f"targets/{TOP}": 2, f"targets/{DEEPEST}": 3, "version": 4},
        "problems": [],
    }
    assert [secret for secret in [*SECRETS, *PAYMENTS.values()] if secret in json.dumps(document)] == []


def test_the_management_account_and_the_root_are_targets(cloud: FakeAws, run: Run) -> None:
    cloud.contacts[OWN, "BILLING"] = as_stored(PAYMENTS)
    cloud.configure(
        {
            "version": "1",
            "sets/payments": PAYMENTS,
            f"targets/{OWN}": {"billing": "payments"},
            f"targets/{ROOT}": {"operations": "ignore"},
        }
    )
    document = audit(run)
    own = contacts_of(document, OWN)
    assert (own["BILLING"]["status"], own["BILLING"]["source"]) == ("compliant", "payments from the account")
    assert own["OPERATIONS"]["status"] == "unmanaged"
    assert own["OPERATIONS"]["source"] == f"ignore from root ({ROOT})"


def test_where_the_stack_ignores_a_type_a_set_is_compared(cloud: FakeAws, run: Run) -> None:
    cloud.configure({"version": "1", "sets/own": PAYMENTS, f"targets/{MEMBERS[0]}": {"billing": "own"}})
    stack = replace(CONFIGURED, parameters={**CONFIGURED.parameters, "BillingPolicy": "ignore"})
    document = json.loads(run("audit", "--json", stack=stack).stdout)
    assert contacts_of(document, MEMBERS[0])["BILLING"]["status"] == "different"
    assert contacts_of(document, MEMBERS[1])["BILLING"]["status"] == "unmanaged"


def test_excluded_accounts_are_skipped_and_not_read(cloud: FakeAws, run: Run, tmp_path: Path) -> None:
    excluded, included, closed = MEMBERS[:3]
    cloud.move(excluded, TOP)
    cloud.move(included, TOP, MIDDLE)
    cloud.move(closed, TOP)
    cloud.accounts[3] |= {"State": "SUSPENDED"}
    cloud.configure({"version": "1", f"targets/{TOP}": {"exclude": True}, f"targets/{MIDDLE}": {"exclude": False}})
    document = audit(run, "--csv", str(tmp_path / "audit.csv"), "--html", str(tmp_path / "audit.html"))
    assert {excluded, closed}.isdisjoint(cloud.read())
    assert included in cloud.read()
    assert contacts_of(document, excluded) == {
        contact_type: {
            "status": "skipped",
            "provided": None,
            "reason": "excluded",
            "target": TOP,
            "source": f"OU Unit 1 ({TOP})",
        }
        for contact_type in ContactType
    }
    assert contacts_of(document, closed)["BILLING"]["reason"] == "SUSPENDED"
    assert document["accountsSkipped"] == {"SUSPENDED": 1, "excluded": 1}
    assert (document["complete"], document["accountsActive"], document["accountsRead"]) == (True, 5, 4)
    with (tmp_path / "audit.csv").open(newline="") as file:
        lines = {line["account_id"]: line for line in csv.DictReader(file)}
    assert (lines[excluded]["billing"], lines[excluded]["billing_reason"]) == ("skipped", "excluded")
    assert lines[excluded]["billing_source"] == f"OU Unit 1 ({TOP})"
    assert "1 excluded skipped" in (tmp_path / "audit.html").read_text()
    table = run("audit", stack=CONFIGURED).stdout
    assert "4 of 4 accounts read" in table
    assert "Skipped: 1 SUSPENDED, 1 excluded" in table


@pytest.mark.parametrize(
    ("parameters", "reason", "code"),
    [
        ({f"targets/{MEMBERS[0]}": {"billing": "payments", "color": "red"}}, "invalid_target", f"targets/{MEMBERS[0]}"),
        ({f"targets/{MEMBERS[0]}": {"billing": "missing"}}, "unknown_contact_set", "sets/missing"),
        (
            {"sets/broken": {"name": "x"}, f"targets/{MEMBERS[0]}": {"billing": "broken"}},
            "invalid_contact_set",
            "sets/broken",
        ),
    ],
)
def test_a_broken_parameter_makes_the_status_unknown(
    cloud: FakeAws, run: Run, parameters: dict[str, object], reason: str, code: str
) -> None:
    cloud.configure({"version": "1", **parameters})
    document = audit(run, exit_code=1)
    billing = contacts_of(document, MEMBERS[0])["BILLING"]
    assert (billing["status"], billing["reason"], billing["errorCode"]) == ("unknown", reason, code)
    assert contacts_of(document, MEMBERS[0])["SECURITY"]["status"] == (
        "unknown" if reason == "invalid_target" else "compliant"
    )
    assert contacts_of(document, MEMBERS[1])["BILLING"]["status"] == "compliant"
    assert reason in [problem["reason"] for problem in document["contactConfiguration"]["problems"]]
    assert reason in run("audit", stack=CONFIGURED).stdout.partition("Accounts that are not compliant")[2]


@pytest.mark.parametrize("parameters", [{}, {"version": "2"}, {f"targets/{OWN}": {}}])
def test_without_a_known_version_it_is_an_error_before_an_account_is_read(
    cloud: FakeAws, run: Run, parameters: dict[str, object]
) -> None:
    cloud.configure(parameters)
    result = run("audit", stack=CONFIGURED)
    assert (result.exit_code, cloud.read()) == (2, set())
    assert f"Create {PATH}/version with the value 1" in result.stderr


def test_a_configuration_that_cannot_be_read_is_an_error_before_an_account_is_read(cloud: FakeAws, run: Run) -> None:
    deny(cloud.wire, "GetParametersByPath")
    result = run("audit", stack=CONFIGURED)
    assert (result.exit_code, cloud.read()) == (2, set())
    assert "ssm:GetParametersByPath" in result.stderr


def test_with_targets_that_are_ous_parents_that_cannot_be_read_are_an_error(cloud: FakeAws, run: Run) -> None:
    deny(cloud.wire, "ListParents")
    cloud.configure({"version": "1", f"targets/{OWN}": {"billing": "ignore"}})
    assert run("audit", stack=CONFIGURED).exit_code == 0
    cloud.wire.requests.clear()
    cloud.configure({"version": "1", f"targets/{ROOT}": {"billing": "ignore"}})
    result = run("audit", stack=CONFIGURED)
    assert (result.exit_code, cloud.read()) == (2, set())
    assert "organizations:ListParents" in result.stderr


def test_an_account_that_leaves_meanwhile_is_not_judged_by_the_default(cloud: FakeAws, run: Run) -> None:
    cloud.wire.respond("ListParents", error_response("ChildNotFoundException", 400))
    for account in MEMBERS:
        cloud.move(account)
    cloud.configure({"version": "1", f"targets/{ROOT}": {}})
    billing = contacts_of(audit(run, exit_code=1), OWN)["BILLING"]
    assert (billing["status"], billing["reason"]) == ("unknown", "not_in_organization")


def test_targets_that_are_not_in_the_organization_are_problems(cloud: FakeAws, run: Run, tmp_path: Path) -> None:
    cloud.move(MEMBERS[0], TOP, MIDDLE)
    cloud.units[EMPTY] = "no account"
    missing = ("999999999999", "ou-ab12-99999999", "r-zz99")
    cloud.configure(
        {"version": "1", "color": "red", "targets/OU-1": {}}
        | {f"targets/{identifier}": {} for identifier in (OWN, ROOT, TOP, MIDDLE, EMPTY, *missing)}
    )
    page = tmp_path / "audit.html"
    document = audit(run, "--html", str(page), exit_code=1)
    problems = {problem["parameter"]: problem["reason"] for problem in document["contactConfiguration"]["problems"]}
    assert problems == {
        "color": "unknown_parameter",
        "targets/OU-1": "invalid_target",
        **{f"targets/{identifier}": "unknown_target" for identifier in missing},
    }
    table = run("audit", stack=CONFIGURED).stdout
    for text in (table, page.read_text()):
        assert "color: unknown_parameter: unknown_path (the name is not" in text
        assert "targets/999999999999: unknown_target: not_in_organization (the organization has no" in text


def test_a_continued_run_reads_again_what_should_have_other_contacts_now(
    cloud: FakeAws, run: Run, interrupt_audit: Callable[[], None]
) -> None:
    """The accounts that the interrupted run has read and whose contacts are still desired are not read again."""
    cloud.configure({"version": "1", "sets/own": PAYMENTS})
    interrupt_audit()
    first = json.loads(run("audit", "--json", stack=CONFIGURED).stdout)
    known = {account["accountId"] for account in first["accounts"]}
    assert len(known) == 3
    changed = min(known)
    cloud.wire.requests.clear()
    cloud.configure({"version": "1", "sets/own": PAYMENTS, f"targets/{changed}": {"billing": "own"}})
    document = audit(run, exit_code=1)
    assert cloud.read() == {OWN, *MEMBERS} - known | {changed}
    assert contacts_of(document, changed)["BILLING"]["status"] == "different"
    assert document["complete"]


def test_a_question_mark_in_a_set_stands_for_itself(cloud: FakeAws, run: Run) -> None:
    deny(cloud.wire, "GetFunctionConfiguration")
    cloud.contacts[MEMBERS[0], "BILLING"] = {**as_stored(PAYMENTS), "Name": "Piä"}
    cloud.contacts[MEMBERS[1], "BILLING"] = {**desired("BILLING"), "Name": "Piä"}
    cloud.configure(
        {"version": "1", "sets/own": PAYMENTS | {"name": "Pi?"}, f"targets/{MEMBERS[0]}": {"billing": "own"}}
    )
    stack = replace(CONFIGURED, parameters={**CONFIGURED.parameters, "BillingName": "Pi?"})
    document = json.loads(run("audit", "--json", "--rate", "1000", stack=stack).stdout)
    assert contacts_of(document, MEMBERS[0])["BILLING"]["status"] == "different"
    assert contacts_of(document, MEMBERS[1])["BILLING"]["status"] == "unknown"


def test_contacts_of_sets_are_in_no_output(cloud: FakeAws, run: Run, tmp_path: Path) -> None:
    cloud.contacts[MEMBERS[0], "BILLING"] = DRIFTED
    cloud.configure({"version": "1", "sets/own": PAYMENTS, f"targets/{ROOT}": {"billing": "own"}})
    files = [tmp_path / "audit.csv", tmp_path / "audit.html"]
    result = run("audit", "--csv", str(files[0]), "--html", str(files[1]), stack=CONFIGURED)
    for output in (result.output, *(file.read_text() for file in files)):
        assert [value for value in PAYMENTS.values() if value in output] == []


def test_without_a_contact_configuration_nothing_of_it_is_read(cloud: FakeAws, run: Run) -> None:
    stack = replace(CONFIGURED, parameters={**CONFIGURED.parameters, "ContactsPath": "none"})
    document = json.loads(run("audit", "--json", stack=stack).stdout)
    assert document["contactConfiguration"] is None
    assert contacts_of(document, OWN)["BILLING"]["target"] == "default"
    assert cloud.wire.requests_of("GetParametersByPath") == []
