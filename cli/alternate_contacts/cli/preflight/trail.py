"""The CloudTrail trail without which EventBridge receives no events about new accounts and moves between OUs.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from alternate_contacts.cli.preflight.result import CheckResult, missing, ok, unknown

NAME = "trail of management events"

_REASON = (
    "Without a trail of write management events, EventBridge may receive no events about new accounts, and receives "
    "none about accounts that move to another OU."
)
_NO_MOVES = (
    "No trail that logs includes MoveAccount: with ContactsPath, an account that moves to another OU waits for the "
    "next reconcile."
)

Selector = Mapping[str, Any]
Event = Mapping[str, str]
"""The fields of an event that selectors can use."""


@dataclass(frozen=True)
class Trail:
    """A trail as CloudTrail describes it in one region."""

    name: str
    home_region: str
    multi_region: bool = False
    logging: bool = False
    basic: Sequence[Selector] = ()
    advanced: Sequence[Selector] = ()
    error: str = field(default="", compare=False)
    """The message of the call that failed, if the trail could not be read."""

    def covers(self, region: str) -> bool:
        return self.multi_region or self.home_region == region

    def selects(self, event: Event) -> bool:
        """Return whether the selectors include the event."""
        return any(_basic_includes(selector, event) for selector in self.basic) or any(
            _advanced_includes(selector, event) for selector in self.advanced
        )


def check_trails(trails: Sequence[Trail], region: str) -> CheckResult:
    """Check that one trail covers ``region``, selects the events and logs.

    Without the events of moves the package works too: only a contact configuration needs them.
    """
    here = [trail for trail in trails if trail.covers(region)]
    selecting = [trail for trail in here if trail.selects(_NEW_ACCOUNT)]
    for trail in selecting:
        if trail.logging:
            logs_moves = any(other.logging and other.selects(_MOVED_ACCOUNT) for other in here)
            note = "" if logs_moves else f" {_NO_MOVES}"
            return ok(NAME, f"Trail {trail.name} logs management events.{note}")
    for trail in here:
        if trail.error:
            return unknown(NAME, f"Trail {trail.name} could not be read. {trail.error}")
    if selecting:
        name, home_region = selecting[0].name, selecting[0].home_region
        return missing(
            NAME,
            f"Trail {name} selects management events, but its logging is off. {_REASON}",
            f"aws cloudtrail start-logging --region {home_region} --name {name}",
        )
    return missing(
        NAME,
        f"No trail logs write management events in {region}. {_REASON} The policy of the trail's bucket must allow "
        "CloudTrail to write.",
        f"aws cloudtrail create-trail --region {region} --name management-events --is-multi-region-trail "
        "--s3-bucket-name YOUR-LOG-BUCKET",
        f"aws cloudtrail start-logging --region {region} --name management-events",
    )


_WRITE: Event = {"eventCategory": "Management", "readOnly": "false", "eventSource": "organizations.amazonaws.com"}
_NEW_ACCOUNT: Event = MappingProxyType({**_WRITE, "eventType": "AwsServiceEvent", "eventName": "CreateAccountResult"})
_MOVED_ACCOUNT: Event = MappingProxyType({**_WRITE, "eventType": "AwsApiCall", "eventName": "MoveAccount"})


def _basic_includes(selector: Selector, event: Event) -> bool:
    """https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html"""
    return (
        bool(selector.get("IncludeManagementEvents", True))
        and selector.get("ReadWriteType", "All") in ("All", "WriteOnly")
        and event["eventSource"] not in selector.get("ExcludeManagementEventSources", [])
    )


_OPERATORS: Mapping[str, Callable[[str, list[str]], bool]] = MappingProxyType(
    {
        "Equals": lambda value, operands: value in operands,
        "NotEquals": lambda value, operands: value not in operands,
        "StartsWith": lambda value, operands: value.startswith(tuple(operands)),
        "NotStartsWith": lambda value, operands: not value.startswith(tuple(operands)),
        "EndsWith": lambda value, operands: value.endswith(tuple(operands)),
        "NotEndsWith": lambda value, operands: not value.endswith(tuple(operands)),
    }
)


def _advanced_includes(selector: Selector, event: Event) -> bool:
    """Return whether all conditions on all fields hold. A field that the event does not have is empty.

    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
    """
    return all(
        holds(event.get(field["Field"], ""), field[name])
        for field in selector["FieldSelectors"]
        for name, holds in _OPERATORS.items()
        if field.get(name)
    )
