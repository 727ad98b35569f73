"""Makes the pictures in docs/images with the command, on the package deployed to an emulated organization.

``make screenshots`` runs it. It needs Chromium on the PATH (Debian: ``apt-get install chromium``).
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.text import Text

from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT, Settings
from emulation.waiting import eventually
from tools.chromium import WIDTH, chromium

IMAGES = ROOT / "docs" / "images"
MAX_BYTES = 200_000
"""Of one picture, for readers of the README with a slow connection."""

UNITS = {
    "Security": ("audit", "log-archive", "security-tooling"),
    "Infrastructure": ("network", "shared-services", "identity", "backup"),
    "Workloads/Production": (
        *("payments-prod", "ledger-prod", "checkout-prod", "search-prod", "catalog-prod", "shipping-prod"),
        *("invoicing-prod", "notifications-prod", "data-lake-prod", "web-prod", "mobile-prod", "partner-api-prod"),
    ),
    "Workloads/Staging": (
        *("payments-staging", "ledger-staging", "checkout-staging", "search-staging", "catalog-staging"),
        *("shipping-staging", "data-lake-staging", "web-staging"),
    ),
    "Sandbox": ("sandbox-anna", "sandbox-bruno", "sandbox-chiara", "sandbox-dario", "sandbox-elif", "sandbox-finn"),
    "Closed": ("acquisition-2019", "legacy-shop"),
}
"""Names of accounts by path of their organizational unit."""

MISSING = {"sandbox-dario": ("SECURITY",), "sandbox-finn": ("BILLING", "SECURITY"), "partner-api-prod": ("SECURITY",)}
DIFFERENT = {
    "payments-prod": ("BILLING",),
    "data-lake-staging": ("OPERATIONS",),
    "web-staging": ("OPERATIONS", "BILLING"),
}
UNREADABLE = ("mobile-prod",)
OTHER_CONTACT = {"Name": "Ivo Intern", "Title": "Intern", "EmailAddress": "ivo@acme.test"}

TOP_OF_TABLE = "document.getElementById('accounts').getBoundingClientRect().top + scrollY - 16"
ACCOUNT_TABLE = """(() => {
  const box = document.getElementById("rows").closest("section").getBoundingClientRect();
  return { left: 0, top: box.top + scrollY - 16, width: innerWidth, height: box.height + 32 };
})()"""

FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""The font that rich adds to every SVG. A browser would download it."""


