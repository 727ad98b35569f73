"""What happens to a backfill while Parameter Store fails."""

import pytest

from tests.campaign.organization import ACTIVE, CONTACT_TYPES, ROOT, Account
from tests.campaign.simulation import Simulation
from tests.fakes.contact_data import api_contact

OU, EXCLUDED = "ou-camp-00000001", "ou-camp-00000002"


@pytest.mark.parametrize("effect", ["denied", "throttled"])
def test_a_backfill_waits_for_a_parameter_store_that_fails_in_its_middle(effect: str) -> None:
    simulation = Simulation(0)
    organization = simulation.organization
    organization.trusted_access = True
    organization.parents |= {OU: ROOT, EXCLUDED: ROOT}
    organization.configuration.sets["own"] = api_contact(11)
    organization.configuration.targets |= {OU: {"security": "own"}, EXCLUDED: {"exclude": True}}
    for number in range(12):
        organization.accounts[str(100_000_000_000 + number)] = Account(ACTIVE, (OU, EXCLUDED)[number % 2])

    def contacts() -> list[object]:
        return [
            {contact_type: simulation.contact(account_id, contact_type) for contact_type in CONTACT_TYPES}
            for account_id in organization.accounts
        ]

    def backfill() -> None:
        assert simulation.functions.invoke_async({"trigger": "manual"})  # its messages are delayed
        simulation.faults.parameter_store = effect
        simulation.time.sleep(600)
        assert contacts() == [dict.fromkeys(CONTACT_TYPES)] * len(organization.accounts)
        simulation.stop_faults()
        simulation.drain()

    with simulation.running():
        simulation.run(backfill)
        assert contacts() == [
            {**dict.fromkeys(CONTACT_TYPES), **organization.desired(account_id).contacts}
            for account_id in organization.accounts
        ]
        assert simulation.read_failures() == []
