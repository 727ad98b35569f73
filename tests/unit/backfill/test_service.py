"""What the backfill does for a deployment, the schedule and the operator."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.backfill.errors import BackfillError, PreflightFailure
from alternate_contacts.backfill.invocation import BackfillInvocation
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.backfill.service import (
    MAX_BACKFILL_AGE,
    READ_CONTACT,
    SET_CONTACT,
    BackfillService,
    report_backfill_age,
)
from alternate_contacts.backfill.settings import BackfillSettings
from alternate_contacts.backfill.telemetry import BackfillTelemetry
from tests.fakes.backfill import (
    MANAGEMENT_ACCOUNT,
    ORGANIZATION,
    FakeAccountDirectory,
    FakeBackfillQueue,
    FakeWorkerPermissions,
)
from tests.fakes.clock import FakeStop
from tests.fakes.environment import BACKFILL

pytestmark = pytest.mark.usefixtures("logs_to_stdout")

SETTINGS = BackfillSettings.from_environment({**BACKFILL, "AWS_REGION": "us-east-1"})
ACCOUNTS = [ListedAccount(f"{number:012}") for number in range(1, 13)]
PATH = "/contacts"
CONFIGURED = replace(SETTINGS, contacts_path=PATH)
TRIGGERS = [Trigger.MANUAL, Trigger.RECONCILE, Trigger.CONFIGURATION_CHANGE]

Line = dict[str, object]


def read_log(capsys: pytest.CaptureFixture[str]) -> tuple[list[Line], dict[str, object]]:
    """Return the log lines, and the values of the metrics by name."""
    lines, metrics = [], {}
    for line in map(json.loads, capsys.readouterr().out.splitlines()):
        if "_aws" not in line:
            lines.append(line)
            continue
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert (directive["Namespace"], directive["Dimensions"]) == ("AlternateContacts", [["service"]])
        assert line["service"] == "backfill"
        (metric,) = directive["Metrics"]
        (metrics[metric["Name"]],) = line[metric["Name"]]
    return lines, metrics


def run(
    queue: FakeBackfillQueue,
    trigger: Trigger,
    mode: Mode = Mode.ENFORCE,
    *,
    settings: BackfillSettings = SETTINGS,
    directory: FakeAccountDirectory | None = None,
    parameters: Mapping[str, str | None] | None = None,
    accounts: frozenset[str] | None = None,
) -> tuple[bool, BackfillCounts]:
    counts = BackfillCounts()
    service = BackfillService(
        settings,
        directory or FakeAccountDirectory(ACCOUNTS),
        queue,
        BackfillTelemetry(),
        lambda _: None,
        FakeWorkerPermissions(),
        lambda path: {PATH: parameters or {}}[path],
    )
    invocation = BackfillInvocation(trigger, mode, accounts)
    return service.backfill_for_invocation(invocation, counts=counts, stop=FakeStop()), counts


def deploy(
    permissions: FakeWorkerPermissions,
    *,
    mode: Mode = Mode.ENFORCE,
    is_update: bool = False,
    accounts: Sequence[ListedAccount] = ACCOUNTS,
    describe_aws_error: Callable[[Exception], PreflightFailure | None] = lambda _: None,
) -> BackfillCounts:
    counts = BackfillCounts()
    settings = replace(SETTINGS, mode=mode)
    directory = FakeAccountDirectory(accounts)
    service = BackfillService(
        settings, directory, FakeBackfillQueue(), BackfillTelemetry(), describe_aws_error, permissions, lambda _: {}
    )
    service.backfill_for_deployment(is_update=is_update, extends_protection=False, counts=counts, stop=FakeStop())
    return counts


@pytest.mark.parametrize(
    ("mode", "denied"), [(Mode.ENFORCE, [READ_CONTACT, SET_CONTACT]), (Mode.REPORT, [READ_CONTACT])]
)
def test_the_first_deployment_warns_of_what_the_worker_is_denied_and_sends_every_message(
    mode: Mode, denied: list[str]
) -> None:
    permissions = FakeWorkerPermissions([READ_CONTACT, SET_CONTACT])
    counts = deploy(permissions, mode=mode)
    assert (counts.denied_actions, counts.enqueued) == (denied, len(ACCOUNTS))
    assert permissions.calls == [(denied, ORGANIZATION, ACCOUNTS[0].account_id)]
    assert all(action in counts.summary for action in denied)


def test_only_a_backfill_that_enforces_turns_trusted_access_on() -> None:
    directory = FakeAccountDirectory(ACCOUNTS, trusted_access=False)
    with pytest.raises(BackfillError, match="Trusted access is off"):
        run(FakeBackfillQueue(), Trigger.MANUAL, Mode.REPORT, directory=directory)
    assert directory.times_enabled == 0
    _, counts = run(FakeBackfillQueue(), Trigger.MANUAL, Mode.ENFORCE, directory=directory)
    assert (directory.times_enabled, counts.enqueued) == (1, len(ACCOUNTS))


def test_an_update_and_an_organization_without_members_simulate_nothing() -> None:
    permissions = FakeWorkerPermissions([READ_CONTACT])
    assert deploy(permissions, is_update=True).denied_actions == ()
    assert deploy(permissions, accounts=[ListedAccount(MANAGEMENT_ACCOUNT, "ACTIVE")]).denied_actions == ()
    assert permissions.calls == []


def test_a_simulation_that_fails_fails_no_deployment_unless_the_error_is_not_of_aws(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = ClientError({"Error": {"Code": "AccessDenied"}}, "SimulatePrincipalPolicy")
    permissions = FakeWorkerPermissions(error=error)
    counts = deploy(permissions, describe_aws_error=lambda each: PreflightFailure(str(each)))
    assert (counts.denied_actions, counts.enqueued) == ((), len(ACCOUNTS))
    lines, _ = read_log(capsys)
    failures = [line["failure"] for line in lines if line["message"] == "worker permissions unknown"]
    assert failures == [str(error)]
    with pytest.raises(ClientError):
        deploy(permissions)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_every_message_and_the_log_have_the_trigger(trigger: Trigger, capsys: pytest.CaptureFixture[str]) -> None:
    queue = FakeBackfillQueue()
    was_run, counts = run(queue, trigger)
    assert (was_run, counts.enqueued) == (True, 12)
    assert {json.loads(body)["trigger"] for body in queue.bodies} == {trigger.value}
    (line,), metrics = read_log(capsys)
    expected: Line = {
        "message": "backfill completed",
        "trigger": trigger.value,
        "mode": "enforce",
        "listed": 12,
        "enqueued": 12,
        "skipped": {},
    }
    assert expected.items() <= line.items()
    assert metrics == {"BackfillCompleted": 1, "DaysSinceBackfill": 0}


@pytest.mark.parametrize("stack_mode", Mode)
@pytest.mark.parametrize("mode", Mode)
def test_the_stricter_mode_is_in_the_messages(stack_mode: Mode, mode: Mode) -> None:
    queue = FakeBackfillQueue()
    run(queue, Trigger.MANUAL, mode, settings=replace(SETTINGS, mode=stack_mode))
    assert {json.loads(body)["mode"] for body in queue.bodies} == {mode.stricter(stack_mode).value}


def test_a_report_in_a_stack_that_enforces_is_no_reconcile(capsys: pytest.CaptureFixture[str]) -> None:
    run(FakeBackfillQueue(), Trigger.MANUAL, Mode.REPORT)
    assert read_log(capsys)[1] == {}


def test_a_report_does_not_enable_trusted_access() -> None:
    directory, queue = FakeAccountDirectory(ACCOUNTS, trusted_access=False), FakeBackfillQueue()
    with pytest.raises(BackfillError, match="enable-aws-service-access"):
        run(queue, Trigger.MANUAL, Mode.REPORT, directory=directory)
    assert (directory.times_enabled, queue.sends) == (0, [])


def test_a_reconcile_is_skipped_and_logged_while_messages_are_waiting(capsys: pytest.CaptureFixture[str]) -> None:
    queue = FakeBackfillQueue(depth=7)
    assert run(queue, Trigger.RECONCILE) == (False, BackfillCounts())
    assert queue.sends == []
    (line,), metrics = read_log(capsys)
    assert (line["message"], line["messages_waiting"]) == ("reconcile skipped", 7)
    assert metrics == {"ReconcileSkipped": 1}


@pytest.mark.parametrize("trigger", [Trigger.MANUAL, Trigger.CONFIGURATION_CHANGE])
def test_a_backfill_of_an_operator_or_after_a_change_is_not_skipped(trigger: Trigger) -> None:
    assert run(FakeBackfillQueue(depth=7), trigger)[0]


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_disabled_package_sends_nothing(trigger: Trigger) -> None:
    queue = FakeBackfillQueue()
    with pytest.raises(BackfillError, match="disabled"):
        run(queue, trigger, settings=replace(SETTINGS, enabled=False))
    assert queue.sends == []


def test_a_disabled_package_that_protects_accounts_has_trusted_access_and_a_usable_configuration() -> None:
    parameters: dict[str, str | None] = {"version": "1"}
    directory, queue = FakeAccountDirectory(ACCOUNTS, trusted_access=False), FakeBackfillQueue()
    service = BackfillService(
        replace(CONFIGURED, enabled=False, mode=Mode.ENFORCE),
        directory,
        queue,
        BackfillTelemetry(),
        lambda _: None,
        FakeWorkerPermissions(),
        lambda _: parameters,
    )

    def deploy() -> None:
        service.backfill_for_deployment(
            is_update=True, extends_protection=True, counts=BackfillCounts(), stop=FakeStop()
        )

    deploy()
    assert (directory.times_enabled, queue.sends) == (1, [])
    parameters.clear()
    with pytest.raises(BackfillError, match="configuration_unreadable, no_version"):
        deploy()


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "days"),
    [
        (NOW - timedelta(hours=12), 0.5),
        (NOW - timedelta(hours=25), 1.0),
        (NOW - timedelta(days=14), 14.0),
        (None, 62.0),
    ],
)
def test_the_age_of_the_last_backfill_is_written_as_a_metric(
    last: datetime | None, days: float, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def find_last_backfill(since: datetime, until: datetime) -> datetime | None:
        asked.append((since, until))
        return last

    assert report_backfill_age(find_last_backfill, BackfillTelemetry(), NOW) == days
    assert asked == [(NOW - MAX_BACKFILL_AGE, NOW)]
    assert read_log(capsys) == ([], {"DaysSinceBackfill": days})


# ---- the contact configuration --------------------------------------------------------------------------------------


def test_without_a_path_no_parameter_is_read_and_no_message_is_delayed(capsys: pytest.CaptureFixture[str]) -> None:
    queue = FakeBackfillQueue()
    _, counts = run(queue, Trigger.MANUAL)
    assert {*queue.delays} == {0}
    assert "contact configuration" not in counts.summary
    assert "ConfigurationProblems" not in read_log(capsys)[1]


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_messages_wait_until_no_worker_has_an_older_configuration(trigger: Trigger) -> None:
    queue = FakeBackfillQueue()
    run(queue, trigger, settings=CONFIGURED, parameters={"version": "1"})
    assert {*queue.delays} == {180}


def test_broken_targets_are_reported_once_and_stop_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    queue = FakeBackfillQueue()
    broken = {f"targets/{number:012}": '{"billing": "missing"}' for number in range(60)}
    _, counts = run(queue, Trigger.MANUAL, settings=CONFIGURED, parameters={"version": "1"} | broken)
    assert len(queue.accepted) == len(ACCOUNTS)
    lines, metrics = read_log(capsys)
    problems = [line for line in lines if line["message"] == "configuration problem"]
    assert len(problems) == 50
    expected = {"parameter": "targets/000000000000", "reason": "unknown_contact_set", "detail": "missing"}
    assert expected.items() <= problems[0].items()
    assert metrics["ConfigurationProblems"] == lines[-1]["configuration_problems"] == 60
    assert "contact configuration: 60 (targets/000000000000 unknown_contact_set, " in counts.summary
    assert len(counts.summary) < 500


@pytest.mark.parametrize("name", ["a\nb", '"}\n{"level":"INFO"', "\x1b[2J", "\r", "%s {0}", "x" * 1011])
def test_the_name_of_a_parameter_cannot_forge_a_log_line(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Parameter Store itself allows none of these characters but the last ones."""
    parameters = {"version": "1", f"sets/{name}": "{}", f"targets/{name}": "{}", name: "{}"}
    _, counts = run(FakeBackfillQueue(), Trigger.MANUAL, settings=CONFIGURED, parameters=parameters)
    lines, _ = read_log(capsys)
    problems = [line["parameter"] for line in lines if line["message"] == "configuration problem"]
    assert problems == sorted([name, f"sets/{name}", f"targets/{name}"])
    assert len(lines) == len(problems) + 1
    assert len(counts.summary) < 500


