"""The messages of an Update are delivered when no worker has the old contacts any more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulation.organization import Emulation
from emulation.settings import Settings
from emulation.waiting import eventually
from tests.emulated.package import Package

SLOW = 4
"""Seconds of one Get of the old worker. The update has sent its messages before that Get ends."""
SETTINGS = Settings(quota_speed=10, delay_speed=36)
"""The 180 s of an Update are 5 s here: as on AWS, longer than the old worker runs."""


@pytest.fixture(scope="module")
def package(build: Path) -> Iterator[Package]:
    with Emulation(SETTINGS) as emulation:
        package = Package.deploy(emulation, build, emulation.create_accounts(2))
        eventually(lambda: package.is_compliant(*package.accounts))
        eventually(lambda: package.message_count("AccountQueue") == 0, within=20)
        yield package


def test_the_last_put_is_not_one_of_a_worker_with_the_old_contacts(package: Package) -> None:
    """Its Get is before the update, its Put after it."""
    account, counts = package.accounts[0], package.emulation.counts()
    package.emulation.set_contact(account, {**package.desired["SECURITY"], "Name": "Another Name"})
    package.emulation.set_fault(
        account, "slow", operation="GetAlternateContact", contact_type="SECURITY", times=1, seconds=SLOW
    )
    package.send(package.message_body(account))
    eventually(lambda: package.calls_since(counts, "GetAlternateContact") == 3)
    package.update(SecurityName="Our new SOC")
    # The old worker has put the old contact.
    eventually(lambda: package.calls_since(counts, "PutAlternateContact") == 1, within=SLOW + 10)
    eventually(lambda: package.is_compliant(*package.accounts), within=30)
    eventually(lambda: package.message_count("AccountQueue") == 0, within=30)
    assert package.is_compliant(*package.accounts)
    # One Put of the old contact, and one of the new contact for each of the three accounts.
    assert package.calls_since(counts, "PutAlternateContact") == 1 + 3
