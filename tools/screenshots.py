"""The pictures in docs/images: the real command on the deployed package, in an organization on this machine.

``make screenshots`` runs it. The page is looked at with headless Chromium, which has to be on the PATH (Debian:
``apt-get install chromium``). Nothing else needs it, and no test does.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
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
from tools.chromium import chromium

IMAGES = ROOT / "docs" / "images"
WIDTH = 1280
LARGEST = 200_000
"""Bytes of a picture: a README is read on the train."""

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
"""Accounts by unit."""

MISSING = {"sandbox-dario": ("SECURITY",), "sandbox-finn": ("BILLING", "SECURITY"), "partner-api-prod": ("SECURITY",)}
OTHER = {"payments-prod": ("BILLING",), "data-lake-staging": ("OPERATIONS",), "web-staging": ("OPERATIONS", "BILLING")}
REFUSED = ("mobile-prod",)
SOMEBODY = {"Name": "Ivo Intern", "Title": "Intern", "EmailAddress": "ivo@acme.test", "PhoneNumber": "+1 206 555 0199"}

TOP_OF_ACCOUNTS = "document.getElementById('accounts').getBoundingClientRect().top + scrollY - 16"
ACCOUNTS = """(() => {
  const box = document.getElementById("rows").closest("section").getBoundingClientRect();
  return { left: 0, top: box.top + scrollY - 16, width: innerWidth, height: box.height + 32 };
})()"""

FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""What rich puts into every picture: a font that comes from somebody's server."""


def main() -> None:
    """Make all pictures anew."""
    IMAGES.mkdir(exist_ok=True)
    with Emulation(Settings(quota_speed=10, delay_speed=6000)) as emulation, TemporaryDirectory() as folder:
        accounts = create_organization(emulation)
        deploy.build(Path(folder))
        outputs = deploy.deploy(emulation, Path(folder))
        wait_for_the_backfill(emulation, accounts)
        break_some(emulation, accounts, outputs)
        command(emulation, folder, "audit", "--html", f"{folder}/audit.html")
        address = Path(folder, "audit.html").as_uri()
        with chromium() as page:
            page.open(address, width=WIDTH, height=1000)
            keep("audit.png", page.picture(left=0, top=0, width=WIDTH, height=page.evaluate(TOP_OF_ACCOUNTS)))
            page.open(f"{address}#word=not+right&sort=unit", width=WIDTH, height=1000)
            keep("audit-filtered.png", page.picture(**page.evaluate(ACCOUNTS)))
            page.open(address, width=WIDTH, height=1000, dark=True)
            keep("audit-dark.png", page.picture(left=0, top=0, width=WIDTH, height=660))
        draw("status", command(emulation, folder, "status"))


def create_organization(emulation: Emulation) -> dict[str, str]:
    """The accounts in their units; ids by name."""
    organizations = emulation.client("organizations")
    [root] = organizations.list_roots()["Roots"]
    units = {"": root["Id"]}
    accounts = {"management": MANAGEMENT_ACCOUNT}
    for path, names in UNITS.items():
        for above, unit in _steps(path):
            if unit not in units:
                name = unit.rpartition("/")[2]
                made = organizations.create_organizational_unit(ParentId=units[above], Name=name)
                units[unit] = made["OrganizationalUnit"]["Id"]
        for name in names:
            accounts[name] = _create_account(organizations, name, root["Id"], units[path])
    for name in UNITS["Closed"]:
        emulation.set_state(accounts[name], "SUSPENDED")
    return accounts


def _steps(path: str) -> Iterator[tuple[str, str]]:
    """`a/b` in steps of what is above and the unit: ("", "a"), ("a", "a/b")."""
    above = ""
    for name in path.split("/"):
        unit = f"{above}/{name}".lstrip("/")
        yield above, unit
        above = unit


def _create_account(organizations: Any, name: str, root: str, unit: str) -> str:
    made = organizations.create_account(AccountName=name, Email=f"{name}@acme.test")
    account: str = made["CreateAccountStatus"]["AccountId"]
    organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=unit)
    return account


def wait_for_the_backfill(emulation: Emulation, accounts: dict[str, str]) -> None:
    """Return when every active account has its contacts."""
    wanted = wanted_contacts(deploy.parameters())
    active = [account for name, account in accounts.items() if name not in UNITS["Closed"]]
    eventually(lambda: all(emulation.contacts().get(account) == wanted for account in active), within=60)


def break_some(emulation: Emulation, accounts: dict[str, str], outputs: dict[str, str]) -> None:
    """Take contacts away, change some, and let AWS refuse an account until the worker has given it up."""
    client, sqs = emulation.client("account"), emulation.client("sqs")
    for name, kinds in MISSING.items():
        for kind in kinds:
            client.delete_alternate_contact(AccountId=accounts[name], AlternateContactType=kind)
    for name, kinds in OTHER.items():
        for kind in kinds:
            emulation.set_contact(accounts[name], {**SOMEBODY, "AlternateContactType": kind})
    for name in REFUSED:
        emulation.set_fault(accounts[name], "AccessDeniedException")
        letter = {"version": 1, "accountId": accounts[name], "reason": "manual", "mode": "enforce"}
        sqs.send_message(QueueUrl=outputs["AccountQueueUrl"], MessageBody=json.dumps(letter))
    failed = {"QueueUrl": outputs["FailedAccountQueueUrl"], "AttributeNames": ["ApproximateNumberOfMessages"]}
    eventually(
        lambda: sqs.get_queue_attributes(**failed)["Attributes"]["ApproximateNumberOfMessages"] == str(len(REFUSED)),
        within=60,
    )


def command(emulation: Emulation, folder: str, *arguments: str) -> str:
    """Run the operator's command; what it prints on a terminal of 100 columns."""
    environment = {
        **emulation.environment,
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("cli", "src", "custom-resources")),
        "XDG_CACHE_HOME": folder,
        "FORCE_COLOR": "1",
        "COLUMNS": "100",
    }
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "alternate_contacts.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        sys.exit(f"alternate-contacts {arguments[0]}: {done.stderr}")
    return done.stdout


def keep(name: str, picture: bytes) -> None:
    """Write a picture that is not too large."""
    if len(picture) > LARGEST:
        sys.exit(f"{name} would have {len(picture)} bytes, and may have {LARGEST}")
    (IMAGES / name).write_bytes(picture)


def draw(verb: str, printed: str) -> None:
    """Draw what a verb printed as a terminal window."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=100, file=nowhere, color_system="truecolor", force_terminal=True)
        console.print(Text.from_ansi(printed))
        picture = console.export_svg(title=f"alternate-contacts {verb}", unique_id=verb)
    (IMAGES / f"{verb}.svg").write_text(FONT.sub("", picture), encoding="utf-8")


if __name__ == "__main__":
    main()
