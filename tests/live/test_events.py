"""EventBridge: the events of new accounts, the rule that matches them, and the schedules."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alternate_contacts.worker.errors import EventWithoutAccount
from alternate_contacts.worker.message import NEW_ACCOUNT_EVENTS, AccountMessage, parse_message
from tests.live.aws import EVIDENCE, Aws, skip
from tests.live.cleanup import PREFIX, Cleanup
from tests.live.redaction import event_file_name

EVENTS = Path(__file__).parents[1] / "events"
RECORDED = sorted(EVENTS.glob("*.json"))
HOUR = 3600
NO_HISTORY = "it has no CloudTrail history of Organizations"


@pytest.mark.fact(
    "The rule matches each event of a new account, without detail-type and region, and none that reports a failure.",
    otherwise="AccountEventsRule of template.yaml: new accounts wait for the reconcile.",
)
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_rule_matches(aws: Aws, path: Path) -> None:
    event = json.loads(path.read_text()) | {"account": aws.account}
    [matches] = _matches(aws, "AccountEventsRule", [event])
    # A move has a rule of its own.
    assert matches is not path.stem.endswith(("-failed", "move-account"))


@pytest.mark.fact(
    "The rules of the contact configuration match a change of a parameter below its path and a successful move, and "
    "nothing else, in the shapes that AWS publishes.",
    otherwise="ParameterChangesRule and AccountMovesRule of template.yaml: a change waits for the reconcile.",
)
def test_the_rules_match_changes_and_moves(aws: Aws) -> None:
    path = aws.parameters["ContactsPath"]
    if path == "none":
        skip("ContactsPath is none")
    move = json.loads((EVENTS / "move-account.json").read_text()) | {"account": aws.account}
    denied = move | {"detail": move["detail"] | {"errorCode": "AccessDeniedException"}}
    assert _matches(aws, "AccountMovesRule", [move, denied]) == [True, False]
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html
    changes = [
        {
            "version": "0",
            "id": "6a7e4feb-b491-4cf7-a9f1-bf3703497718",
            "detail-type": "Parameter Store Change",
            "source": "aws.ssm",
            "account": aws.account,
            "time": "2026-11-25T10:15:30Z",
            "region": aws.region,
            "resources": [],
            "detail": {"operation": operation, "name": name, "type": "String"},
        }
        for operation, name in (
            ("Create", f"{path}/version"),
            ("Update", f"{path}/sets/payments"),
            ("Delete", f"{path}/targets/111122223333"),
            ("LabelParameterVersion", f"{path}/version"),
            ("Update", f"{path}-of-others/version"),
        )
    ]
    assert _matches(aws, "ParameterChangesRule", changes) == [True, True, True, False, False]


def _matches(aws: Aws, rule: str, events: list[dict[str, Any]]) -> list[bool]:
    client = aws.client("events")
    pattern = client.describe_rule(Name=aws.physical_id(rule))["EventPattern"]
    return [client.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"] for event in events]


@pytest.mark.fact(
    "An event in CloudTrail's history has the account ID where the worker reads it.",
    otherwise="`EVENT_ACCOUNT` or the search for AccountJoinedOrganization in message.py: the event goes to "
    "FailedAccountQueue as event_without_account.",
)
@pytest.mark.aws_only(NO_HISTORY)
@pytest.mark.parametrize("name", sorted(NEW_ACCOUNT_EVENTS))
def test_the_worker_reads_the_event(aws: Aws, save: Callable[..., None], name: str) -> None:
    for detail in _history(aws, name):
        message = _parse(aws, detail)
        member = message.account_id if message else aws.account
        # EventBridge adds the other fields: only a captured event has them.
        save({"source": "history", "detail": detail}, f"{event_file_name({'detail': detail})}-history", member=member)
        assert message is not None or detail["eventName"] == "AccountJoinedOrganization"


@pytest.mark.fact(
    "Each event in CloudTrail's history of 14 days has arrived on AccountQueue, where there is a trail.",
    otherwise="The prerequisite about the trail in docs/deploy.md.",
)
@pytest.mark.aws_only(NO_HISTORY)
@pytest.mark.parametrize("name", ["AccountJoinedOrganization", "CreateAccountResult"])
def test_the_event_has_arrived(aws: Aws, name: str) -> None:
    messages = [_parse(aws, detail) for detail in _history(aws, name, days=EVIDENCE.days)]
    created = {message.account_id for message in messages if message}
    lines = aws.log_lines("WorkerLogGroupName", f'{{ $.trigger = "{name}" }}')
    assert created - {line["account_id"] for line in lines} == set()


@pytest.mark.fact(
    "EventBridge delivers an event with the management account as `account`, and the worker finds the new account.",
    otherwise="AccountEventsRule of template.yaml and message.py: new accounts wait for the reconcile.",
)
@pytest.mark.writes("a rule and a queue of its own, until an event arrives or the minutes of CAPTURE are over")
def test_a_delivered_event(aws: Aws, save: Callable[..., None], cleanup: Cleanup, pytestconfig: pytest.Config) -> None:
    minutes = pytestconfig.getoption("--live-capture")
    if not minutes:
        skip("CAPTURE=<minutes> waits for an event; create or invite an account meanwhile")
    url = _start_capture(aws, cleanup)

    def receive() -> list[dict[str, Any]]:
        response = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        return [json.loads(message["Body"]) for message in response.get("Messages", [])]

    for event in aws.wait_for(receive, minutes * 60, or_skip=True):
        message = parse_message(json.dumps(event))
        save(event, event_file_name(event), member=message.account_id if message else aws.account)
        assert event["account"] == aws.account


@pytest.mark.fact(
    "Scheduler assumes the role, whose trust policy names the schedule group, and invokes the function.",
    otherwise="No reconcile runs: ScheduleRole of template.yaml.",
)
def test_the_schedule_has_run(aws: Aws) -> None:
    if not _scheduled(aws):
        is_due = aws.parameters["Enabled"] == "true" and aws.parameters["Reconcile"] in ("daily", "weekly")
        assert not (is_due and aws.is_older_than_evidence)
        skip("no reconcile has run within 14 days")


@pytest.mark.fact(
    "Scheduler runs a rate schedule for the first time when it is created.",
    otherwise="Nothing: the first reconcile after a deployment runs a period later.",
)
@pytest.mark.aws_only("it runs a rate schedule after its first period")
def test_the_schedule_has_run_when_it_was_created(aws: Aws) -> None:
    created = [
        line["at"] for line in aws.backfill_lines("custom resource response") if line["request_type"] == "Create"
    ]
    if not created:
        skip("the stack was not created within 14 days")
    assert any(0 < line["at"] - created[-1] < HOUR for line in _scheduled(aws))


def _scheduled(aws: Aws) -> list[dict[str, Any]]:
    """Return the log lines of reconciles."""
    completed = [line for line in aws.backfill_lines("backfill completed") if line["trigger"] == "reconcile"]
    return aws.backfill_lines("reconcile skipped") + completed


def _history(aws: Aws, name: str, days: int = 90) -> list[dict[str, Any]]:
    """Return the latest events of CloudTrail's history, without those of the last hour."""
    found = aws.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
        StartTime=datetime.now(UTC) - timedelta(days=days),
        EndTime=datetime.now(UTC) - timedelta(hours=1),
        MaxResults=10,
    )["Events"]
    return [json.loads(event["CloudTrailEvent"]) for event in found] or skip(f"no {name} in CloudTrail's history")


def _parse(aws: Aws, detail: dict[str, Any]) -> AccountMessage | None:
    """Return the message of the worker; None for the event of a failed creation or of the management account."""
    try:
        return parse_message(json.dumps({"account": aws.account, "detail": detail}))
    except EventWithoutAccount:
        status = detail.get("serviceEventDetails", {}).get("createAccountStatus", {})
        if status.get("state") == "FAILED":
            return None
        raise


def _start_capture(aws: Aws, cleanup: Cleanup) -> str:
    """Create a queue, and a rule that sends the events of new accounts to it; return the URL of the queue."""
    name = f"{PREFIX}{uuid.uuid4()}"
    cleanup.add("delete_queue", region=aws.region, name=name)
    cleanup.add("delete_rule", region=aws.region, name=name)
    pattern = {"source": ["aws.organizations", "aws.controltower"], "detail": {"eventName": sorted(NEW_ACCOUNT_EVENTS)}}
    events, sqs = aws.client("events"), aws.client("sqs")
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    queue = rule.replace(":events:", ":sqs:").replace(":rule/", ":")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": policy, "SqsManagedSseEnabled": "true"})["QueueUrl"]
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue}])
    return str(url)
