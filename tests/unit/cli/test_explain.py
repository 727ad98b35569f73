"""`explain`: the desired contacts of one account, why, and what the worker would do."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.worker.contacts import CONTACT_FIELDS, ContactType
from tests.fakes.cli import PARAMETERS, SECRETS, deny
from tests.fakes.contact_data import contact_set
from tests.fakes.organization import CONFIGURED, DRIFTED, FAST, MEMBERS, OWN, PATH, ROOT, FakeAws
from tests.fakes.wire import error_response
from tests.unit.cli.conftest import Run

TOP, DEEPEST = "ou-ab12-00000001", "ou-ab12-00000002"
PAYMENTS = contact_set(4455)
MEMBER = MEMBERS[0]


def explain(run: Run, account: str, *arguments: str, stack: Stack = CONFIGURED, exit_code: int = 0) -> dict[str, Any]:
    """Return the JSON document."""
    result = run("explain", account, "--json", *arguments, stack=stack)
    assert result.exit_code == exit_code, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def with_parameters(stack: Stack, **parameters: str) -> Stack:
    return replace(stack, parameters={**stack.parameters, **parameters})


def outcomes(document: Mapping[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {name: (contact["status"], contact["outcome"]) for name, contact in document["contacts"].items()}


@pytest.fixture
def payments(cloud: FakeAws) -> FakeAws:
    """An account below two OUs, the upper of which selects a contact set; its BILLING contact is another one."""
    cloud.move(MEMBER, TOP, DEEPEST)
    cloud.contacts[MEMBER, "BILLING"] = DRIFTED
    cloud.configure(
        {
            "version": "1",
            "sets/payments": PAYMENTS,
            "sets/unused": PAYMENTS,
            f"targets/{TOP}": {"billing": "payments", "security": "ignore"},
            f"targets/{DEEPEST}": {"exclude": False},
            f"targets/{OWN}": {"operations": "payments"},
        }
    )
    return cloud


@pytest.mark.usefixtures("payments")
def test_it_states_the_chain_of_targets_and_the_one_that_decides(run: Run) -> None:
    document = explain(run, MEMBER, exit_code=1)
    assert document["ancestors"] == [
        {"id": MEMBER, "name": "the account", "problems": [], "target": None},
        {"id": DEEPEST, "name": f"OU Unit 2 ({DEEPEST})", "problems": [], "target": {"exclude": False}},
        {
            "id": TOP,
            "name": f"OU Unit 1 ({TOP})",
            "problems": [],
            "target": {"billing": "payments", "security": "ignore"},
        },
        {"id": ROOT, "name": f"root ({ROOT})", "problems": [], "target": None},
    ]
    assert document["contactConfiguration"] == {
        "path": PATH,
        "versions": {"sets/payments": 2, f"targets/{TOP}": 4, f"targets/{DEEPEST}": 5},
    }
    assert document["contacts"]["BILLING"] == {
        "status": "different",
        "contactSet": "payments",
        "target": TOP,
        "policy": "overwrite",
        "provided": True,
        "differentFields": [field.label for field in CONTACT_FIELDS],
        "outcome": "updated",
        "reason": None,
        "errorCode": None,
    }
    assert outcomes(document) == {
        "BILLING": ("different", "updated"),
        "OPERATIONS": ("compliant", "unchanged"),
        "SECURITY": ("unmanaged", "ignored"),
    }
    assert document["contacts"]["OPERATIONS"]["target"] == "default"


def test_the_text_says_the_same(payments: FakeAws, run: Run) -> None:
    payments.contacts[MEMBER, "BILLING"] = {**DRIFTED, "Name": PAYMENTS["name"]}
    result = run("explain", MEMBER, stack=CONFIGURED)
    assert result.exit_code == 1
    assert (
        result.stdout
        == f"""{MEMBER} Account {MEMBER}
state: ACTIVE
organizational unit: Root / Unit 1 / Unit 2

BILLING: different
  desired: contact set payments, from OU Unit 1 ({TOP})
  policy: overwrite
  account: another {", ".join(field.label for field in CONTACT_FIELDS[1:])}
  worker: sets the desired contact