def main() -> None:
    """Make all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with Emulation(Settings(quota_speed=10, delay_speed=6000)) as emulation, TemporaryDirectory() as folder:
        accounts = create_organization(emulation)
        deploy.build(Path(folder))
        outputs = deploy.deploy(emulation, Path(folder))
        write_metadata(Path(folder), outputs["Version"])
        subscribe_to_alarms(emulation, outputs["AlarmTopicArn"])
        wait_for_backfill(emulation, accounts)
        change_contacts(emulation, accounts, outputs)
        run_command(emulation, folder, "audit", "--html", f"{folder}/audit.html")
        address = Path(folder, "audit.html").as_uri()
        with chromium() as page:
            page.open(address)
            write_picture("audit.png", page.picture(left=0, top=0, width=WIDTH, height=page.evaluate(TOP_OF_TABLE)))
            page.open(f"{address}#status=missing+different+unreadable+unknown&sort=organizational+unit")
            write_picture("audit-filtered.png", page.picture(**page.evaluate(ACCOUNT_TABLE)))
            page.open(address, dark=True)
            write_picture("audit-dark.png", page.picture(left=0, top=0, width=WIDTH, height=660))
        write_terminal_picture("status", run_command(emulation, folder, "status"))


def write_metadata(folder: Path, version: str) -> None:
    """Write what an installation of the command would write about its version."""
    metadata = folder / "alternate_contacts.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: alternate-contacts\nVersion: {version}\n", encoding="utf-8")


def subscribe_to_alarms(emulation: Emulation, topic_arn: str) -> None:
    """Subscribe a queue, because alarms without a receiver are a problem."""
    queue = emulation.client("sqs").create_queue(QueueName="pager")["QueueUrl"]
    attributes = emulation.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    emulation.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"])


def create_organization(emulation: Emulation) -> dict[str, str]:
    """Create the units and the accounts. Returns account IDs by name."""
    organizations = emulation.client("organizations")
    [root] = organizations.list_roots()["Roots"]
    units = {"": root["Id"]}
    accounts = {"management": MANAGEMENT_ACCOUNT}
    for path, names in UNITS.items():
        for above, unit in _steps(path):
            if unit not in units:
                name = unit.rpartition("/")[2]
                created = organizations.create_organizational_unit(ParentId=units[above], Name=name)
                units[unit] = created["OrganizationalUnit"]["Id"]
        for name in names:
            accounts[name] = _create_account(organizations, name, root["Id"], units[path])
    for name in UNITS["Closed"]:
        emulation.set_state(accounts[name], "SUSPENDED")
    return accounts


def _steps(path: str) -> Iterator[tuple[str, str]]:
    """Yield the parent and the path of each unit in a path: ("", "a") and ("a", "a/b") for "a/b"."""
    above = ""
    for name in path.split("/"):
        unit = f"{above}/{name}".lstrip("/")
        yield above, unit
        above = unit


def _create_account(organizations: Any, name: str, root: str, unit: str) -> str:
    created = organizations.create_account(AccountName=name, Email=f"{name}@acme.test")
    account: str = created["CreateAccountStatus"]["AccountId"]
    organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=unit)
    return account


def wait_for_backfill(emulation: Emulation, accounts: dict[str, str]) -> None:
    """Wait until every ACTIVE account has its contacts."""
    wanted = wanted_contacts(deploy.parameters())
    active = [account for name, account in accounts.items() if name not in UNITS["Closed"]]
    eventually(lambda: all(emulation.contacts().get(account) == wanted for account in active), within=60)


def change_contacts(emulation: Emulation, accounts: dict[str, str], outputs: dict[str, str]) -> None:
    """Delete some contacts, change some, and deny access to an account until its message is on FailedAccountQueue."""
    client, sqs = emulation.client("account"), emulation.client("sqs")
    wanted = wanted_contacts(deploy.parameters())
    for name, contact_types in MISSING.items():
        for contact_type in contact_types:
            client.delete_alternate_contact(AccountId=accounts[name], AlternateContactType=contact_type)
    for name, contact_types in DIFFERENT.items():
        for contact_type in contact_types:
            emulation.set_contact(accounts[name], wanted[contact_type] | OTHER_CONTACT)
    for name in UNREADABLE:
        emulation.set_fault(accounts[name], "AccessDeniedException")
        message = {
            "version": 1,
            "accountId": accounts[name],
            "trigger": "manual",
            "reason": "manual",
            "mode": "enforce",
        }
        sqs.send_message(QueueUrl=outputs["AccountQueueUrl"], MessageBody=json.dumps(message))
    failed = {"QueueUrl": outputs["FailedAccountQueueUrl"], "AttributeNames": ["ApproximateNumberOfMessages"]}
    eventually(
        lambda: sqs.get_queue_attributes(**failed)["Attributes"]["ApproximateNumberOfMessages"] == str(len(UNREADABLE)),
        within=60,
    )


def run_command(emulation: Emulation, folder: str, *arguments: str) -> str:
    """Run the command with the metadata in the folder, and return what it prints, in lines as long as they are."""
    environment = {
        **emulation.environment,
        "PYTHONPATH": os.pathsep.join([folder, *(str(ROOT / part) for part in ("cli", "src", "custom-resources"))]),
        "XDG_CACHE_HOME": folder,
        "FORCE_COLOR": "1",
    }
    process = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "alternate_contacts.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode not in (0, 1):
        sys.exit(f"alternate-contacts {arguments[0]} failed: {process.stderr}")
    return process.stdout


def write_picture(name: str, picture: bytes) -> None:
    """Write a picture to docs/images, unless it is too large."""
    if len(picture) > MAX_BYTES:
        sys.exit(f"{name} has {len(picture)} bytes; the limit is {MAX_BYTES}.")
    (IMAGES / name).write_bytes(picture)


def write_terminal_picture(verb: str, output: str) -> None:
    """Write an SVG of a terminal window, as wide as the longest line, with the output of a verb."""
    lines = Text.from_ansi(output).split()
    for line in lines:
        line.rstrip()
    width = max(line.cell_len for line in lines)
    console = Console(record=True, width=width, file=StringIO(), color_system="truecolor", force_terminal=True)
    console.print(*lines, sep="\n")
    picture = console.export_svg(title=f"alternate-contacts {verb}", unique_id=verb)
    (IMAGES / f"{verb}.svg").write_text(FONT.sub("", picture), encoding="utf-8")


if __name__ == "__main__":
    main()
