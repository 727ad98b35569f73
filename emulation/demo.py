"""`make demo`: deploy the package to an organization on this machine, and check every account at the end.

It gives one OU its own contact, deploys template.yaml with `sam`, shows the progress of the backfill, emits the event
of a new account, makes the calls on one account fail, and replays that account. The exit code is 1 if an account has
not the expected contacts.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from emulation import deploy
from emulation.account_api import CONTACT_FIELDS
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT, Settings
from emulation.waiting import eventually

QUOTA_SPEED = 10
"""As in samconfig.toml, whose PutRate and GetRate configure the worker for it."""
DELAY_SPEED = 600
"""The worker retries an account for an hour; here that hour takes six seconds."""
SUSPENDED_SHARE = 0.05
CONTACT_TYPES = ("BILLING", "OPERATIONS", "SECURITY")
ACCOUNT_IN_EVENTS = "111122223333"
"""The account ID in the recorded events; the demo replaces it."""

CONTACTS_PATH = "/alternate-contacts"
CHANGED_FIELDS = {"Name": "Fay Finance", "Title": "Finance Operations", "EmailAddress": "finance@acme.test"}
"""What distinguishes the contact of one OU, for BILLING, from that of the stack."""
ACCOUNTS_IN_OU = 3

Contacts = Mapping[str, Mapping[str, Mapping[str, str]]]


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(Exception):
    """A step of the demo did not have the expected result."""


class Interrupted(KeyboardInterrupt):
    """A signal ended the demo."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


