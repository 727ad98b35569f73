"""The accounts of the organization, with the names of their organizational units."""

from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from alternate_contacts.backfill import aws
from alternate_contacts.backfill.pacing import CallPace
from alternate_contacts.cli.aws.organization import OrganizationAccount, OrganizationTree
from tests.fakes.clock import FakeClock
from tests.fakes.wire import FakeWire, HttpResponse, error_response

ROOT, WORKLOADS, PRODUCTION = "r-root", "ou-root-workloads", "ou-root-production"
NAMES = {WORKLOADS: "Workloads", PRODUCTION: "Production"}
PARENTS = {"111111111111": PRODUCTION, "222222222222": ROOT, PRODUCTION: WORKLOADS, WORKLOADS: ROOT}


@pytest.fixture
def wire() -> FakeWire:
    wire = FakeWire()
    wire.respond("DescribeOrganization", HttpResponse(body={"Organization": {"Id": "o-exampleorg1"}}))
    wire.respond("DescribeOrganizationalUnit", lambda request: unit(request["OrganizationalUnitId"]))
    wire.respond("ListParents", lambda request: parents(request["ChildId"]))
    return wire


def unit(identifier: str) -> HttpResponse:
    return HttpResponse(body={"OrganizationalUnit": {"Id": identifier, "Name": NAMES[identifier]}})


def parents(child: str) -> HttpResponse:
    parent = PARENTS[child]
    parent_type = "ROOT" if parent == ROOT else "ORGANIZATIONAL_UNIT"
    return HttpResponse(body={"Parents": [{"Id": parent, "Type": parent_type}]})


def organization(wire: FakeWire, session: boto3.Session) -> OrganizationTree:
    client = session.client("organizations")
    wire.attach(client)
    return OrganizationTree(client)


def list_accounts(wire: FakeWire, session: boto3.Session, *accounts: dict[str, Any]) -> list[OrganizationAccount]:
    """Return these accounts from pages of one account, with an empty second page."""
    pages: list[list[dict[str, Any]]] = [[account] for account in accounts]
    pages.insert(1, [])

    def page(request: dict[str, Any]) -> HttpResponse:
        number = int(request.get("NextToken", 0))
        more = {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
        return HttpResponse(body={"Accounts": pages[number], **more})

    wire.respond("ListAccounts", page)
    return list(organization(wire, session).accounts())


def test_the_organization_has_its_id(wire: FakeWire, session: boto3.Session) -> None:
    assert organization(wire, session).organization_id == "o-exampleorg1"


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"State": "PENDING_ACTIVATION", "Status": "ACTIVE"}, "PENDING_ACTIVATION"),
        ({"Status": "SUSPENDED"}, "SUSPENDED"),
        ({}, "ACTIVE"),
    ],
)
def test_state_has_precedence_over_status(
    wire: FakeWire, session: boto3.Session, fields: dict[str, str], state: str
) -> None:
    [account] = list_accounts(wire, session, {"Id": "222222222222", "Name": "Sandbox", **fields})
    assert account == OrganizationAccount("222222222222", "Sandbox", state, ("Root",), ("222222222222", ROOT))


def test_paths_hold_the_units_and_each_name_is_read_once(wire: FakeWire, session: boto3.Session) -> None:
    path = f"o-exampleorg1/{ROOT}/{WORKLOADS}/{PRODUCTION}"
    accounts = list_accounts(
        wire,
        session,
        {"Id": "111111111111", "Paths": [f"{path}/111111111111/"]},
        {"Id": "333333333333", "Paths": [f"{path}/333333333333/"]},
        {"Id": "222222222222", "Paths": [f"o-exampleorg1/{ROOT}/222222222222/"]},
    )
    assert [account.unit for account in accounts] == [
        ("Root", "Workloads", "Production"),
        ("Root", "Workloads", "Production"),
        ("Root",),
    ]
    assert accounts[0].ancestry == ("111111111111", PRODUCTION, WORKLOADS, ROOT)
    assert len(wire.requests_of("DescribeOrganizationalUnit")) == 2
    assert wire.requests_of("ListParents") == []


