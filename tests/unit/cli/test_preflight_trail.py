"""The trail: which selectors let through what tells of a new account, and what is said where none does."""

from typing import Any

import pytest

from alternate_contacts.cli.preflight import trail
from alternate_contacts.cli.preflight.finding import CheckState
from alternate_contacts.cli.preflight.trail import Trail

ALL: dict[str, Any] = {"ReadWriteType": "All", "IncludeManagementEvents": True, "ExcludeManagementEventSources": []}


def basic(**changes: Any) -> Trail:
    return Trail("main", "eu-west-1", multi_region=True, logging=True, basic=[ALL | changes])


def advanced(**fields: dict[str, list[str]]) -> Trail:
    selectors = [{"Field": name, **conditions} for name, conditions in fields.items()]
    return Trail("main", "eu-west-1", multi_region=True, logging=True, advanced=[{"FieldSelectors": selectors}])


MANAGEMENT = {"eventCategory": {"Equals": ["Management"]}}


@pytest.mark.parametrize(
    "found",
    [
        basic(),
        basic(ReadWriteType="WriteOnly"),
        basic(ExcludeManagementEventSources=["kms.amazonaws.com", "rdsdata.amazonaws.com"]),
        advanced(**MANAGEMENT),
        advanced(**MANAGEMENT, readOnly={"Equals": ["false"]}),
        advanced(**MANAGEMENT, eventSource={"NotEquals": ["kms.amazonaws.com"]}),
        advanced(**MANAGEMENT, eventSource={"StartsWith": ["organ", "control"]}),
        advanced(**MANAGEMENT, eventName={"NotStartsWith": ["Describe"], "NotEndsWith": ["List"]}),
        advanced(**MANAGEMENT, sessionCredentialFromConsole={"NotEquals": ["true"]}),
    ],
)
def test_records_a_created_account(found: Trail) -> None:
    finding = trail.check([found], "us-east-1")
    assert (finding.state, finding.sentence) == (CheckState.OK, "Trail main logs them.")


@pytest.mark.parametrize(
    "found",
    [
        basic(IncludeManagementEvents=False),
        basic(ReadWriteType="ReadOnly"),
        basic(ExcludeManagementEventSources=["organizations.amazonaws.com"]),
        advanced(eventCategory={"Equals": ["Data"]}),
        advanced(**MANAGEMENT, readOnly={"Equals": ["true"]}),
        advanced(**MANAGEMENT, eventSource={"Equals": ["iam.amazonaws.com"]}),
        advanced(**MANAGEMENT, eventSource={"NotEndsWith": ["amazonaws.com"]}),
        advanced(**MANAGEMENT, eventName={"EndsWith": ["User"]}),
        advanced(**MANAGEMENT, sessionCredentialFromConsole={"Equals": ["true"]}),
        Trail("main", "eu-west-1", logging=True, basic=[ALL]),
        Trail("main", "us-east-1", logging=True),
    ],
)
def test_does_not_record_it(found: Trail) -> None:
    finding = trail.check([found], "us-east-1")
    assert finding.state is CheckState.MISSING
    create, start = finding.commands
    assert create.startswith("aws cloudtrail create-trail --region us-east-1 ")
    assert start.startswith("aws cloudtrail start-logging --region us-east-1 ")


def test_a_trail_of_the_region_alone_is_enough() -> None:
    assert trail.check([Trail("here", "us-east-1", logging=True, basic=[ALL])], "us-east-1").state is CheckState.OK


def test_one_of_several_is_enough_and_one_selector_of_several() -> None:
    data_only = basic(IncludeManagementEvents=False)
    both = Trail("both", "us-east-1", logging=True, basic=[{"IncludeManagementEvents": False}, ALL])
    unread = Trail("theirs", "us-east-1", unread="These credentials may not look.")
    assert trail.check([unread, data_only, both], "us-east-1").state is CheckState.OK


def test_logging_that_is_off_is_switched_on_where_the_trail_lives() -> None:
    stopped = Trail("main", "eu-west-1", multi_region=True, basic=[ALL])
    finding = trail.check([stopped, Trail("other", "us-east-1", logging=True)], "us-east-1")
    assert finding.state is CheckState.MISSING
    assert finding.commands == ("aws cloudtrail start-logging --region eu-west-1 --name main",)


def test_a_trail_that_could_not_be_read_leaves_it_open() -> None:
    finding = trail.check([Trail("theirs", "us-east-1", unread="These credentials may not look.")], "us-east-1")
    assert finding.state is CheckState.UNKNOWN
    assert finding.sentence == "Trail theirs could not be read. These credentials may not look."


def test_no_trail_at_all_is_missing() -> None:
    assert trail.check([], "us-east-1").state is CheckState.MISSING
