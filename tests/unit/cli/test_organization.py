"""The accounts as AWS Organizations lists them, with names for their places."""

from typing import Any

import boto3
import pytest

from alternate_contacts.cli.aws.organization import OrganizationAccount, OrganizationTree
from tests.fakes.wire import FakeWire, HttpAnswer, refusal

ROOT, WORKLOADS, PRODUCTION = "r-root", "ou-root-workloads", "ou-root-production"
NAMES = {WORKLOADS: "Workloads", PRODUCTION: "Production"}
PARENTS = {"111111111111": PRODUCTION, "222222222222": ROOT, PRODUCTION: WORKLOADS, WORKLOADS: ROOT}


@pytest.fixture
def wire() -> FakeWire:
    wire = FakeWire()
    wire.answer("DescribeOrganization", HttpAnswer(body={"Organization": {"Id": "o-exampleorg1"}}))
    wire.answer("DescribeOrganizationalUnit", lambda asked: unit(asked["OrganizationalUnitId"]))
    wire.answer("ListParents", lambda asked: parents(asked["ChildId"]))
    return wire


def unit(identifier: str) -> HttpAnswer:
    return HttpAnswer(body={"OrganizationalUnit": {"Id": identifier, "Name": NAMES[identifier]}})


def parents(child: str) -> HttpAnswer:
    parent = PARENTS[child]
    kind = "ROOT" if parent == ROOT else "ORGANIZATIONAL_UNIT"
    return HttpAnswer(body={"Parents": [{"Id": parent, "Type": kind}]})


def organization(wire: FakeWire, session: boto3.Session) -> OrganizationTree:
    client = session.client("organizations")
    wire.attach(client)
    return OrganizationTree(client)


def listed(wire: FakeWire, session: boto3.Session, *accounts: dict[str, Any]) -> list[OrganizationAccount]:
    """What is made of these accounts, listed on pages of one, of which the second is empty."""
    pages: list[list[dict[str, Any]]] = [[each] for each in accounts]
    pages.insert(1, [])

    def page(asked: dict[str, Any]) -> HttpAnswer:
        number = int(asked.get("NextToken", 0))
        more = {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
        return HttpAnswer(body={"Accounts": pages[number], **more})

    wire.answer("ListAccounts", page)
    return list(organization(wire, session).accounts())


def test_the_organization_tells_its_id(wire: FakeWire, session: boto3.Session) -> None:
    assert organization(wire, session).organization_id == "o-exampleorg1"


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"State": "PENDING_ACTIVATION", "Status": "ACTIVE"}, "PENDING_ACTIVATION"),
        ({"Status": "SUSPENDED"}, "SUSPENDED"),
        ({}, "ACTIVE"),
    ],
)
def test_state_goes_before_status(wire: FakeWire, session: boto3.Session, told: dict[str, str], state: str) -> None:
    [account] = listed(wire, session, {"Id": "222222222222", "Name": "Sandbox", **told})
    assert account == OrganizationAccount("222222222222", "Sandbox", state, ("Root",))


def test_paths_give_the_place_and_each_unit_is_asked_for_its_name_once(wire: FakeWire, session: boto3.Session) -> None:
    path = f"o-exampleorg1/{ROOT}/{WORKLOADS}/{PRODUCTION}"
    accounts = listed(
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
    assert len(wire.asked("DescribeOrganizationalUnit")) == 2
    assert wire.asked("ListParents") == []


def test_without_paths_parents_are_asked_for_and_those_of_units_once(wire: FakeWire, session: boto3.Session) -> None:
    PARENTS["333333333333"] = PRODUCTION
    accounts = listed(wire, session, *({"Id": each} for each in ("111111111111", "333333333333", "222222222222")))
    assert [account.unit for account in accounts] == [
        ("Root", "Workloads", "Production"),
        ("Root", "Workloads", "Production"),
        ("Root",),
    ]
    assert [asked["ChildId"] for asked in wire.asked("ListParents")] == [
        "111111111111",
        PRODUCTION,
        WORKLOADS,
        "333333333333",
        "222222222222",
    ]


def test_who_may_not_ask_for_units_sees_their_ids(wire: FakeWire, session: boto3.Session) -> None:
    wire.answer("DescribeOrganizationalUnit", refusal("AccessDeniedException", 400))
    wire.answer("ListParents", refusal("AccessDeniedException", 400))
    path = f"o-exampleorg1/{ROOT}/{WORKLOADS}/111111111111/"
    accounts = listed(wire, session, {"Id": "111111111111", "Paths": [path]}, {"Id": "222222222222"})
    assert [account.unit for account in accounts] == [("Root", WORKLOADS), ("unknown",)]