def test_without_paths_parents_are_read_and_those_of_units_once(wire: FakeWire, session: boto3.Session) -> None:
    PARENTS["333333333333"] = PRODUCTION
    accounts = list_accounts(
        wire, session, *({"Id": account} for account in ("111111111111", "333333333333", "222222222222"))
    )
    assert [account.unit for account in accounts] == [
        ("Root", "Workloads", "Production"),
        ("Root", "Workloads", "Production"),
        ("Root",),
    ]
    assert accounts[0].ancestry == ("111111111111", PRODUCTION, WORKLOADS, ROOT)
    assert [request["ChildId"] for request in wire.requests_of("ListParents")] == [
        "111111111111",
        PRODUCTION,
        WORKLOADS,
        "333333333333",
        "222222222222",
    ]


@pytest.mark.parametrize(
    ("operation", "calls", "seconds"),
    [("ListAccounts", 10, 2 / 6), ("ListParents", 8, 2 / 4), ("DescribeOrganizationalUnit", 8, 2 / 4)],
)
def test_calls_stay_within_the_rates_of_organizations(
    wire: FakeWire,
    session: boto3.Session,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    calls: int,
    seconds: float,
) -> None:
    """One ListParents call per account, and one DescribeOrganizationalUnit call per unit."""
    clock = FakeClock()
    monkeypatch.setattr(aws, "CallPace", partial(CallPace, clock=clock, sleep=clock.sleep))
    wire.respond("DescribeOrganizationalUnit", HttpResponse(body={"OrganizationalUnit": {"Name": "Unit"}}))
    wire.respond("ListParents", HttpResponse(body={"Parents": [{"Id": ROOT, "Type": "ROOT"}]}))
    accounts: list[dict[str, Any]] = [{"Id": f"{number:012}"} for number in range(8)]
    if operation != "ListParents":
        for account in accounts:
            unit = f"ou-{account['Id']}/" if operation == "DescribeOrganizationalUnit" else ""
            account["Paths"] = [f"o-1/{ROOT}/{unit}{account['Id']}/"]
    if operation == "ListAccounts":
        accounts.append(accounts[0])
    list_accounts(wire, session, *accounts)
    assert len(wire.requests_of(operation)) == calls
    assert clock() == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("of_account", "of_unit"),
    [
        ("AccessDeniedException", "AccessDeniedException"),
        ("ChildNotFoundException", "OrganizationalUnitNotFoundException"),
        ("AccountNotFoundException", "ParentNotFoundException"),
        ("ServiceException", "ServiceException"),
    ],
)
def test_units_that_cannot_be_read_have_their_ids(
    wire: FakeWire, session: boto3.Session, of_account: str, of_unit: str
) -> None:
    wire.respond("DescribeOrganizationalUnit", error_response(of_unit, 400))
    wire.respond("ListParents", error_response(of_account, 400))
    path = f"o-exampleorg1/{ROOT}/{WORKLOADS}/111111111111/"
    accounts = list_accounts(wire, session, {"Id": "111111111111", "Paths": [path]}, {"Id": "222222222222"})
    assert [account.unit for account in accounts] == [("Root", WORKLOADS), ("unknown",)]


def test_an_account_or_unit_that_leaves_meanwhile_is_below_an_unknown_unit(
    wire: FakeWire, session: boto3.Session
) -> None:
    def parents_while_units_leave(request: dict[str, Any]) -> HttpResponse:
        child = request["ChildId"]
        if child == "333333333333":
            return HttpResponse(body={"Parents": []})
        if child in (WORKLOADS, "444444444444"):
            return error_response("ChildNotFoundException", 400)
        return parents(child)

    wire.respond("ListParents", parents_while_units_leave)
    accounts = list_accounts(
        wire,
        session,
        *({"Id": account} for account in ("111111111111", "222222222222", "333333333333", "444444444444")),
    )
    assert {account.account_id: account.unit for account in accounts} == {
        "111111111111": ("unknown", "Workloads", "Production"),
        "222222222222": ("Root",),
        "333333333333": ("unknown",),
        "444444444444": ("unknown",),
    }


@pytest.mark.parametrize(
    ("code", "exists"),
    [("AccessDeniedException", True), ("OrganizationalUnitNotFoundException", False), (None, True)],
)
def test_a_unit_that_cannot_be_read_is_supposed_to_exist(
    wire: FakeWire, session: boto3.Session, code: str | None, exists: bool
) -> None:
    if code:
        wire.respond("DescribeOrganizationalUnit", error_response(code, 400))
    assert organization(wire, session).has_unit(WORKLOADS) == exists


def test_expired_credentials_end_the_list(wire: FakeWire, session: boto3.Session) -> None:
    wire.respond("ListParents", error_response("ExpiredTokenException", 400))
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        list_accounts(wire, session, {"Id": "111111111111"})
