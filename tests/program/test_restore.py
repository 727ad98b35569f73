"""The scripts in docs/restore.md restore the contacts in a record of `audit --show-contacts --json`."""

import io
import json
import os
import re
import shutil
import subprocess
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from alternate_contacts.cli.audit import json_document
from alternate_contacts.cli.audit.findings import AccountReading
from alternate_contacts.cli.audit.report import AuditRow
from alternate_contacts.cli.aws.organization import OrganizationAccount
from alternate_contacts.cli.terminal import output
from alternate_contacts.worker.contacts import Contact, ContactType
from tests.fakes.audit import DIFFERENT, MISSING, NOON, UNREADABLE, finding, report, row
from tests.fakes.contact_data import make_contact
from tests.fakes.wire import FakeWire, HttpResponse

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")

PAGE = Path(__file__).parents[2] / "docs" / "restore.md"
_, PUT, DELETE = re.findall(
    r"^```sh\n(.*?)^```$",
    PAGE.read_text(),
    re.MULTILINE | re.DOTALL,
)
OWN, MEMBER, LEFT = "000000000000", "111111111111", "222222222222"
BILLING, OPERATIONS, SECURITY = ContactType

HOSTILE = make_contact(
    1,
    name='=Jörg \'O"Neil" \\n $(id) `id` 東京 \x1b[31m\u202e\U0001f600',
    title='  "Name": x, %s {} ${HOME} \\u0041  ',
    email_address="jörg+aws@example.test",
    phone_number="+49 (99) 1122-3344",
)
PLAIN = make_contact(2, phone_number="-1")


def account(account_id: str, contacts: dict[ContactType, Contact]) -> AuditRow:
    findings = {
        contact_type: replace(finding(DIFFERENT), contact=contacts[contact_type])
        if contact_type in contacts
        else finding(MISSING)
        for contact_type in ContactType
    }
    return AuditRow(OrganizationAccount(account_id, HOSTILE.name), AccountReading(account_id, NOON, findings))


CONTACTS = {OWN: {BILLING: PLAIN, SECURITY: HOSTILE}, MEMBER: {OPERATIONS: HOSTILE}}
ROWS = (
    *(account(account_id, contacts) for account_id, contacts in CONTACTS.items()),
    row(LEFT, UNREADABLE, UNREADABLE, UNREADABLE),
    row("333333333333", state="SUSPENDED"),
)


@pytest.fixture(scope="module")
def record() -> str:
    """The record, as the command prints it."""
    with redirect_stdout(io.StringIO()) as printed:
        output.print_json(json_document.build(report(*ROWS)))
    return printed.getvalue()


@pytest.fixture(scope="module")
def calls(record: str, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict[str, str]]]:
    """The operations and inputs of the AWS CLI when the scripts run on the record."""
    folder = tmp_path_factory.mktemp("restore")
    (folder / "before.json").write_text(record)
    program = folder / "aws"
    program.write_text(
        '#!/bin/sh\n[ "$1" = sts ] && echo ' + OWN + " && exit\n"
        '[ "$1 $3" = "account --cli-input-json" ] || exit 1\nprintf "%s\\t%s\\n" "$2" "$4" >> calls\n'
    )
    program.chmod(0o755)
    environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "POSIX"}
    subprocess.run(["bash", "-euo", "pipefail", "-c", PUT + DELETE], cwd=folder, env=environment, check=True)  # noqa: S603, S607
    lines = (folder / "calls").read_text(encoding="ascii").splitlines()
    return [(operation, json.loads(given)) for operation, _, given in (line.partition("\t") for line in lines)]


def test_the_record_is_ascii_and_exact(record: str) -> None:
    assert record.isascii()
    assert not set(record) & {chr(code) for code in range(32)} - {"\n"}
    by_id = {account["accountId"]: account for account in json.loads(record)["accounts"]}
    assert by_id[OWN]["contacts"]["SECURITY"]["contact"]["name"] == HOSTILE.name
    assert by_id[OWN]["name"] == HOSTILE.name


def test_every_contact_in_the_record_is_set_again(calls: list[tuple[str, dict[str, str]]]) -> None:
    wire = FakeWire()
    wire.respond("PutAlternateContact", HttpResponse())
    client: Any = boto3.Session().client("account")
    wire.attach(client)
    for operation, given in calls:
        if operation == "put-alternate-contact":
            # botocore checks the parameters.
            client.put_alternate_contact(**given)
    restored: dict[str, dict[ContactType, Contact]] = {}
    for given in wire.requests_of("PutAlternateContact"):
        contacts = restored.setdefault(given.get("AccountId", OWN), {})
        contacts[ContactType(given["AlternateContactType"])] = Contact.from_api(given)
    assert restored == CONTACTS
    assert [given for _, given in calls if given.get("AccountId") == OWN] == []


def test_contacts_that_an_account_did_not_have_are_deleted(calls: list[tuple[str, dict[str, str]]]) -> None:
    deleted = [given for operation, given in calls if operation == "delete-alternate-contact"]
    assert deleted == [
        {"AlternateContactType": "OPERATIONS"},
        {"AlternateContactType": "BILLING", "AccountId": MEMBER},
        {"AlternateContactType": "SECURITY", "AccountId": MEMBER},
    ]
