"""Whether CloudTrail records what tells of new accounts.

Without a trail that logs management events, EventBridge hears nothing of API calls:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from alternate_contacts.cli.preflight.finding import CheckResult, missing, ok, unknown

NAME = "trail of management events"

Selector = Mapping[str, Any]


@dataclass(frozen=True)
class Trail:
    """A trail as CloudTrail shows it in one region."""

    name: str
    home_region: str
    multi_region: bool = False
    logging: bool = False
    basic: Sequence[Selector] = ()
    advanced: Sequence[Selector] = ()
    unread: str = field(default="", compare=False)
    """Why its status could not be read, in a sentence."""

    def covers(self, region: str) -> bool:
        return self.multi_region or self.home_region == region

    def records_accounts(self) -> bool:
        """Whether its selectors let through the event that tells of a created account."""
        return any(map(_basic_lets_through, self.basic)) or any(map(_advanced_lets_through, self.advanced))


def check(trails: Sequence[Trail], region: str) -> CheckResult:
    """One trail that covers ``region`` is enough."""
    here = [trail for trail in trails if trail.covers(region)]
    recording = [trail for trail in here if trail.records_accounts()]
    for trail in recording:
        if trail.logging:
            return ok(NAME, f"Trail {trail.name} logs them.")
    for trail in here:
        if trail.unread:
            return unknown(NAME, f"Trail {trail.name} could not be read. {trail.unread}")
    if recording:
        return missing(
            NAME,
            f"Trail {recording[0].name} would record management events, but its logging is off.",
            f"aws cloudtrail start-logging --region {recording[0].home_region} --name {recording[0].name}",
        )
    return missing(
        NAME,
        f"No trail records management events that write in {region}: without one, EventBridge may not hear of new "
        "accounts. Create one, into a bucket whose policy lets CloudTrail write.",
        f"aws cloudtrail create-trail --region {region} --name management-events --is-multi-region-trail "
        "--s3-bucket-name YOUR-LOG-BUCKET",
        f"aws cloudtrail start-logging --region {region} --name management-events",
    )


_CREATED: Mapping[str, str] = MappingProxyType(
    {
        "eventCategory": "Management",
        "readOnly": "false",
        "eventType": "AwsServiceEvent",
        "eventSource": "organizations.amazonaws.com",
        "eventName": "CreateAccountResult",
    }
)
"""The event that a trail must let through, as far as selectors can look at it."""


def _basic_lets_through(selector: Selector) -> bool:
    """https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html"""
    return (
        bool(selector.get("IncludeManagementEvents", True))
        and selector.get("ReadWriteType", "All") in ("All", "WriteOnly")
        and _CREATED["eventSource"] not in selector.get("ExcludeManagementEventSources", [])
    )


_OPERATORS: Mapping[str, Callable[[str, list[str]], bool]] = MappingProxyType(
    {
        "Equals": lambda value, given: value in given,
        "NotEquals": lambda value, given: value not in given,
        "StartsWith": lambda value, given: value.startswith(tuple(given)),
        "NotStartsWith": lambda value, given: not value.startswith(tuple(given)),
        "EndsWith": lambda value, given: value.endswith(tuple(given)),
        "NotEndsWith": lambda value, given: not value.endswith(tuple(given)),
    }
)


def _advanced_lets_through(selector: Selector) -> bool:
    """All conditions on all fields must hold; a field that the event does not have is empty.

    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
    """
    return all(
        holds(_CREATED.get(field["Field"], ""), field[name])
        for field in selector["FieldSelectors"]
        for name, holds in _OPERATORS.items()
        if field.get(name)
    )
