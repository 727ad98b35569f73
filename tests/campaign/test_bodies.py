"""Any body on AccountQueue: no batch fails, no message is lost, and no contact data is printed."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.campaign.organization import ACTIVE, ROOT, Account
from tests.campaign.simulation import Simulation
from tests.fakes.contact_data import api_contact
from tests.profiles import examples

BODIES = 20
"""In each example: 500 examples of `make campaign` are 10,000 bodies."""
MEMBERS = ("100000000000", "100000000001")

_EVENTS = [json.loads(path.read_text()) for path in sorted((Path(__file__).parents[1] / "events").glob("*.json"))]
_CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
_texts = st.text(_CHARACTERS, max_size=20) | st.sampled_from([*api_contact(7).values(), *MEMBERS, "enforce", "manual"])
_values = st.recursive(
    _texts | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(_texts, children, max_size=3),
    max_leaves=8,
)
_KEYS = ("version", "accountId", "trigger", "reason", "mode", "detail", "account")
_account_messages = st.fixed_dictionaries(
    {"version": st.sampled_from([1, 2]), "accountId": st.sampled_from(MEMBERS), "trigger": st.just("manual")}
)
_like_messages = st.builds(dict.__or__, _account_messages, st.dictionaries(st.sampled_from(_KEYS), _values, max_size=3))


def _paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a JSON document."""
    items = value.items() if isinstance(value, dict) else []
    return [path, *(found for key, child in items for found in _paths(child, (*path, key)))]


@st.composite
def _like_events(draw: st.DrawFn) -> Any:
    """Return an event of AWS in which one value is replaced or absent."""
    event = json.loads(json.dumps(draw(st.sampled_from(_EVENTS))))
    *parents, last = draw(st.sampled_from(_paths(event)[1:]))
    place = event
    for key in parents:
        place = place[key]
    if draw(st.booleans()):
        place[last] = draw(_values)
    else:
        del place[last]
    return event


_bodies = (
    st.text(_CHARACTERS, min_size=1)
    | (_values | _like_messages | _like_events()).map(json.dumps)
    | st.sampled_from(["[" * 100_000, '{"a":' * 50_000, "x" * 245_760, "NaN", "1e999", '"\\ud800"', "-" + "9" * 5_000])
)


def test_any_body_is_processed_failed_or_ignored() -> None:
    simulation = Simulation(0)
    simulation.organization.trusted_access = True
    for account_id in MEMBERS:
        simulation.organization.accounts[account_id] = Account(ACTIVE, ROOT)

    with simulation.running():

        @settings(max_examples=examples(6))
        @given(st.lists(_bodies, min_size=BODIES, max_size=BODIES))
        def check(bodies: list[str]) -> None:
            printed = simulation.output.messages.copy()
            for body in bodies:
                simulation.account_queue.add(body)
            simulation.run(simulation.drain)
            printed = simulation.output.messages - printed
            failed = [message.body for message in simulation.failed_account_queue.messages.values()]
            simulation.failed_account_queue.purge()
            assert set(failed) <= set(bodies)
            assert printed["account failed"] == len(failed)
            assert printed["account processed"] + printed["message ignored"] + len(failed) == BODIES
            assert printed.keys() <= {"account processed", "message ignored", "account failed"}
            assert simulation.leaks() == []
            assert simulation.functions.rejected_responses == []

        check()
