"""The deployed package, as tests look at it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulation.organization import Emulation
from emulation.waiting import eventually

EVENTS = Path(__file__).parents[1] / "events"

Contacts = dict[str, dict[str, str]]


@dataclass
class Package:
    """The deployed package and its organization."""

    emulation: Emulation
    build: Path
    outputs: dict[str, str]
    wanted: Contacts
    accounts: list[str] = field(default_factory=list)

    def is_right(self, account: str) -> bool:
        return self.emulation.contacts().get(account) == self.wanted

    def new_account(self) -> str:
        """An account that nobody has been told of."""
        [account] = self.emulation.create_accounts(1)
        return account

    def tell_of(self, account: str, event: str = "create-account-result") -> None:
        """Let AWS emit a recorded event about the account."""
        self.emulation.deliver(json.loads((EVENTS / f"{event}.json").read_text().replace("111122223333", account)))

    def send(self, *bodies: str) -> None:
        """Put messages on AccountQueue in one batch."""
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        self.sqs.send_message_batch(QueueUrl=self.outputs["AccountQueueUrl"], Entries=entries)

    def letter(self, account: str) -> str:
        return json.dumps({"version": 1, "accountId": account, "reason": "manual", "mode": "enforce"})

    @property
    def sqs(self) -> Any:
        return self.emulation.client("sqs")

    def arn(self, queue: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.outputs[f"{queue}Url"], AttributeNames=["QueueArn"])
        found: str = answer["Attributes"]["QueueArn"]
        return found

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """What is on a queue, left there."""
        answer = self.sqs.receive_message(
            QueueUrl=self.outputs[f"{queue}Url"],
            MessageAttributeNames=["All"],
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def failure_of(self, account: str) -> dict[str, str]:
        """Why the account is on FailedAccountQueue, once it is there."""

        def found() -> dict[str, str] | None:
            for message in self.messages("FailedAccountQueue"):
                attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
                if attributes["AccountId"] == account:
                    return attributes
            return None

        return eventually(found, within=60) or {}

    def move_back(self) -> None:
        self.sqs.start_message_move_task(
            SourceArn=self.arn("FailedAccountQueue"), DestinationArn=self.arn("AccountQueue")
        )

    def counted(self, name: str, since: dict[str, int]) -> int:
        """Calls of the account API since then."""
        return self.emulation.counts()[name] - since[name]

    def waiting(self, queue: str) -> int:
        """Messages on a queue, in flight or delayed ones too."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.outputs[f"{queue}Url"], AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def log_lines(self, group: str = "WorkerLogGroupName") -> list[dict[str, Any]]:
        """What a function logged as JSON."""
        pages = self.emulation.client("logs").get_paginator("filter_log_events")
        texts = [
            event["message"] for page in pages.paginate(logGroupName=self.outputs[group]) for event in page["events"]
        ]
        return [json.loads(text) for text in texts if text.startswith("{")]
