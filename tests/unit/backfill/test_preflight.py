"""A failed check stops the backfill before a message is sent, and eventual consistency is waited out."""

import pytest

from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.backfill.errors import BackfillError, PreflightFailure
from alternate_contacts.backfill.preflight import CHECKS, MEMBERS_TRIED, OrganizationDescription, ensure_ready
from tests.fakes.backfill import MANAGEMENT_ACCOUNT, FakeAccountDirectory
from tests.fakes.clock import FakeStop

MEMBERS = [ListedAccount(f"{number:012}") for number in range(1, 9)]


class NewRoleError(Exception):
    """AWS denies access to a role that is too new."""


def describe(error: Exception) -> PreflightFailure | None:
    return PreflightFailure("denied", eventually_consistent=True) if isinstance(error, NewRoleError) else None


def check(directory: FakeAccountDirectory, *, report: bool = False, stop: FakeStop | None = None) -> str:
    """Run the checks; return the message of the failure, or none."""
    try:
        ensure_ready(
            directory, may_enable_trusted_access=not report, stop=stop or FakeStop(), describe_aws_error=describe
        )
    except BackfillError as error:
        return str(error)
    return "none"


def contact_errors(code: str, times: int = 99) -> dict[str | None, list[str]]:
    """The next calls for every member fail."""
    return {account.account_id: [code] * times for account in MEMBERS}


def test_an_organization_that_is_ready_passes_with_one_read() -> None:
    directory = FakeAccountDirectory(MEMBERS)
    assert check(directory) == "none"
    assert (directory.contact_calls, directory.times_enabled) == ([MEMBERS[0].account_id], 0)


@pytest.mark.parametrize(
    ("directory", "words"),
    [
        (FakeAccountDirectory(MEMBERS, region="eu-west-1"), ["eu-west-1", "Deploy in us-east-1"]),
        (FakeAccountDirectory(MEMBERS, region="cn-north-1"), ["Deploy in cn-northwest-1"]),
        (FakeAccountDirectory(MEMBERS, organization=None), [MANAGEMENT_ACCOUNT, "create-organization"]),
        (
            FakeAccountDirectory(MEMBERS, organization=OrganizationDescription("999999999999", "ALL", "o-1")),
            [MANAGEMENT_ACCOUNT, "Deploy in", "999999999999"],
        ),
        (
            FakeAccountDirectory(
                MEMBERS,
                organization=OrganizationDescription(MANAGEMENT_ACCOUNT, "CONSOLIDATED_BILLING", "o-1"),
            ),
            ["CONSOLIDATED_BILLING", "enable-all-features"],
        ),
    ],
)
def test_a_failure_names_the_next_step_and_nothing_is_changed(
    directory: FakeAccountDirectory, words: list[str]
) -> None:
    directory.trusted_access, stop = False, FakeStop()
    message = check(directory, stop=stop)
    assert [word for word in words if word not in message] == []
    assert (directory.times_enabled, directory.contact_calls, stop.waits) == (0, [], [])


def test_without_an_organization_there_is_no_feature_set() -> None:
    """The command runs each check on its own."""
    (all_features,) = (each for each in CHECKS if each.name == "all features")
    failure = all_features.run(FakeAccountDirectory(MEMBERS, organization=None))
    assert failure
    assert "feature set none" in failure.message


def test_china_has_its_own_region() -> None:
    assert check(FakeAccountDirectory(MEMBERS, region="cn-northwest-1")) == "none"


def test_trusted_access_is_enabled_if_it_is_off() -> None:
    directory = FakeAccountDirectory(MEMBERS, trusted_access=False)
    assert check(directory) == "none"
    assert directory.times_enabled == 1


def test_a_report_does_not_enable_it_and_names_the_command() -> None:
    directory = FakeAccountDirectory(MEMBERS, trusted_access=False)
    command = "aws organizations enable-aws-service-access --service-principal account.amazonaws.com"
    assert command in check(directory, report=True)
    assert (directory.times_enabled, directory.contact_calls) == (0, [])


# ---- Eventual consistency -------------------------------------------------------------------------------------------


def test_a_contact_that_is_denied_for_a_minute_passes() -> None:
    directory, stop = FakeAccountDirectory(MEMBERS, contact_errors=contact_errors("AccessDenied", 8)), FakeStop()
    assert check(directory, stop=stop) == "none"
    assert 60 <= sum(stop.waits) < 61


@pytest.mark.parametrize(
    ("code", "next_step"),
    [("AccessDeniedException", "account:GetAlternateContact"), ("EndpointConnectionError", "Retry")],
)
def test_a_contact_that_stays_unreadable_fails_with_account_and_code(code: str, next_step: str) -> None:
    directory, stop = FakeAccountDirectory(MEMBERS, contact_errors=contact_errors(code)), FakeStop()
    message = check(directory, stop=stop)
    assert message.startswith(f"GetAlternateContact failed for {MEMBERS[MEMBERS_TRIED - 1].account_id}: {code}. ")
    assert next_step in message
    assert 90 <= sum(stop.waits) < 91


@pytest.mark.parametrize(
    "call", ["describe_organization", "has_trusted_access", "enable_trusted_access", "list_active_members"]
)
def test_any_call_that_is_denied_at_first_passes(call: str) -> None:
    directory = FakeAccountDirectory(MEMBERS, trusted_access=False, errors={call: [NewRoleError()] * 3})
    stop = FakeStop()
    assert check(directory, stop=stop) == "none"
    assert directory.times_enabled == 1
    assert stop.waits == [0.5, 1, 2]


def test_a_call_that_stays_denied_fails_after_the_pauses() -> None:
    directory = FakeAccountDirectory(MEMBERS, errors={"has_trusted_access": [NewRoleError()] * 99})
    stop = FakeStop()
    assert check(directory, stop=stop) == "denied"
    assert 90 <= sum(stop.waits) < 91


def test_the_failure_of_one_member_alone_is_ignored() -> None:
    errors: dict[str | None, list[str]] = {MEMBERS[0].account_id: ["AccessDeniedException"] * 99}
    stop = FakeStop()
    assert check(FakeAccountDirectory(MEMBERS, contact_errors=errors), stop=stop) == "none"
    assert stop.waits == []


def test_an_organization_of_one_account_reads_its_own_contact() -> None:
    directory = FakeAccountDirectory([ListedAccount(MANAGEMENT_ACCOUNT), ListedAccount("1" * 12, "SUSPENDED")])
    assert check(directory) == "none"
    assert directory.contact_calls == [None]
    directory.contact_errors = {None: ["InternalServerException"] * 99}
    assert check(directory).startswith("GetAlternateContact failed for the management account: InternalServerException")


# ---- Out of time ----------------------------------------------------------------------------------------------------


def test_nothing_is_changed_after_the_stop() -> None:
    directory, stop = FakeAccountDirectory(MEMBERS, trusted_access=False), FakeStop()
    stop.set()
    assert "out of time" in check(directory, stop=stop)
    assert directory.times_enabled == 0


def test_the_stop_ends_a_pause() -> None:
    directory = FakeAccountDirectory(MEMBERS, contact_errors=contact_errors("AccessDeniedException"))
    stop = FakeStop(when_waiting=lambda event: event.set())
    assert check(directory, stop=stop) != "none"
    assert len(stop.waits) == 1


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS) == 5