def test_a_configuration_without_problems_is_counted_too(capsys: pytest.CaptureFixture[str]) -> None:
    run(FakeBackfillQueue(), Trigger.MANUAL, settings=CONFIGURED, parameters={"version": "1"})
    assert read_log(capsys)[1]["ConfigurationProblems"] == 0


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [({}, "no_version"), ({"version": "2"}, "unknown_version"), ({"version": None}, "unknown")],
)
def test_no_message_is_sent_with_a_configuration_that_cannot_be_used(
    parameters: dict[str, str | None], detail: str
) -> None:
    queue = FakeBackfillQueue()
    with pytest.raises(BackfillError, match=f"configuration_unreadable, {detail}"):
        run(queue, Trigger.MANUAL, settings=CONFIGURED, parameters=parameters)
    assert queue.sends == []


# ---- changes of single accounts -------------------------------------------------------------------------------------

CHANGED = frozenset({"000000000003", "000000000004", "999999999999"})


@pytest.mark.parametrize("mode", Mode)
def test_only_the_changed_accounts_that_are_active_get_a_message_and_this_is_no_backfill(
    mode: Mode, capsys: pytest.CaptureFixture[str]
) -> None:
    """A target may remain of an account that was closed or has left the organization: that is no failure."""
    accounts = [*ACCOUNTS[:3], replace(ACCOUNTS[3], state="SUSPENDED"), *ACCOUNTS[4:]]
    queue = FakeBackfillQueue()
    run(
        queue,
        Trigger.CONFIGURATION_CHANGE,
        settings=replace(CONFIGURED, mode=mode),
        directory=FakeAccountDirectory(accounts),
        parameters={"version": "1", "targets/000000000003": "{"},
        accounts=CHANGED,
    )
    (body,) = map(json.loads, queue.bodies)
    assert (body["accountId"], body["trigger"], body["mode"]) == ("000000000003", "configuration_change", mode.value)
    assert queue.delays == [180]
    lines, metrics = read_log(capsys)
    expected: Line = {"message": "changed accounts enqueued", "changed": 3, "enqueued": 1, "skipped": {"SUSPENDED": 1}}
    assert expected.items() <= lines[-1].items()
    assert metrics == {"ConfigurationProblems": 1}


def test_changed_accounts_wait_for_a_usable_configuration() -> None:
    queue = FakeBackfillQueue()
    with pytest.raises(BackfillError, match="configuration_unreadable, no_version"):
        run(queue, Trigger.CONFIGURATION_CHANGE, settings=CONFIGURED, accounts=CHANGED)
    assert queue.sends == []
