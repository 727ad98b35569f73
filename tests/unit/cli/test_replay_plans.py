"""What the plans of `replay` and `discard` state, without a queue."""

import json
from datetime import UTC, datetime

import pytest

from alternate_contacts.cli.aws.queues import QueueDepth, QueueMessage
from alternate_contacts.cli.replay.plans import ReplayAll, SelectedMessages, UndeliveredMessages
from tests.fakes.cli import failed_attributes

ACCOUNT, OTHER, THIRD = "111111111111", "222222222222", "333333333333"
SENT = datetime(2026, 1, 1, tzinfo=UTC)
EVENT = json.dumps({"source": "aws.organizations", "detail": {"eventName": "CreateAccountResult"}})
CHANGE = json.dumps({"source": "aws.ssm", "detail": {"name": "/contacts/version"}})
INVOCATION = json.dumps({"requestPayload": {}})


def failure(message_id: str, account_id: str, reason: str = "access_denied") -> QueueMessage:
    return QueueMessage(message_id, "receipt", "", failed_attributes(account_id, reason), SENT, redriven=False)


def undelivered(*bodies: str) -> list[QueueMessage]:
    return [QueueMessage(f"m{number}", "receipt", body, {}, SENT, redriven=False) for number, body in enumerate(bodies)]


def test_a_plan_for_all_messages_counts_what_sqs_can_move_and_what_it_cannot() -> None:
    assert ReplayAll(QueueDepth(visible=3, in_flight=2, delayed=1), enabled=True).document() == {
        "move": 3,
        "inFlight": 2,
    }


@pytest.mark.parametrize(("discard", "key"), [(False, "replay"), (True, "discard")])
def test_a_plan_for_selected_messages_has_each_message_and_each_known_account_once(discard: bool, key: str) -> None:
    messages = [failure("m1", OTHER), failure("m2", ACCOUNT), failure("m3", OTHER), failure("m4", "unknown")]
    assert SelectedMessages(messages, [THIRD], ["incomplete"], discard=discard).document() == {
        key: ["m1", "m2", "m3", "m4"],
        "accounts": [ACCOUNT, OTHER],
        "missing": [THIRD],
        "remarks": ["incomplete"],
    }


@pytest.mark.parametrize(("discard", "verb"), [(False, "Send"), (True, "Delete")])
def test_a_plan_for_selected_messages_counts_accounts_by_reason(discard: bool, verb: str) -> None:
    messages = [failure("m1", ACCOUNT), failure("m2", ACCOUNT), failure("m3", OTHER), failure("m4", THIRD, "throttled")]
    (line,) = SelectedMessages(messages, [], [], discard=discard).lines
    assert line.startswith(f"{verb} 4 messages for 3 accounts (2 access_denied, 1 throttled)")


@pytest.mark.parametrize(
    ("bodies", "enabled", "counts"),
    [
        ((), True, (0, False, 0, 0)),
        ((EVENT,), True, (1, False, 0, 0)),
        ((EVENT, CHANGE, CHANGE, INVOCATION), True, (1, True, 1, 2)),
        ((CHANGE, INVOCATION, INVOCATION), True, (0, True, 2, 1)),
        ((EVENT, CHANGE, INVOCATION), False, (1, False, 0, 0)),
    ],
)
def test_a_plan_for_undelivered_messages_counts_what_is_sent_and_what_a_backfill_replaces(
    bodies: tuple[str, ...], enabled: bool, counts: tuple[int, bool, int, int]
) -> None:
    document = UndeliveredMessages(undelivered(*bodies), ["incomplete"], enabled=enabled).document()
    keys = ("send", "backfill", "failedInvocations", "configurationChanges")
    assert document == {**dict(zip(keys, counts, strict=True)), "remarks": ["incomplete"]}
