"""Each obstacle is told in one sentence before anything is sent, and what settles in a minute is waited out."""

import pytest

from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.preflight import CHECKS, MEMBERS_TRIED, OrganizationDescription, preflight
from tests.fakes.backfill import MANAGEMENT, FakeOrganization
from tests.fakes.clock import FakeStop

MEMBERS = [ListedAccount(f"{number:012}") for number in range(1, 9)]


def refused(*codes: str) -> dict[str | None, list[str]]:
    """Every member's next reads are refused so."""
    return {each.account_id: list(codes) for each in MEMBERS}


def check(organization: FakeOrganization, *, may_change: bool = True, stop: FakeStop | None = None) -> str:
    """The sentence of the obstacle, or none."""
    try:
        preflight(organization, may_change=may_change, stop=stop or FakeStop())
    except BackfillError as error:
        return str(error)
    return "none"


def test_an_organization_that_is_ready_passes_and_is_read_once() -> None:
    organization = FakeOrganization(MEMBERS)
    assert check(organization) == "none"
    assert (organization.reads, organization.enabled) == ([MEMBERS[0].account_id], 0)


@pytest.mark.parametrize(
    ("organization", "words"),
    [
        (FakeOrganization(MEMBERS, region="eu-west-1"), ["only in us-east-1", "this is eu-west-1"]),
        (FakeOrganization(MEMBERS, region="cn-north-1"), ["only in cn-northwest-1"]),
        (FakeOrganization(MEMBERS, described=None), [MANAGEMENT, "create-organization"]),
        (
            FakeOrganization(MEMBERS, described=OrganizationDescription("999999999999", "ALL")),
            [f"This is account {MANAGEMENT}", "999999999999", "deploy there"],
        ),
        (
            FakeOrganization(MEMBERS, described=OrganizationDescription(MANAGEMENT, "CONSOLIDATED_BILLING")),
            ["enable-all-features"],
        ),
    ],
)
def test_a_place_where_it_cannot_work_is_told_and_nothing_is_changed(
    organization: FakeOrganization, words: list[str]
) -> None:
    organization.trusted = False
    sentence = check(organization)
    assert [word for word in words if word not in sentence] == []
    assert (organization.enabled, organization.reads) == (0, [])


def test_china_has_its_own_region() -> None:
    assert check(FakeOrganization(MEMBERS, region="cn-northwest-1")) == "none"


def test_trusted_access_is_enabled_where_it_is_off() -> None:
    organization = FakeOrganization(MEMBERS, trusted=False)
    assert check(organization) == "none"
    assert organization.enabled == 1


def test_a_report_refuses_instead_and_gives_the_command() -> None:
    organization = FakeOrganization(MEMBERS, trusted=False)
    assert "aws organizations enable-aws-service-access --service-principal account.amazonaws.com" in check(
        organization, may_change=False
    )
    assert (organization.enabled, organization.reads) == (0, [])


def test_the_first_minutes_refusals_are_waited_out() -> None:
    organization, stop = FakeOrganization(MEMBERS, refusals=refused(*["AccessDeniedException"] * 8)), FakeStop()
    assert check(organization, stop=stop) == "none"
    assert 60 <= sum(stop.waits) < 61


def test_what_is_refused_all_the_same_is_told_with_code_and_account() -> None:
    organization, stop = FakeOrganization(MEMBERS, refusals=refused(*["AccessDeniedException"] * 99)), FakeStop()
    sentence = check(organization, stop=stop)
    assert f"AccessDeniedException for {MEMBERS[MEMBERS_TRIED - 1].account_id}" in sentence
    assert "account:GetAlternateContact" in sentence
    assert 90 <= sum(stop.waits) < 91


class NotYetError(Exception):
    """AWS refuses a call of a role that is too new."""


@pytest.mark.parametrize("call", ["organization", "trusted_access", "enable_trusted_access", "active_members"])
def test_the_first_minutes_refusals_of_any_call_are_waited_out(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    organization, stop, left = FakeOrganization(MEMBERS, trusted=False), FakeStop(), [0, 1, 2]
    really = getattr(organization, call)

    def refused() -> object:
        if left:
            left.pop()
            raise NotYetError
        return really()

    monkeypatch.setattr(organization, call, refused)
    preflight(
        organization, may_change=True, stop=stop, refusal=lambda error: "no" if isinstance(error, NotYetError) else None
    )
    assert organization.enabled == 1
    assert stop.waits == [0.5, 1, 2]


def test_a_call_that_stays_refused_is_told_after_the_pauses_and_no_later(monkeypatch: pytest.MonkeyPatch) -> None:
    organization, stop = FakeOrganization(MEMBERS), FakeStop()

    def refused() -> object:
        raise NotYetError

    monkeypatch.setattr(organization, "trusted_access", refused)
    with pytest.raises(BackfillError, match="allow it"):
        preflight(organization, may_change=True, stop=stop, refusal=lambda _: "allow it")
    assert 90 <= sum(stop.waits) < 91


def test_whoever_was_told_to_stop_changes_nothing_any_more() -> None:
    organization, stop = FakeOrganization(MEMBERS, trusted=False), FakeStop()
    stop.set()
    assert check(organization, stop=stop).startswith("Time ran out")
    assert organization.enabled == 0


def test_trouble_of_aws_is_not_blamed_on_permissions() -> None:
    organization = FakeOrganization(MEMBERS, refusals=refused(*["EndpointConnectionError"] * 99))
    assert "try again" in check(organization)


def test_one_member_that_is_refused_for_reasons_of_its_own_stops_nothing() -> None:
    organization = FakeOrganization(MEMBERS, refusals={MEMBERS[0].account_id: ["AccessDeniedException"] * 99})
    stop = FakeStop()
    assert check(organization, stop=stop) == "none"
    assert stop.waits == []


def test_an_organization_of_one_account_reads_its_own_contact() -> None:
    organization = FakeOrganization([ListedAccount(MANAGEMENT), ListedAccount("1" * 12, "SUSPENDED")])
    assert check(organization) == "none"
    assert organization.reads == [None]


def test_whoever_is_told_to_stop_waits_no_longer() -> None:
    organization = FakeOrganization(MEMBERS, refusals=refused(*["AccessDeniedException"] * 99))
    stop = FakeStop(when_waiting=lambda event: event.set())
    assert check(organization, stop=stop) != "none"
    assert len(stop.waits) == 1


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({each.name for each in CHECKS}) == len(CHECKS) == 5