@dataclass
class Demo:
    """One run: the emulation, the stack's outputs and the accounts."""

    emulation: Emulation
    console: Console
    wanted: dict[str, dict[str, str]]
    outputs: dict[str, str] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)
    in_ou: set[str] = field(default_factory=set)

    def is_compliant(self, contacts: Contacts, account_id: str) -> bool:
        """Return whether the account has exactly the contacts of the stack's parameters, or those of its OU."""
        wanted = dict(self.wanted)
        if account_id in self.in_ou:
            wanted["BILLING"] = wanted["BILLING"] | CHANGED_FIELDS
        return {name: dict(contact) for name, contact in contacts.get(account_id, {}).items()} == wanted

    def create_organization(self, accounts: int) -> None:
        """Create an organization of ``accounts``, with the management account and a few suspended accounts."""
        suspended = max(1, round(accounts * SUSPENDED_SHARE))
        with self.console.status(f"creating {accounts:,} accounts"):
            created = self.emulation.create_accounts(accounts - 1, suspended=suspended)
        self.suspended = set(created[-suspended:])
        self.active = {MANAGEMENT_ACCOUNT, *created} - self.suspended
        self.print_step(
            f"organization created: {accounts:,} accounts, {suspended:,} of them suspended, no alternate contacts"
        )

    def configure_ou(self) -> None:
        """Create an OU with a few accounts, and give it its own BILLING contact (docs/own-contacts.md)."""
        organizations, ssm = self.emulation.client("organizations"), self.emulation.client("ssm")
        [root] = organizations.list_roots()["Roots"]
        ou = organizations.create_organizational_unit(ParentId=root["Id"], Name="Finance")["OrganizationalUnit"]["Id"]
        self.in_ou = set(sorted(self.active - {MANAGEMENT_ACCOUNT})[:ACCOUNTS_IN_OU])
        for account in self.in_ou:
            organizations.move_account(AccountId=account, SourceParentId=root["Id"], DestinationParentId=ou)
        own = self.wanted["BILLING"] | CHANGED_FIELDS
        parameters = {
            "version": "1",
            "sets/finance": json.dumps({f"{name[0].lower()}{name[1:]}": own[name] for name in CONTACT_FIELDS}),
            f"targets/{ou}": json.dumps({"billing": "finance"}),
        }
        for name, value in parameters.items():
            ssm.put_parameter(Name=f"{CONTACTS_PATH}/{name}", Type="String", Value=value)
        self.print_step(
            f"contact configuration written below {CONTACTS_PATH}: {ou}, with {len(self.in_ou)} accounts, has its own "
            "BILLING contact"
        )

    def deploy(self) -> None:
        """Run `sam build` and `sam deploy`, and wait until every active account has its contacts."""
        build = self.emulation.folder / "package"
        build.mkdir()
        with self.console.status("sam build, which downloads Python packages from your package registry"):
            deploy.build(build, emulation=self.emulation)
        self.print_step("package built with sam build")
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("contacts set"),
            TimeElapsedColumn(),
        )
        total = len(self.active) * len(CONTACT_TYPES)
        pool = ThreadPoolExecutor(1)
        parameters = {"ContactsPath": CONTACTS_PATH}
        deployment = pool.submit(deploy.deploy, self.emulation, build, parameters=parameters)
        pool.shutdown(wait=False)  # at an interrupt, `sam` ends with the emulation
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task("sam deploy", total=total)

            def completed() -> bool:
                count = self.emulation.contact_count()
                progress.update(task, description="backfill" if count else "sam deploy", completed=count)
                if deployment.done():
                    self.outputs = deployment.result()
                if not self.outputs or count < total:
                    return False
                contacts = self.emulation.contacts()
                return all(self.is_compliant(contacts, account) for account in self.active)

            # Three times as long as the quota allows for: only a backfill that hangs fails here.
            wait(completed, within=90 + 3 * total / (5 * QUOTA_SPEED), what="every active account has its contacts")
        self.print_step(f"stack deployed; output BackfillSummary: {self.outputs['BackfillSummary']}")
        self.print_step(
            f"backfill completed: {len(self.active):,} accounts have all three contacts, {len(self.in_ou)} of them the "
            "BILLING contact of their OU"
        )

    def create_account(self, event: str) -> None:
        """Add an account, emit its event, and wait until the account has its contacts."""
        account = self.add_account()
        started = time.monotonic()
        self.emit(event, account)
        self.wait_until_compliant(account)
        seconds = time.monotonic() - started
        self.print_step(
            f"new account {account}: contacts set {seconds:.1f} s after the event {event}; it waited ten minutes of "
            "emulated time for its OU"
        )

    def fail_and_replay(self) -> None:
        """Deny the Puts on an account until its message is on FailedAccountQueue; then allow them, and replay it."""
        account = self.add_account()
        self.emulation.set_fault(account, "AccessDeniedException", operation="PutAlternateContact")
        self.emit("CreateAccountResult", account)
        with self.console.status(f"account {account}: access denied; the worker retries for one hour of emulated time"):
            attributes = self.failed_message_attributes()
        if attributes["AccountId"] != account:
            raise DemoError(f"FailedAccountQueue has account {attributes['AccountId']}, not {account}")
        shown = ", ".join(f"{name} {attributes[name]}" for name in ("Reason", "ErrorCode", "Operation", "Tries"))
        self.print_step(f"account {account} failed; its message is on FailedAccountQueue: {shown}")
        self.emulation.clear_fault(account)
        sqs = self.emulation.client("sqs")
        sqs.start_message_move_task(
            SourceArn=_arn(sqs, self.outputs["FailedAccountQueueUrl"]),
            DestinationArn=_arn(sqs, self.outputs["AccountQueueUrl"]),
        )
        self.wait_until_compliant(account)
        self.print_step(f"account {account} replayed: access allowed, message moved to AccountQueue, contacts set")

    def add_account(self) -> str:
        """Add an account without an event."""
        [account] = self.emulation.create_accounts(1)
        self.active.add(account)
        return account

    def emit(self, event: str, account: str) -> None:
        """Emit the recorded event named ``event`` for ``account``."""
        for path in sorted((ROOT / "tests" / "events").glob("*.json")):
            recorded = path.read_text()
            if json.loads(recorded)["detail"]["eventName"] == event and "failed" not in path.stem:
                self.emulation.deliver(json.loads(recorded.replace(ACCOUNT_IN_EVENTS, account)))
                return
        raise DemoError(f"no recorded event {event}")

    def wait_until_compliant(self, account: str) -> None:
        """Wait until the account has its contacts."""
        wait(
            lambda: self.is_compliant(self.emulation.contacts(), account), within=30, what=f"{account} has its contacts"
        )

    def failed_message_attributes(self) -> dict[str, str]:
        """Wait for a message on FailedAccountQueue and return its attributes; the message stays visible."""
        sqs = self.emulation.client("sqs")
        attributes: dict[str, str] = {}

        def received() -> bool:
            response = sqs.receive_message(
                QueueUrl=self.outputs["FailedAccountQueueUrl"], MessageAttributeNames=["All"], VisibilityTimeout=0
            )
            for message in response.get("Messages", []):
                attributes.update({name: value["StringValue"] for name, value in message["MessageAttributes"].items()})
            return bool(attributes)

        wait(received, within=60, what="the account is on FailedAccountQueue")
        return attributes

    def summarize(self, seconds: float) -> list[str]:
        """Print the closing table, and return the problems."""
        contacts = self.emulation.contacts()
        compliant = {account for account in self.active if self.is_compliant(contacts, account)}
        changed = {account for account in self.suspended if contacts.get(account)}
        failed = _message_count(self.emulation.client("sqs"), self.outputs["FailedAccountQueueUrl"])
        counts = self.emulation.counts()
        calls = ", ".join(f"{counts[f'{verb}AlternateContact']} {verb}" for verb in ("Get", "Put"))
        table = Table(title="Alternate Contacts for AWS, on this machine", show_header=False)
        table.add_row("accounts", f"{len(self.active | self.suspended):,}")
        table.add_row("compliant, all three contacts set", f"{len(compliant):,}, with the management account")
        table.add_row("with the BILLING contact of their OU", str(len(self.in_ou & compliant)))
        table.add_row("skipped", f"{len(self.suspended):,} SUSPENDED")
        table.add_row("failed", str(failed))
        table.add_row("calls of the account API", f"{calls}; {counts['unchanged puts']} Put without a change")
        table.add_row("throttled calls", str(counts["throttled"]))
        table.add_row("duration", f"{seconds:.0f} s, with the deployment")
        table.add_row("faster than AWS", f"quotas {QUOTA_SPEED} times, delays of retries {DELAY_SPEED} times")
        self.console.print(table)
        return [
            *(f"account {account} is not compliant" for account in sorted(self.active - compliant)),
            *(f"account {account} is suspended and has contacts" for account in sorted(changed)),
            *([f"failed accounts on FailedAccountQueue: {failed}"] if failed else []),
        ]

    def print_step(self, result: str) -> None:
        _print(self.console, "✓ ", "green", result)


