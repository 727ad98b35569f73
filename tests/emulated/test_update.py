"""Letters of an Update are read when no worker with the old contacts is at work any more."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import Settings
from emulation.waiting import eventually
from tests.emulated.package import Package

SLOW = 8
"""Seconds that the old worker's last call takes; under its client's 10."""
SETTINGS = Settings(quota_speed=10, delay_speed=20)
"""An Update's 180 s are 9 s here: longer than the old worker still works, as on AWS."""


@pytest.fixture(scope="module")
def package(build: Path) -> Iterator[Package]:
    with Emulation(SETTINGS) as emulation:
        emulation.enable_trusted_access()
        accounts = emulation.create_accounts(2)
        found = Package(
            emulation, build, deploy.deploy(emulation, build), wanted_contacts(deploy.parameters()), accounts
        )
        eventually(lambda: all(found.is_right(account) for account in accounts))
        eventually(lambda: found.waiting("AccountQueue") == 0, within=20)
        yield found


def test_a_worker_with_the_old_contacts_does_not_have_the_last_word(package: Package) -> None:
    """It looked before the update, and puts after it."""
    account, before = package.accounts[0], package.emulation.counts()
    changed = {"SecurityName": "Our new SOC"}
    package.emulation.set_contact(account, {**package.wanted["SECURITY"], "Name": "Somebody Else"})
    package.emulation.set_fault(
        account, "slow", operation="GetAlternateContact", contact_type="SECURITY", times=1, seconds=SLOW
    )
    package.send(package.letter(account))
    eventually(lambda: package.counted("GetAlternateContact", before) == 3)
    with ThreadPoolExecutor(1) as pool:
        update = pool.submit(deploy.deploy, package.emulation, package.build, parameters=changed)
        # The old worker has put the old contact
        eventually(lambda: package.counted("PutAlternateContact", before) == 1, within=SLOW + 10)
        update.result()
    package.wanted = wanted_contacts({**deploy.parameters(), **changed})
    eventually(lambda: all(package.is_right(each) for each in package.accounts), within=30)
    eventually(lambda: package.waiting("AccountQueue") == 0, within=30)
    assert all(package.is_right(each) for each in package.accounts)
    # The old contact once, and the new one of each account: it was put over the old one
    assert package.counted("PutAlternateContact", before) == 1 + 3
