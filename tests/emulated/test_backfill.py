"""One message per account: what starts a backfill, what stops it, and what remains if it fails."""

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from emulation import deploy
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT
from emulation.waiting import eventually
from tests.emulated.package import Package

SCHEDULES = ("ReconcileSchedule", "BackfillAgeSchedule")


@pytest.fixture(scope="module")
def deployed(build: Path, shared_emulation: Emulation) -> Package:
    """Deployed to an organization of five accounts. A test leaves its stack parameters behind."""
    return Package.deploy(shared_emulation, build, [MANAGEMENT_ACCOUNT, *shared_emulation.create_accounts(4)])


@pytest.fixture
def package(deployed: Package) -> Package:
    """The same after all messages are processed, with empty queues."""
    deployed.emulation.set_feature_set("ALL")
    eventually(lambda: deployed.message_count("AccountQueue") == 0, within=20)
    deployed.purge("FailedAccountQueue", "UndeliveredQueue")
    return deployed


def log_lines(package: Package, message: str, group: str = "BackfillLogGroupName") -> list[dict[str, Any]]:
    return [line for line in package.log_lines(group) if line.get("message") == message]


def schedule(package: Package, logical_id: str) -> dict[str, Any]:
    scheduler = package.emulation.client("scheduler")
    [name] = [item["Name"] for item in scheduler.list_schedules()["Schedules"] if logical_id in item["Name"]]
    return dict(scheduler.get_schedule(Name=name))


@pytest.mark.parametrize("event", [{"trigger": "report_backfill_age"}, {"reason": "watch"}])
def test_the_backfill_age_is_that_of_the_backfill_of_the_deployment(package: Package, event: dict[str, str]) -> None:
    # CloudWatch returns the start of a period of two hours, so a backfill of a minute ago may count as 0.1 days old.
    assert package.invoke_backfill(**event)["daysSinceBackfill"] < 1


def test_throttled_calls_of_organizations_are_retried(package: Package) -> None:
    package.emulation.throttle_organizations(1)
    assert package.invoke_backfill(trigger="manual")["enqueued"] == 5


def test_the_schedule_corrects_a_changed_contact(package: Package) -> None:
    account = package.accounts[1]
    package.emulation.set_contact(account, {**package.desired["BILLING"], "Name": "Another Name"})
    package.run_schedule("ReconcileSchedule")
    eventually(lambda: package.is_compliant(account), within=30)
    [line] = [line for line in log_lines(package, "backfill completed") if line["trigger"] == "reconcile"]
    assert (line["mode"], line["listed"], line["enqueued"], line["skipped"]) == ("enforce", 5, 5, {})
    assert package.messages("UndeliveredQueue") == []


def test_a_reconcile_is_skipped_while_messages_are_waiting_and_a_backfill_is_not(package: Package) -> None:
    package.enable_worker(False)
    try:
        package.send(package.message_body(package.accounts[1]))
        package.sqs.receive_message(QueueUrl=package.url("AccountQueue"))  # the message is in flight now
        result = package.invoke_backfill(trigger="reconcile")
        assert (result["reconcileSkipped"], result["enqueued"]) == (True, 0)
        assert len(log_lines(package, "reconcile skipped")) == 1
        result = package.invoke_backfill(trigger="manual", mode="report")
        assert (result["reconcileSkipped"], result["enqueued"]) == (False, 5)
    finally:
        package.purge("AccountQueue")
        package.enable_worker(True)


def test_a_failed_invocation_of_the_schedule_is_on_undelivered_queue(package: Package) -> None:
    package.emulation.set_feature_set("CONSOLIDATED_BILLING")
    event = schedule(package, "ReconcileSchedule")["Target"]["Input"]
    package.emulation.client("lambda").invoke(
        FunctionName=package.outputs["BackfillFunctionName"], InvocationType="Event", Payload=event
    )
    [message] = eventually(lambda: package.messages("UndeliveredQueue"), within=60) or []
    record = json.loads(message["Body"])
    assert record["requestPayload"] == json.loads(event)
    assert "CONSOLIDATED_BILLING" in record["responsePayload"]["errorMessage"]


def test_new_code_alone_does_not_start_a_backfill(package: Package, tmp_path: Path) -> None:
    counts = package.emulation.counts()
    build = shutil.copytree(package.build, tmp_path / "build", symlinks=True)
    handlers = list(build.glob("build/*Function/alternate_contacts/*/handler.py"))
    assert len(handlers) == 2
    for handler in handlers:
        handler.write_text(handler.read_text() + "\n# a new release\n")
    deploy.deploy_without_sam(package.emulation, build)
    assert package.stack()["StackStatus"] == "UPDATE_COMPLETE"
    assert package.emulation.counts() == counts


def test_a_failed_update_keeps_the_old_contacts_and_the_next_one_succeeds_although_the_backfill_is_killed(
    package: Package,
) -> None:
    package.emulation.set_feature_set("CONSOLIDATED_BILLING")
    with pytest.raises(deploy.DeploymentError, match="CONSOLIDATED_BILLING"):
        package.update(SecurityEmailAddress="soc@acme.test")
    # The check fails in the rollback, too.
    eventually(lambda: package.stack()["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE")
    *_, response = responses = log_lines(package, "custom resource response")
    assert (response["request_type"], response["status"]) == ("Update", "SUCCESS")
    assert "CONSOLIDATED_BILLING" in response["response_reason"]
    assert package.is_compliant(*package.accounts)

    # The stack can be updated again. Lambda retries the invocation that is killed, and one response is sent.
    package.emulation.set_feature_set("ALL")
    package.emulation.set_fault("*", "slow", operation="GetAlternateContact", times=1, seconds=60)
    folder, counts = package.emulation.log.parent, package.emulation.counts()
    with ThreadPoolExecutor(1) as pool:
        update = pool.submit(package.update, SecurityEmailAddress="soc@acme.test")
        # The last check waits for its GetAlternateContact.
        eventually(lambda: package.calls_since(counts, "GetAlternateContact") == 1, within=30)
        subprocess.run(["pkill", "-KILL", "-f", f"{folder}/ministack-lambda-.*BackfillFunction"], check=True)  # noqa: S603, S607
        update.result()
    assert package.stack()["StackStatus"] == "UPDATE_COMPLETE"
    assert len(log_lines(package, "custom resource response")) == len(responses) + 1
    eventually(lambda: package.is_compliant(*package.accounts))


def test_a_package_that_is_disabled_for_a_while_loses_nothing(package: Package) -> None:
    package.update(Enabled="false")
    assert package.outputs["BackfillSummary"].startswith("The package is disabled")
    assert {schedule(package, name)["State"] for name in SCHEDULES} == {"DISABLED"}
    assert "The package is disabled" in package.invoke_backfill(trigger="manual")["errorMessage"]
    with_event, without_event = package.new_account(), package.new_account()
    counts = package.emulation.counts()
    package.emit_event(with_event)
    eventually(lambda: package.message_count("AccountQueue") == 1)
    assert package.emulation.counts() == counts

    package.update(Enabled="true")
    eventually(lambda: package.is_compliant(with_event, without_event))
    assert {schedule(package, name)["State"] for name in SCHEDULES} == {"ENABLED"}