def wait(predicate: Callable[[], bool], *, within: float, what: str) -> None:
    """Wait until ``predicate`` is true; raise DemoError after ``within`` seconds."""
    try:
        eventually(predicate, within)
    except TimeoutError:
        raise DemoError(f"not within {within:.0f} s: {what}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m emulation.demo", description=__doc__)
    parser.add_argument("--accounts", type=int, default=60, help="size of the organization, at least 3 (default: 60)")
    accounts = parser.parse_args(arguments).accounts
    if accounts < 3:
        parser.error("--accounts must be at least 3")
    console = Console()
    started = time.monotonic()
    emulation = Emulation(Settings(quota_speed=QUOTA_SPEED, delay_speed=DELAY_SPEED))
    try:
        with _one_interrupt():
            console.print(f"starting an AWS organization of {accounts:,} accounts on this machine", highlight=False)
            with emulation:
                demo = Demo(emulation, console, wanted_contacts(deploy.parameters()))
                demo.create_organization(accounts)
                demo.configure_ou()
                demo.deploy()
                demo.create_account("CreateAccountResult")
                demo.fail_and_replay()
                problems = demo.summarize(time.monotonic() - started)
    except (DemoError, deploy.DeploymentError) as error:
        problems = [str(error)]
    except Interrupted as interrupt:
        remains = f"files remain in {emulation.folder}" if emulation.folder.exists() else "no process or file remains"
        console.print(Text(f"interrupted; {remains}"))
        return interrupt.exit_code
    for problem in problems:
        _print(console, "✗ ", "red", problem)
    return 1 if problems else 0


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """Raise `Interrupted` at the first signal, and ignore the others until the process ends."""

    def interrupt(number: int, _: object) -> None:
        for each in previous:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    # `nohup` and background jobs ignore some of them.
    previous = {each: old for each in _SIGNALS if (old := signal.getsignal(each)) is not signal.SIG_IGN}
    for number in previous:
        signal.signal(number, interrupt)
    try:
        yield
    except Interrupted:
        previous.clear()
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _print(console: Console, mark: str, style: str, text: str) -> None:
    """Print a line after a mark; a text that is not ours, such as the output of `sam`, is never console markup."""
    console.print(Text.assemble((mark, style), text))


def wanted_contacts(parameters: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the contacts of the stack's parameters by type, as GetAlternateContact returns them."""
    return {
        contact_type: {
            "AlternateContactType": contact_type,
            **{name: parameters[contact_type.title() + name] for name in CONTACT_FIELDS},
        }
        for contact_type in CONTACT_TYPES
    }


def _arn(sqs: Any, url: str) -> str:
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return arn


def _message_count(sqs: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


if __name__ == "__main__":
    sys.exit(main())
