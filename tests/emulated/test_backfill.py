"""The promise "every account": what runs the backfill, what stops it, and what is left when it fails."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT
from emulation.waiting import eventually
from tests.emulated.conftest import SETTINGS
from tests.emulated.package import Package

COMMAND = "aws organizations enable-aws-service-access --service-principal account.amazonaws.com"


@pytest.fixture(scope="module")
def deployed(build: Path) -> Iterator[Package]:
    """Deployed to an organization of five accounts; each test leaves its own parameters behind."""
    with Emulation(SETTINGS) as emulation:
        accounts = [MANAGEMENT_ACCOUNT, *emulation.create_accounts(4)]
        yield Package(emulation, build, deploy.deploy(emulation, build), wanted_contacts(deploy.parameters()), accounts)


@pytest.fixture
def package(deployed: Package) -> Package:
    """The same with every letter worked off and empty queues."""
    deployed.emulation.set_feature_set("ALL")
    eventually(lambda: deployed.waiting("AccountQueue") == 0, within=20)
    for queue in ("FailedAccountQueue", "UndeliveredQueue"):
        deployed.sqs.purge_queue(QueueUrl=deployed.outputs[f"{queue}Url"])
    return deployed


def stack(package: Package) -> dict[str, Any]:
    [found] = package.emulation.client("cloudformation").describe_stacks(StackName="alternate-contacts")["Stacks"]
    return dict(found)


def update(package: Package, **parameters: str) -> None:
    package.outputs = deploy.deploy(package.emulation, package.build, parameters=parameters)


def invoke(package: Package, event: dict[str, str]) -> dict[str, Any]:
    """Call the backfill as an operator does; its result, or the error that Lambda tells."""
    answer = package.emulation.client("lambda").invoke(
        FunctionName=package.outputs["BackfillFunctionName"], Payload=json.dumps(event)
    )
    return dict(json.load(answer["Payload"]))


def lines(package: Package, message: str, group: str = "BackfillLogGroupName") -> list[dict[str, Any]]:
    return [line for line in package.log_lines(group) if line.get("message") == message]


def schedule(package: Package, name: str) -> dict[str, Any]:
    scheduler = package.emulation.client("scheduler")
    [found] = [each["Name"] for each in scheduler.list_schedules()["Schedules"] if name in each["Name"]]
    return dict(scheduler.get_schedule(Name=found))


def test_the_watch_may_look_and_finds_nothing_where_metrics_are_not_kept(package: Package) -> None:
    """The emulation keeps no metrics of embedded format; permission and call are what is shown here."""
    assert invoke(package, {"reason": "watch"}) == {"daysSinceBackfill": 62.0}


def test_organizations_that_throttles_is_waited_out(package: Package) -> None:
    package.emulation.throttle_organizations(3)
    assert invoke(package, {"reason": "manual"})["enqueued"] == 5


def test_the_schedule_mends_what_somebody_changed(package: Package) -> None:
    victim = package.accounts[1]
    package.emulation.set_contact(victim, {**package.wanted["BILLING"], "Name": "Somebody Else"})
    # The schedule's own target, called now instead of in a week
    package.emulation.client("scheduler").create_schedule(
        Name="now",
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=schedule(package, "ReconcileSchedule")["Target"],
    )
    eventually(lambda: package.is_right(victim), within=30)
    [done] = [line for line in lines(package, "backfill done") if line["reason"] == "reconcile"]
    assert (done["mode"], done["listed"], done["enqueued"], done["skipped"]) == ("enforce", 5, 5, {})
    assert package.messages("UndeliveredQueue") == []


def test_the_scheduled_run_stands_back_while_letters_wait_and_an_operators_does_not(package: Package) -> None:
    account, before = package.accounts[1], package.emulation.counts()
    package.emulation.set_fault(account, "slow", operation="GetAlternateContact", times=1, seconds=8)
    package.send(package.letter(account))
    eventually(lambda: package.counted("GetAlternateContact", before) == 3)  # the letter is in flight now
    answer = invoke(package, {"reason": "reconcile"})
    assert (answer["stoodBack"], answer["enqueued"]) == (True, 0)
    assert len(lines(package, "reconcile stood back")) == 1
    answer = invoke(package, {"reason": "manual", "mode": "report"})
    assert (answer["stoodBack"], answer["enqueued"]) == (False, 5)


def test_a_failed_call_of_the_schedule_is_kept(package: Package) -> None:
    package.emulation.set_feature_set("CONSOLIDATED_BILLING")
    package.emulation.client("lambda").invoke(
        FunctionName=package.outputs["BackfillFunctionName"], InvocationType="Event", Payload='{"reason": "reconcile"}'
    )
    [message] = eventually(lambda: package.messages("UndeliveredQueue"), within=60) or []
    record = json.loads(message["Body"])
    assert record["requestPayload"] == {"reason": "reconcile"}
    assert "only consolidated billing" in record["responsePayload"]["errorMessage"]


def test_new_code_alone_does_not_run_it_again(package: Package, tmp_path: Path) -> None:
    before = package.emulation.counts()
    build = shutil.copytree(package.build, tmp_path / "build", symlinks=True)
    for module in build.glob("build/*Function/*/handler.py"):
        module.write_text(module.read_text() + "\n# a new release\n")
    deploy.deploy(package.emulation, build)
    assert stack(package)["StackStatus"] == "UPDATE_COMPLETE"
    assert package.emulation.counts() == before


def test_a_killed_backfill_is_tried_again_and_answers_once(package: Package) -> None:
    package.emulation.set_fault("*", "slow", operation="GetAlternateContact", times=1, seconds=60)
    folder, before = package.emulation.log.parent, package.emulation.counts()
    answers = len(lines(package, "answering CloudFormation"))
    with ThreadPoolExecutor(1) as pool:
        deployment = pool.submit(update, package, SecurityName="Our SOC")
        # While the check hangs in its one real read
        eventually(lambda: package.counted("GetAlternateContact", before) == 1, within=30)
        subprocess.run(["pkill", "-KILL", "-f", f"{folder}/ministack-lambda-.*BackfillFunction"], check=True)  # noqa: S603, S607
        deployment.result()
    assert stack(package)["StackStatus"] == "UPDATE_COMPLETE"
    assert len(lines(package, "answering CloudFormation")) == answers + 1
    package.wanted = wanted_contacts({**deploy.parameters(), "SecurityName": "Our SOC"})
    eventually(lambda: all(package.is_right(account) for account in package.accounts))


def test_a_failed_update_leaves_the_old_contacts_in_force_and_its_rollback_succeeds(package: Package) -> None:
    changed = {"SecurityEmailAddress": "soc@acme.test"}
    package.emulation.set_feature_set("CONSOLIDATED_BILLING")
    with pytest.raises(deploy.DeploymentError, match="only consolidated billing"):
        update(package, **changed)
    # The check keeps failing while the stack rolls back
    eventually(lambda: stack(package)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE")
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack(package)["Parameters"]}
    assert parameters["SecurityEmailAddress"] == deploy.parameters()["SecurityEmailAddress"]
    assert any("Rolled back all the same" in line["why"] for line in lines(package, "answering CloudFormation"))
    assert all(package.is_right(account) for account in package.accounts)

    # And it can be updated again
    package.emulation.set_feature_set("ALL")
    update(package, **changed)
    package.wanted = wanted_contacts({**deploy.parameters(), **changed})
    eventually(lambda: all(package.is_right(account) for account in package.accounts))


def test_an_incident_switch_loses_nothing(package: Package) -> None:
    update(package, Enabled="false")
    assert package.outputs["BackfillSummary"].startswith("The package is disabled")
    assert {schedule(package, name)["State"] for name in ("ReconcileSchedule", "WatchSchedule")} == {"DISABLED"}
    assert "The package is disabled" in invoke(package, {"reason": "manual"})["errorMessage"]
    told_of, untold = package.new_account(), package.new_account()
    before = package.emulation.counts()
    package.tell_of(told_of)
    eventually(lambda: package.waiting("AccountQueue") == 1)
    assert package.emulation.counts() == before

    update(package, Enabled="true")
    package.wanted = wanted_contacts(deploy.parameters())
    eventually(lambda: package.is_right(told_of) and package.is_right(untold))
    assert {schedule(package, name)["State"] for name in ("ReconcileSchedule", "WatchSchedule")} == {"ENABLED"}


def test_a_report_changes_nothing_anywhere_and_tells_what_it_would_do(emulation: Emulation, build: Path) -> None:
    accounts = [MANAGEMENT_ACCOUNT, *emulation.create_accounts(2)]
    # Trusted access is off, and a report may not turn it on
    with pytest.raises(deploy.DeploymentError, match=COMMAND):
        deploy.deploy(emulation, build, parameters={"Mode": "report"})
    organizations = emulation.client("organizations")
    assert organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"] == []
    assert emulation.counts()["GetAlternateContact"] == 0
    deploy.delete(emulation)

    organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    wanted = wanted_contacts(deploy.parameters())
    package = Package(
        emulation, build, deploy.deploy(emulation, build, parameters={"Mode": "report"}), wanted, accounts
    )
    every = dict.fromkeys(("BILLING", "OPERATIONS", "SECURITY"), "would_update")
    eventually(
        lambda: (
            {line["account_id"]: line["outcomes"] for line in lines(package, "account done", "WorkerLogGroupName")}
            == dict.fromkeys(accounts, every)
        )
    )
    assert emulation.counts()["PutAlternateContact"] == 0
    assert emulation.contacts() == {}

    # Looked at, then turned on
    update(package, Mode="enforce")
    eventually(lambda: all(package.is_right(account) for account in accounts))
