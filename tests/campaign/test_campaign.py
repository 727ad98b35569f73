"""A campaign holds what must hold, is repeatable, and notices each way in which the package is broken."""

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from alternate_contacts.backfill import invocation
from alternate_contacts.backfill.aws import AwsAccountDirectory
from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.worker import account_processor, batch, configuration_cache
from alternate_contacts.worker.aws import AwsMessageQueues
from alternate_contacts.worker.batch import BatchProcessor
from alternate_contacts.worker.configuration_cache import ConfigurationCache
from alternate_contacts.worker.decision import Outcome, Policy, decide
from alternate_contacts.worker.errors import Permanent
from alternate_contacts.worker.message import AccountMessage, parse_message
from alternate_contacts.worker.pacing import Pacer
from alternate_contacts.worker.telemetry import WorkerTelemetry
from tests.campaign import campaign
from tests.campaign.__main__ import DOCUMENT, RESULTS, document
from tests.campaign.campaign import Figures, Options, run
from tests.campaign.simulation import Simulation

SMALL = Options(seed=5, accounts=24)


def kinds(figures: Figures) -> set[str]:
    """Return the violations up to the first colon."""
    return {violation.partition(":")[0] for violation in figures.violations}


def test_every_account_is_accounted_for() -> None:
    figures = run(Options(seed=2, accounts=80))
    assert figures.violations == []
    assert figures.compliant + figures.failed + figures.skipped == figures.accounts
    assert figures.compliant_after_replay > figures.compliant > figures.failed > 0
    # It is a campaign with faults.
    assert figures.killed > 1
    assert figures.injected.keys() > {"backfill killed", "denied", "request late", "throttled", "unavailable"}
    assert figures.reasons.keys() > {"access_denied", "invalid_message"}


def test_the_same_seed_gives_the_same_campaign() -> None:
    assert run(SMALL) == run(SMALL)


def lose_retried_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchProcessor, "process_batch", _then_nothing_remains(BatchProcessor.process_batch))


def _then_nothing_remains(process_batch: Callable[..., list[str]]) -> Callable[..., list[str]]:
    def replacement(*arguments: Any, **options: Any) -> list[str]:
        process_batch(*arguments, **options)
        return []

    return replacement


def lose_failed_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AwsMessageQueues, "fail", lambda *_: None)


def lose_listed_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    list_accounts = AwsAccountDirectory.list_accounts

    def every_second_account(self: AwsAccountDirectory) -> Iterator[ListedAccount]:
        return itertools.islice(list_accounts(self), 0, None, 2)

    monkeypatch.setattr(AwsAccountDirectory, "list_accounts", every_second_account)


def lose_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Simulation, "report_change", lambda *_: None)


def apply_changes_to_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "_changed_accounts", lambda _: frozenset())


def ignore_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse_without_moves(body: str) -> AccountMessage | None:
        message = parse_message(body)
        return None if message and message.trigger == "account_moved" else message

    monkeypatch.setattr(batch, "parse_message", parse_without_moves)


def keep_the_first_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    get = ConfigurationCache.get
    monkeypatch.setattr(configuration_cache, "KEPT_SECONDS", float("inf"))
    monkeypatch.setattr(ConfigurationCache, "get", lambda self, deadline, **_: get(self, deadline))  # after a move, too


def put_without_comparing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_processor, "decide", lambda *_: Outcome.UPDATED)


def overwrite_every_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_processor, "decide", lambda _, *more: decide(Policy.OVERWRITE, *more))


def call_without_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pacer, "wait", lambda *_: True)


def log_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    account_failed = WorkerTelemetry.account_failed

    def with_body(self: WorkerTelemetry, message: Any, record: Any, *more: Any) -> None:
        account_failed(self, message, record, *more)
        self.logger.error("account failed", extra={"body": record.body})

    monkeypatch.setattr(WorkerTelemetry, "account_failed", with_body)


def crash_on_an_invalid_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse_or_crash(body: str) -> AccountMessage | None:
        try:
            return parse_message(body)
        except Permanent:
            raise RuntimeError from None

    monkeypatch.setattr(batch, "parse_message", parse_or_crash)


@pytest.mark.parametrize(
    ("break_package", "violation"),
    [
        (lose_retried_messages, "lost after the faults"),
        (lose_failed_messages, "lost after the faults"),
        (lose_listed_accounts, "lost after the faults"),
        (lose_changes, "lost after the faults"),
        (apply_changes_to_no_account, "lost after the faults"),
        (ignore_moves, "lost after the faults"),
        (keep_the_first_configuration, "not compliant after the replay"),
        (overwrite_every_contact, "not compliant after the replay"),
        (put_without_comparing, "a Put after an equal Get"),
        (call_without_pace, "above the share of the quota"),
        (log_the_body, "contact data"),
        (crash_on_an_invalid_message, "Lambda rejects the response"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_campaign_notices(
    monkeypatch: pytest.MonkeyPatch, break_package: Callable[[pytest.MonkeyPatch], None], violation: str
) -> None:
    break_package(monkeypatch)
    assert violation in kinds(campaign.run(SMALL))


def test_the_page_is_what_the_campaigns_wrote() -> None:
    results = [Figures(**figures) for figures in json.loads(RESULTS.read_text())]
    assert DOCUMENT.read_text() == document(results)
    assert [figures.violations for figures in results] == [[]] * len(results)
