"""Events that AWS services emit, in the region and account of the current request."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ministack.core.iam_evaluator import caller_arn
from ministack.core.responses import new_uuid
from ministack.services import eventbridge

from emulation.settings import MANAGEMENT_ACCOUNT


def emit(source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()) -> None:
    """Emit an event as the AWS service ``source``."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": list(resources)}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def cloudtrail_detail(event_name: str, event_type: str, **more: Any) -> dict[str, Any]:
    """Return the detail of an event of Organizations that CloudTrail recorded, with its caller from ``more``."""
    return {
        "eventVersion": "1.08",
        "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "organizations.amazonaws.com",
        "eventName": event_name,
        "awsRegion": "us-east-1",
        "requestParameters": None,
        "responseElements": None,
        "eventID": new_uuid(),
        "readOnly": False,
        "eventType": event_type,
        "managementEvent": True,
        "recipientAccountId": MANAGEMENT_ACCOUNT,
        "eventCategory": "Management",
        **more,
    }


def user_identity() -> dict[str, Any]:
    """Return the caller of the current request as CloudTrail records it; a role session has its name in it.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
    """
    arn = caller_arn()
    account, kind = arn.split(":")[4], arn.split(":", 5)[5]
    if kind == "root":
        return {"type": "Root", "principalId": account, "arn": arn, "accountId": account}
    if not kind.startswith("assumed-role/"):
        return {"type": "IAMUser", "arn": arn, "accountId": account, "userName": kind.rpartition("/")[2]}
    _, role, session = kind.split("/")
    issuer = {"type": "Role", "arn": f"arn:aws:iam::{account}:role/{role}", "accountId": account, "userName": role}
    return {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLE:{session}",
        "arn": arn,
        "accountId": account,
        "sessionContext": {"sessionIssuer": issuer, "attributes": {"mfaAuthenticated": "false"}},
    }
