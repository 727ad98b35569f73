"""The trail: which selectors include the events about new and moved accounts, and the results of the check."""

from dataclasses import replace
from typing import Any

import pytest

from alternate_contacts.cli.preflight.result import CheckState, ok, unknown
from alternate_contacts.cli.preflight.trail import NAME, Trail, check_trails

ALL: dict[str, Any] = {"ReadWriteType": "All", "IncludeManagementEvents": True, "ExcludeManagementEventSources": []}


def basic(**changes: Any) -> Trail:
    return Trail("main", "eu-west-1", multi_region=True, logging=True, basic=[ALL | changes])


def advanced(**fields: dict[str, list[str]]) -> Trail:
    selectors = [{"Field": name, **conditions} for name, conditions in fields.items()]
    return Trail("main", "eu-west-1", multi_region=True, logging=True, advanced=[{"FieldSelectors": selectors}])


MANAGEMENT = {"eventCategory": {"Equals": ["Management"]}}


@pytest.mark.parametrize(
    "trail",
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
def test_the_trail_logs_a_new_account(trail: Trail) -> None:
    assert check_trails([trail], "us-east-1") == ok(NAME, "Trail main logs management events.")


@pytest.mark.parametrize(
    "fields",
    [{"eventType": {"Equals": ["AwsServiceEvent"]}}, {"eventName": {"StartsWith": ["CreateAccount"]}}],
)
def test_a_trail_without_moves_is_enough_unless_contacts_depend_on_the_ou(fields: dict[str, Any]) -> None:
    without_moves = advanced(**MANAGEMENT, **fields)
    result = check_trails([without_moves], "us-east-1")
    assert result.state is CheckState.OK
    assert "MoveAccount" in result.message
    moves = advanced(**MANAGEMENT, eventName={"Equals": ["MoveAccount"]})
    assert "MoveAccount" not in check_trails([without_moves, moves], "us-east-1").message
    assert "MoveAccount" in check_trails([without_moves, replace(moves, logging=False)], "us-east-1").message


@pytest.mark.parametrize(
    "trail",
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
def test_the_trail_does_not_log_a_new_account(trail: Trail) -> None:
    result = check_trails([trail], "us-east-1")
    assert result.state is CheckState.MISSING
    create, start = result.commands
    assert create.startswith("aws cloudtrail create-trail --region us-east-1 ")
    assert start.startswith("aws cloudtrail start-logging --region us-east-1 ")


def test_a_trail_of_one_region_is_enough() -> None:
    assert check_trails([Trail("here", "us-east-1", logging=True, basic=[ALL])], "us-east-1").state is CheckState.OK


def test_one_trail_of_several_and_one_selector_of_several_are_enough() -> None:
    data_only = basic(IncludeManagementEvents=False)
    both = Trail("both", "us-east-1", logging=True, basic=[{"IncludeManagementEvents": False}, ALL])
    unreadable = Trail("theirs", "us-east-1", error="DescribeTrails failed.")
    assert check_trails([unreadable, data_only, both], "us-east-1").state is CheckState.OK


def test_logging_is_started_in_the_home_region_of_the_trail() -> None:
    stopped = Trail("main", "eu-west-1", multi_region=True, basic=[ALL])
    result = check_trails([stopped, Trail("other", "us-east-1", logging=True)], "us-east-1")
    assert result.state is CheckState.MISSING
    assert result.commands == ("aws cloudtrail start-logging --region eu-west-1 --name main",)


def test_a_trail_that_could_not_be_read_makes_the_result_unknown() -> None:
    result = check_trails([Trail("theirs", "us-east-1", error="DescribeTrails failed.")], "us-east-1")
    assert result == unknown(NAME, "Trail theirs could not be read. DescribeTrails failed.")


def test_no_trail_is_missing() -> None:
    assert check_trails([], "us-east-1").state is CheckState.MISSING