OPERATIONS: compliant
  desired: the contact of the stack
  policy: overwrite
  account: the desired contact
  worker: leaves the contact, which is as desired

SECURITY: unmanaged
  desired: none: ignore, from OU Unit 1 ({TOP})
  policy: ignore
  account: a contact
  worker: leaves the contact: the policy is ignore

Targets, the nearest first:
  the account: no target
  OU Unit 2 ({DEEPEST}): exclude false
  OU Unit 1 ({TOP}): billing payments, security ignore
  root ({ROOT}): no target
Parameters below {PATH}: targets/{DEEPEST} (version 5), targets/{TOP} (version 4), sets/payments (version 2)
Run `alternate-contacts failures` to see whether a message of the account failed.
"""
    )


@pytest.mark.usefixtures("payments")
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_contact_data_is_shown_only_on_request(run: Run, as_json: list[str]) -> None:
    every = [*SECRETS, *PAYMENTS.values(), *DRIFTED.values()]
    hidden = run("explain", MEMBER, *as_json, stack=CONFIGURED).output
    assert [value for value in every if value in hidden] == []
    shown = run("explain", MEMBER, "--show-contacts", *as_json, stack=CONFIGURED).output
    assert [value for value in [*PAYMENTS.values(), *DRIFTED.values()] if value not in shown] == []


def test_the_management_account_is_read_without_its_id(payments: FakeAws, run: Run) -> None:
    document = explain(run, OWN, exit_code=1)
    assert outcomes(document)["OPERATIONS"] == ("different", "updated")
    assert all("AccountId" not in request for request in payments.wire.requests_of("GetAlternateContact"))


@pytest.mark.parametrize(
    ("parameters", "stored", "expected"),
    [
        ({"BillingPolicy": "fill"}, None, ("missing", "updated")),
        ({"BillingPolicy": "fill"}, DRIFTED, ("unmanaged", "kept")),
        ({"BillingPolicy": "ignore"}, None, ("unmanaged", "ignored")),
        ({"Mode": "report"}, DRIFTED, ("different", "would_update")),
        ({}, None, ("missing", "updated")),
    ],
)
def test_policy_and_mode_decide_what_the_worker_does(
    cloud: FakeAws, run: Run, parameters: dict[str, str], stored: dict[str, str] | None, expected: tuple[str, str]
) -> None:
    cloud.contacts[MEMBER, "BILLING"] = stored
    result = run("explain", MEMBER, "--json", stack=with_parameters(FAST, **parameters))
    document = json.loads(result.stdout)
    assert outcomes(document)["BILLING"] == expected
    assert result.exit_code == (expected[0] in ("missing", "different"))
    # Without a contact configuration every contact is the stack's.
    assert (document["contactConfiguration"], document["ancestors"]) == (None, [])
    assert cloud.wire.requests_of("GetParametersByPath") == []


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_skipped_account_is_not_read(payments: FakeAws, run: Run, as_json: list[str]) -> None:
    payments.configure({"version": "1", f"targets/{TOP}": {"exclude": True}})
    payments.accounts[2] |= {"State": "SUSPENDED"}
    excluded = run("explain", MEMBER, *as_json, stack=CONFIGURED)
    suspended = run("explain", MEMBERS[1], *as_json, stack=CONFIGURED)
    assert (excluded.exit_code, suspended.exit_code, payments.read()) == (0, 0, set())
    if as_json:
        documents = [json.loads(result.stdout) for result in (excluded, suspended)]
        assert [(each["skipped"], each["excludedBy"], each["contacts"]) for each in documents] == [
            ("excluded", TOP, {}),
            ("SUSPENDED", None, {}),
        ]
    else:
        assert f"skipped: excluded by OU Unit 1 ({TOP})." in excluded.stdout
        assert "skipped: SUSPENDED." in suspended.stdout


def test_an_invalid_target_is_the_reason(payments: FakeAws, run: Run) -> None:
    payments.configure({"version": "1", f"targets/{DEEPEST}": {"color": "red"}})
    document = explain(run, MEMBER, exit_code=1)
    assert document["ancestors"][1] == {
        "id": DEEPEST,
        "name": f"OU Unit 2 ({DEEPEST})",
        "problems": [{"parameter": f"targets/{DEEPEST}", "reason": "invalid_target", "detail": "unknown_key"}],
        "target": None,
    }
    for contact in document["contacts"].values():
        assert (contact["status"], contact["outcome"]) == ("unknown", "failed")
        assert (contact["reason"], contact["errorCode"]) == ("invalid_target", f"targets/{DEEPEST}")
    text = run("explain", MEMBER, stack=CONFIGURED).stdout
    assert f"reason: invalid_target (targets/{DEEPEST})" in text
    assert f"OU Unit 2 ({DEEPEST}): invalid_target: unknown_key (a key is unknown)" in text


def test_an_unknown_set_leaves_the_other_types(payments: FakeAws, run: Run) -> None:
    payments.configure({"version": "1", f"targets/{TOP}": {"billing": "late"}})
    document = explain(run, MEMBER, exit_code=1)
    assert outcomes(document) == {
        "BILLING": ("unknown", "failed"),
        "OPERATIONS": ("compliant", "unchanged"),
        "SECURITY": ("compliant", "unchanged"),
    }
    assert document["contacts"]["BILLING"]["errorCode"] == "sets/late"


def test_a_contact_that_cannot_be_read_has_its_reason(payments: FakeAws, run: Run) -> None:
    payments.errors[MEMBER] = error_response("AccessDeniedException", 403)
    document = explain(run, MEMBER, exit_code=1)
    assert outcomes(document)["BILLING"] == ("unreadable", None)
    assert document["contacts"]["BILLING"]["reason"] == "trusted_access_off"
    assert outcomes(document)["SECURITY"] == ("unmanaged", "ignored")


def test_without_the_workers_contacts_a_garbled_one_is_unknown(cloud: FakeAws, run: Run) -> None:
    deny(cloud.wire, "GetFunctionConfiguration")
    name = PARAMETERS["BillingName"]
    cloud.contacts[MEMBER, "BILLING"] = {
        **{field: PARAMETERS[f"Billing{field}"] for field in DRIFTED},
        "Name": f"ä{name[1:]}",
    }
    document = explain(run, MEMBER, stack=with_parameters(FAST, BillingName=f"?{name[1:]}"), exit_code=1)
    assert outcomes(document)["BILLING"] == ("unknown", None)


def test_a_disabled_package_is_mentioned(cloud: FakeAws, run: Run) -> None:
    result = run("explain", MEMBER, stack=with_parameters(FAST, Enabled="false"))
    assert result.exit_code == 0
    assert "The package is not enabled" in result.stdout
    assert cloud.read() == {MEMBER}


# ---- protection -----------------------------------------------------------------------------------------------------


def protection(document: Mapping[str, Any]) -> tuple[str | None, list[str], list[str]]:
    return document["protectedBy"], document["protectedContactTypes"], document["lockedContactTypes"]


@pytest.mark.parametrize(
    ("account", "parameters", "expected"),
    [
        (MEMBER, {"ProtectedTargetId": TOP}, (TOP, ["BILLING", "OPERATIONS", "SECURITY"], ["SECURITY"])),
        (MEMBER, {"ProtectedTargetId": TOP, "SecurityPolicy": "fill"}, (TOP, ["BILLING", "OPERATIONS"], [])),
        (MEMBER, {"ProtectedTargetId": TOP, "Mode": "report"}, (None, [], [])),
        (MEMBER, {"ProtectedTargetId": "none"}, (None, [], [])),
        (MEMBERS[1], {"ProtectedTargetId": TOP}, (None, [], [])),
        (OWN, {"ProtectedTargetId": ROOT}, (None, [], [])),
    ],
)
@pytest.mark.usefixtures("payments")
def test_it_states_the_contacts_that_the_account_cannot_change(
    run: Run, account: str, parameters: dict[str, str], expected: tuple[str | None, list[str], list[str]]
) -> None:
    """The target TOP ignores SECURITY, so no one below it but the management account can change this contact."""
    result = run("explain", account, "--json", stack=with_parameters(CONFIGURED, **parameters))
    assert protection(json.loads(result.stdout)) == expected


@pytest.mark.parametrize("target", [{"exclude": True}, {"color": "red"}])
def test_only_the_management_account_changes_an_excluded_or_invalid_account(
    payments: FakeAws, run: Run, target: dict[str, object]
) -> None:
    payments.configure({"version": "1", f"targets/{MEMBER}": target})
    stack = with_parameters(CONFIGURED, ProtectedTargetId=TOP)
    every = ["BILLING", "OPERATIONS", "SECURITY"]
    assert protection(json.loads(run("explain", MEMBER, "--json", stack=stack).stdout)) == (TOP, every, every)
    lines = run("explain", MEMBER, stack=stack).stdout.splitlines()
    types = ", ".join(every)
    assert f"protected: {types}. The account cannot change them: service control policy of OU Unit 1 ({TOP})." in lines
    assert f"locked: {types}. The package does not set them, so only the management account can change them." in lines
    payments.accounts[1] |= {"State": "SUSPENDED"}
    assert protection(json.loads(run("explain", MEMBER, "--json", stack=stack).stdout)) == (TOP, every, [])


def test_without_a_contact_configuration_the_ous_are_read_for_the_protection(cloud: FakeAws, run: Run) -> None:
    cloud.move(MEMBER, TOP, DEEPEST)
    document = explain(run, MEMBER, stack=with_parameters(FAST, ProtectedTargetId=DEEPEST))
    assert protection(document) == (DEEPEST, ["BILLING", "OPERATIONS", "SECURITY"], [])
    del cloud.accounts[1]["Paths"]
    deny(cloud.wire, "ListParents")
    result = run("explain", MEMBER, stack=with_parameters(FAST, ProtectedTargetId=DEEPEST))
    assert (result.exit_code, "ListParents" in result.stderr) == (2, True)


# ---- errors ---------------------------------------------------------------------------------------------------------


def test_an_account_of_another_organization_is_an_error(cloud: FakeAws, run: Run) -> None:
    result = run("explain", "999999999999", stack=FAST)
    assert (result.exit_code, cloud.read()) == (2, set())
    assert "AccountNotFoundException" in result.stderr


@pytest.mark.parametrize("account_id", ["1", "ou-ab12-00000001", "1234567890123", "12345678901a", "١٢٣٤٥٦٧٨٩٠١٢"])
def test_a_wrong_account_id_is_an_error_without_a_call(cloud: FakeAws, run: Run, account_id: str) -> None:
    result = run("explain", account_id, stack=FAST)
    assert (result.exit_code, cloud.wire.requests) == (2, [])
    assert "is not an account ID of 12 digits" in result.stderr


@pytest.mark.parametrize(
    ("operation", "permission"),
    [
        ("DescribeAccount", "organizations:DescribeAccount"),
        ("GetParametersByPath", "ssm:GetParametersByPath"),
        ("ListParents", "organizations:ListParents"),
    ],
)
def test_a_missing_permission_is_named(payments: FakeAws, run: Run, operation: str, permission: str) -> None:
    deny(payments.wire, operation)
    result = run("explain", MEMBERS[1], stack=CONFIGURED)
    assert (result.exit_code, payments.read()) == (2, set())
    assert permission in result.stderr


def test_a_configuration_without_a_version_is_an_error(payments: FakeAws, run: Run) -> None:
    payments.configure({})
    result = run("explain", MEMBER, stack=CONFIGURED)
    assert (result.exit_code, payments.read()) == (2, set())
    assert f"Create {PATH}/version" in result.stderr


@pytest.mark.usefixtures("cloud")
def test_every_contact_type_is_explained(run: Run) -> None:
    assert list(explain(run, MEMBER, stack=FAST)["contacts"]) == list(ContactType)
