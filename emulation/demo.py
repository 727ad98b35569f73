"""`make demo`: the package at work on an organization on this machine, and a verdict on every account at the end.

It deploys template.yaml with `sam`, watches the backfill drain, lets AWS tell of a new account, breaks an account and
mends it, and exits non-zero when an account is not as it should be.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from emulation import deploy
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT, Settings
from emulation.waiting import eventually

QUOTA_SPEED = 10
"""As in samconfig.toml, whose PutRate and GetRate tell the worker of it."""
DELAY_SPEED = 600
"""A letter that keeps failing is given up after an hour on AWS, after six seconds here."""
SUSPENDED_PART = 0.05
CONTACT_TYPES = ("BILLING", "OPERATIONS", "SECURITY")
ACCOUNT_IN_EVENTS = "111122223333"
"""The account in the recorded events; the demo puts its own in its place."""

Contacts = Mapping[str, Mapping[str, Mapping[str, str]]]


class DemoError(Exception):
    """Something did not come out as it must."""


@dataclass
class Demo:
    """One run: what it deployed to, and what it has seen."""

    emulation: Emulation
    console: Console
    wanted: dict[str, dict[str, str]]
    outputs: dict[str, str] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)

    def right(self, contacts: Contacts, account_id: str) -> bool:
        """Whether the account has exactly the contacts that the stack's parameters name."""
        return {kind: dict(contact) for kind, contact in contacts.get(account_id, {}).items()} == self.wanted

    def create_organization(self, accounts: int) -> None:
        """An organization of ``accounts``, the management account among them, a few suspended."""
        suspended = max(1, round(accounts * SUSPENDED_PART))
        created = self.emulation.create_accounts(accounts - 1, suspended=suspended)
        states = {account["Id"]: account["State"] for account in _accounts(self.emulation)}
        self.suspended = {account for account in created if states[account] != "ACTIVE"}
        self.active = {MANAGEMENT_ACCOUNT, *created} - self.suspended
        self.say(f"{accounts} accounts, {len(self.suspended)} of them suspended, no alternate contact anywhere")

    def deploy(self, build: Path) -> None:
        """`sam build` and `sam deploy`, as a user types them; the backfill drains while CloudFormation still works."""
        with self.console.status("sam build"):
            deploy.build(build)
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("contacts set"),
            TimeElapsedColumn(),
        )
        goal = len(self.active) * len(CONTACT_TYPES)
        with ThreadPoolExecutor(1) as pool, Progress(*columns, console=self.console) as progress:
            deployment = pool.submit(deploy.deploy, self.emulation, build)
            task = progress.add_task("sam deploy", total=goal)

            def done() -> bool:
                contacts = self.emulation.contacts()
                stage = "backfill" if contacts else "sam deploy"
                progress.update(task, description=stage, completed=sum(len(each) for each in contacts.values()))
                if deployment.done():
                    self.outputs = deployment.result()
                return bool(self.outputs) and all(self.right(contacts, account) for account in self.active)

            # Over the quota's own time, so that only a backfill that hangs meets this end.
            wait(done, within=90 + 3 * goal / (5 * QUOTA_SPEED), what="every active account has its contacts")
        self.say(f"deployed; CloudFormation was told: [italic]{self.outputs['BackfillSummary']}")
        self.say(f"the backfill is through: {len(self.active)} accounts have their contacts")

    def create_account(self, event: str) -> str:
        """A new account, and the event by which AWS tells of it; returns when its contacts are there."""
        account = self.new_account()
        started = time.monotonic()
        self.tell_of(account, event)
        wait(lambda: self.right(self.emulation.contacts(), account), within=30, what=f"{account} has its contacts")
        self.say(
            f"new account {account}: {event} arrived, its contacts were there {time.monotonic() - started:.1f} s later"
        )
        return account

    def break_and_mend(self) -> None:
        """An account that AWS refuses is kept with the reason; mended and moved back to AccountQueue, it is right."""
        account = self.new_account()
        self.emulation.set_fault(account, "AccessDeniedException", operation="PutAlternateContact")
        self.tell_of(account, "CreateAccountResult")
        with self.console.status(
            f"account {account} refuses its contacts; the worker tries for an hour of emulated time"
        ):
            attributes = self.failed_account()
        if attributes["AccountId"] != account:
            raise DemoError(f"FailedAccountQueue holds {attributes['AccountId']}, not {account}")
        told = ", ".join(f"{name} {attributes[name]}" for name in ("Reason", "ErrorCode", "Operation", "Tries"))
        self.say(f"account {account} broke and is on FailedAccountQueue: {told}")
        self.emulation.clear_fault(account)
        sqs = self.emulation.client("sqs")
        sqs.start_message_move_task(
            SourceArn=_arn(sqs, self.outputs["FailedAccountQueueUrl"]),
            DestinationArn=_arn(sqs, self.outputs["AccountQueueUrl"]),
        )
        wait(lambda: self.right(self.emulation.contacts(), account), within=30, what=f"{account} has its contacts")
        self.say(f"account {account} mended and moved back to AccountQueue: its contacts are right")

    def new_account(self) -> str:
        """An account that exists, and that nobody has been told of."""
        [account] = self.emulation.create_accounts(1)
        self.active.add(account)
        return account

    def tell_of(self, account: str, event: str) -> None:
        """Deliver the recorded event named ``event`` for ``account``."""
        for path in sorted((ROOT / "tests" / "events").glob("*.json")):
            recorded = path.read_text()
            if json.loads(recorded)["detail"]["eventName"] == event and "failed" not in path.stem:
                self.emulation.deliver(json.loads(recorded.replace(ACCOUNT_IN_EVENTS, account)))
                return
        raise DemoError(f"no recorded event {event}")

    def failed_account(self) -> dict[str, str]:
        """The attributes of the one message on FailedAccountQueue, left there."""
        sqs = self.emulation.client("sqs")
        found: list[dict[str, str]] = []

        def arrived() -> bool:
            answer = sqs.receive_message(
                QueueUrl=self.outputs["FailedAccountQueueUrl"], MessageAttributeNames=["All"], VisibilityTimeout=0
            )
            found.extend(
                {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
                for message in answer.get("Messages", [])
            )
            return bool(found)

        wait(arrived, within=60, what="the account is on FailedAccountQueue")
        return found[0]

    def verdict(self, seconds: float) -> list[str]:
        """Print the closing table; what is not as it should be, in sentences."""
        contacts = self.emulation.contacts()
        right = {account for account in self.active if self.right(contacts, account)}
        touched = {account for account in self.suspended if contacts.get(account)}
        failed = _waiting(self.emulation.client("sqs"), self.outputs["FailedAccountQueueUrl"])
        counts = self.emulation.counts()
        calls = ", ".join(f"{counts[f'{verb}AlternateContact']} {verb}" for verb in ("Get", "Put"))
        table = Table(title="Alternate Contacts for AWS, on this machine", show_header=False)
        table.add_row("accounts", str(len(self.active | self.suspended)))
        table.add_row("right, all three contacts set", f"{len(right)} (the management account too)")
        table.add_row("skipped", f"{len(self.suspended)} SUSPENDED")
        table.add_row("failed", str(failed))
        table.add_row("calls made", f"{calls}, {counts['unchanged puts']} of them changed nothing")
        table.add_row("throttled", str(counts["throttled"]))
        table.add_row("seconds", f"{seconds:.0f}, deployment included")
        table.add_row("sped up", f"quotas {QUOTA_SPEED} times, delays of a retry {DELAY_SPEED} times")
        self.console.print(table)
        return [
            *(f"account {account} is not right" for account in sorted(self.active - right)),
            *(f"account {account} is suspended, yet has contacts" for account in sorted(touched)),
            *([f"{failed} accounts on FailedAccountQueue"] if failed else []),
        ]

    def say(self, sentence: str) -> None:
        self.console.print(f"[green]✓[/green] {sentence}", highlight=False)


def wait(holds: Callable[[], bool], *, within: float, what: str) -> None:
    """Return as soon as ``holds``; raise DemoError when it does not ``within`` so many seconds."""
    try:
        eventually(holds, within)
    except TimeoutError:
        raise DemoError(f"not within {within:.0f} s: {what}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m emulation.demo", description=__doc__)
    parser.add_argument("--accounts", type=int, default=60, help="size of the organization, at least 3 (default: 60)")
    accounts = parser.parse_args(arguments).accounts
    if accounts < 3:
        parser.error("an organization to show needs at least 3 accounts")
    console = Console()
    started = time.monotonic()
    try:
        with (
            Emulation(Settings(quota_speed=QUOTA_SPEED, delay_speed=DELAY_SPEED)) as emulation,
            TemporaryDirectory() as build,
        ):
            demo = Demo(emulation, console, wanted_contacts(deploy.parameters()))
            demo.create_organization(accounts)
            demo.deploy(Path(build))
            demo.create_account("CreateAccountResult")
            demo.break_and_mend()
            wrong = demo.verdict(time.monotonic() - started)
    except (DemoError, deploy.DeploymentError) as error:
        wrong = [str(error)]
    except KeyboardInterrupt:
        console.print("stopped; nothing is left behind")
        return 130
    for sentence in wrong:
        console.print(f"[red]✗[/red] {sentence}", highlight=False)
    return 1 if wrong else 0


def wanted_contacts(parameters: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The contacts that the stack parameters name, as GetAlternateContact returns them, by type."""
    return {
        kind: {
            "AlternateContactType": kind,
            **{part: parameters[kind.title() + part] for part in ("Name", "Title", "EmailAddress", "PhoneNumber")},
        }
        for kind in CONTACT_TYPES
    }


def _accounts(emulation: Emulation) -> list[dict[str, Any]]:
    pages = emulation.client("organizations").get_paginator("list_accounts").paginate()
    return [account for page in pages for account in page["Accounts"]]


def _arn(sqs: Any, url: str) -> str:
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return arn


def _waiting(sqs: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


if __name__ == "__main__":
    sys.exit(main())
