"""AWS Account Management: what a call of GetAlternateContact is allowed, denied and limited by.

No check compares or prints the content of a contact.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice, product

import pytest

from alternate_contacts.worker.message import NEW_ACCOUNT_EVENTS
from tests.live.aws import CONTACT_TYPES, NOT_MY_ACCOUNT, Aws, skip

DENIED = "AccessDeniedException"
THROTTLED = "TooManyRequestsException"
CALLS, BURST = 40, 15
"""Calls at once, and how many Gets one token bucket allows at once.

https://docs.aws.amazon.com/accounts/latest/reference/quotas.html
"""


@pytest.mark.fact(
    "A call for a member succeeds with its account ID, by a role that is restricted by ARN and contact type.",
    otherwise="The ARNs or the condition key in ReadContacts and SetContacts of template.yaml are wrong: IAM denies "
    "every account.",
)
def test_the_worker_reads_and_sets_contacts(aws: Aws) -> None:
    processed = aws.worker_lines("account processed")
    outcomes = Counter(outcome for line in processed for outcome in line["outcomes"].values())
    if not outcomes.keys() & {"updated", "unchanged", "kept", "would_update"}:
        assert aws.worker_lines("account failed") == []
        skip("needs an account that was processed within 14 days")


@pytest.mark.fact(
    "A call for an account outside the organization fails with AccessDeniedException.",
    otherwise="`classify` of errors.py needs the code, to explain it with DescribeAccount at once.",
)
def test_an_account_outside_the_organization_is_denied(aws: Aws) -> None:
    assert aws.get_contact(NOT_MY_ACCOUNT) == DENIED


@pytest.mark.fact(
    "A call with the management account's own ID is denied; without an ID it succeeds.",
    otherwise="Nothing: `_target` of the worker never sends that ID. The emulation's rule changes.",
)
def test_the_own_account_is_called_without_its_id(aws: Aws) -> None:
    assert (aws.get_contact(aws.account), aws.get_contact(None)) == (DENIED, "success")


@pytest.mark.fact(
    "A Get for an account that is not ACTIVE succeeds or fails with AccessDeniedException.",
    otherwise="`classify` of errors.py needs the code: such an account now fails instead of being skipped.",
)
def test_an_inactive_account_is_denied(aws: Aws) -> None:
    inactive = [account["Id"] for account in aws.accounts if account.get("State") != "ACTIVE"]
    if not inactive:
        skip("every account is ACTIVE")
    assert {aws.get_contact(account) for account in inactive[:BURST]} <= {DENIED, "success"}


@pytest.mark.fact(
    "The IAM policy simulator decides on the account API as the API does, with its ARNs and condition key.",
    otherwise="A first deployment warns without cause, or not at all: `AwsWorkerPermissions` of the backfill.",
)
def test_the_simulator_decides_as_the_api(aws: Aws) -> None:
    responses = aws.backfill_lines("custom resource response")
    created = [line["response_reason"] for line in responses if line["request_type"] == "Create"]
    if not created or not aws.worker_lines("account processed"):
        skip("needs a first deployment within 14 days")
    denied = [line for line in aws.worker_lines("account failed") if line["reason"] == "access_denied"]
    assert ("WorkerRole is denied" in created[-1]) is bool(denied)


@pytest.mark.fact(
    "An account can be processed within an hour of the event that it is new; until then AWS answers with a 403.",
    otherwise="New accounts need a replay: `retry_delay` of retry.py, and `classify` of errors.py.",
)
def test_a_new_account_is_ready_in_time(aws: Aws) -> None:
    is_new = " || ".join(f'$.trigger = "{name}"' for name in sorted(NEW_ACCOUNT_EVENTS))
    lines = aws.log_lines("WorkerLogGroupName", f"{{ {is_new} }}")
    if not lines:
        skip("no account was created or invited within 14 days")
    assert {line["reason"] for line in lines if line["message"] == "account failed"} == set()
    codes = {line["error_code"] for line in lines if line["message"] == "retry scheduled"}
    print(f"error codes of new accounts: {sorted(codes)}")  # noqa: T201 - what AWS answers, for errors.py


@pytest.mark.fact(
    "All calls of the management account share one quota, whichever member they are for.",
    otherwise="The worker could be faster: one pacer per member in pacing.py, and AccountApiQuota of template.yaml.",
)
@pytest.mark.writes("no contact; but for some seconds it uses up the Gets of all tools of the management account")
def test_the_quota_is_that_of_the_caller(aws: Aws) -> None:
    calls = list(islice(product(CONTACT_TYPES * (CALLS // 3), aws.members), CALLS))
    if max(Counter(account for _, account in calls).values()) > BURST:
        skip(f"needs {CALLS // BURST + 1} active members, so that none of them gets more than {BURST} calls")
    with ThreadPoolExecutor(len(calls)) as pool:
        codes = Counter(pool.map(lambda call: aws.get_contact(call[1], call[0]), calls))
    assert codes.keys() == {"success", THROTTLED}


@pytest.mark.fact(
    "A Get returns what a Put has set: accounts that were updated have nothing to set in a report.",
    otherwise="Every reconcile sets every contact again: `Contact.same_as` has to ignore what AWS changes.",
)
@pytest.mark.writes("a message in mode report on AccountQueue for each of three accounts")
def test_an_updated_account_is_unchanged(aws: Aws) -> None:
    latest = {line["account_id"]: line for line in aws.worker_lines("account processed")}
    updated = [
        account for account, line in latest.items() if {"updated", "unchanged"} & set(line["outcomes"].values())
    ][-3:]
    if not updated:
        skip("needs an account that was updated within 14 days")
    start = datetime.now(UTC)
    for account in updated:
        aws.report(account)

    def reported() -> dict[str, set[str]] | None:
        lines = [line for line in aws.worker_lines("account processed", since=start) if line["mode"] == "report"]
        outcomes = {line["account_id"]: set(line["outcomes"].values()) for line in lines}
        return outcomes if outcomes.keys() >= {*updated} else None

    outcomes = aws.wait_for(reported, 300)
    assert [account for account in updated if "would_update" in outcomes[account]] == []
