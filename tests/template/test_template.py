"""Relations that must hold inside template.yaml, and between it and the code."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alternate_contacts.backfill import handler as backfill_handler
from alternate_contacts.backfill import invocation
from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.invocation import BackfillInvocation
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.backfill.service import WATCHED
from alternate_contacts.backfill.settings import BackfillSettings
from alternate_contacts.worker.batch import ACCOUNTS_AT_A_TIME
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.message import ACCOUNT_JOINED, EVENT_ACCOUNT
from alternate_contacts.worker.settings import WorkerSettings

ROOT = Path(__file__).parents[2]

Resources = dict[str, Any]


def of_type(resources: Resources, kind: str) -> dict[str, Any]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


def arn(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def statements(resources: Resources, role: str) -> Iterator[dict[str, Any]]:
    for policy in resources[role]["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def environment(resources: Resources, function: str) -> dict[str, Any]:
    found: dict[str, Any] = resources[function]["Properties"]["Environment"]["Variables"]
    return found


# ---- events -----------------------------------------------------------------------------------------------------


def event_names(resources: Resources) -> set[str]:
    return {
        name
        for rule in of_type(resources, "AWS::Events::Rule").values()
        for name in rule["EventPattern"]["detail"]["eventName"]
    }


def test_the_worker_reads_every_event_that_a_rule_lets_in_and_no_other(resources: Resources) -> None:
    assert event_names(resources) == {*EVENT_ACCOUNT, ACCOUNT_JOINED}


def test_no_rule_pins_the_region_or_the_detail_type(resources: Resources) -> None:
    """A forwarded event keeps the region it came from; AWS's texts differ about detail types."""
    for rule in of_type(resources, "AWS::Events::Rule").values():
        assert set(rule["EventPattern"]) == {"source", "detail"}


def test_every_rule_lets_in_only_what_succeeded(resources: Resources) -> None:
    def states(pattern: object) -> list[list[str]]:
        if isinstance(pattern, dict):
            return [pattern["state"]] if "state" in pattern else [s for each in pattern.values() for s in states(each)]
        return [s for each in pattern for s in states(each)] if isinstance(pattern, list) else []

    for rule in of_type(resources, "AWS::Events::Rule").values():
        if rule["EventPattern"]["detail"]["eventName"] == [ACCOUNT_JOINED]:
            continue  # which happens or does not; its shape is not published
        found = states(rule["EventPattern"]["detail"]["serviceEventDetails"])
        assert found
        assert all(state == ["SUCCEEDED"] for state in found)


def test_every_rule_has_its_own_retries_and_a_place_for_what_it_cannot_hand_over(resources: Resources) -> None:
    for rule in of_type(resources, "AWS::Events::Rule").values():
        [target] = rule["Targets"]
        assert target["Arn"] == arn("AccountQueue")
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
        assert target["DeadLetterConfig"] == {"Arn": arn("UndeliveredQueue")}


# ---- queues -----------------------------------------------------------------------------------------------------


def policies_of(resources: Resources, queue: str) -> list[dict[str, Any]]:
    [policy] = [
        each for each in of_type(resources, "AWS::SQS::QueuePolicy").values() if each["Queues"] == [{"Ref": queue}]
    ]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


@pytest.fixture(params=["AccountQueue", "FailedAccountQueue", "UndeliveredQueue"])
def queue(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_there_are_three_queues(resources: Resources) -> None:
    assert set(of_type(resources, "AWS::SQS::Queue")) == {"AccountQueue", "FailedAccountQueue", "UndeliveredQueue"}


def test_a_queue_is_encrypted_and_refuses_everybody_without_tls(resources: Resources, queue: str) -> None:
    assert resources[queue]["Properties"]["SqsManagedSseEnabled"] is True
    [deny] = [each for each in policies_of(resources, queue) if each["Effect"] == "Deny"]
    assert deny["Principal"] == "*"
    assert deny["Action"] == "sqs:*"
    assert deny["Resource"] == arn(queue)
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("queue", ["AccountQueue", "UndeliveredQueue"])
def test_only_our_rules_may_send_events(resources: Resources, queue: str) -> None:
    [allow] = [each for each in policies_of(resources, queue) if each["Effect"] == "Allow"]
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert allow["Action"] == "sqs:SendMessage"
    assert allow["Resource"] == arn(queue)
    bound = allow["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert sorted(map(str, bound)) == sorted(str(arn(rule)) for rule in of_type(resources, "AWS::Events::Rule"))


def test_failed_and_undelivered_are_kept_as_long_as_sqs_can(resources: Resources) -> None:
    for name in ("FailedAccountQueue", "UndeliveredQueue"):
        assert resources[name]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    # A moved message keeps its age, so the queue it comes from must let go of it earlier.
    assert resources["AccountQueue"]["Properties"]["MessageRetentionPeriod"] <= 7 * 24 * 3600


def test_the_worker_gives_up_before_sqs_does(resources: Resources) -> None:
    redrive = resources["AccountQueue"]["Properties"]["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == arn("FailedAccountQueue")
    assert redrive["maxReceiveCount"] == int(environment(resources, "WorkerFunction")["MAX_TRIES"]) + 3


# ---- worker -----------------------------------------------------------------------------------------------------


def event_source(resources: Resources) -> dict[str, Any]:
    [source] = resources["WorkerFunction"]["Properties"]["Events"].values()
    assert source["Type"] == "SQS"
    found: dict[str, Any] = source["Properties"]
    return found


def test_a_letter_stays_hidden_for_six_invocations(resources: Resources) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    timeout = resources["WorkerFunction"]["Properties"]["Timeout"]
    assert resources["AccountQueue"]["Properties"]["VisibilityTimeout"] == 6 * timeout


def test_the_event_source_is_what_the_worker_is_built_for(resources: Resources) -> None:
    source = event_source(resources)
    assert source["Queue"] == arn("AccountQueue")
    assert source["BatchSize"] == ACCOUNTS_AT_A_TIME
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert environment(resources, "WorkerFunction")["CONCURRENT_WORKERS"] == "2"
    assert "ReservedConcurrentExecutions" not in resources["WorkerFunction"]["Properties"]


def test_a_full_batch_of_unset_accounts_takes_less_than_half_the_time_out(
    template: dict[str, Any], resources: Resources
) -> None:
    """At the least rate that the parameters allow: 1 call a second, of which a worker takes share / 100 / 2."""
    least = 1 * template["Parameters"]["QuotaShare"]["MinValue"] / 100 / 2
    puts = ACCOUNTS_AT_A_TIME * len(ContactType)
    assert puts / least < resources["WorkerFunction"]["Properties"]["Timeout"] / 2


class Recording(dict[str, str]):
    """A mapping that remembers what was asked of it."""

    def __init__(self, content: Mapping[str, str]) -> None:
        super().__init__(content)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def test_the_worker_gets_exactly_the_variables_that_it_reads(resources: Resources) -> None:
    given = environment(resources, "WorkerFunction")
    values = {name: "overwrite" if name.endswith("_POLICY") else "7" for name in given} | {"MODE": "enforce"}
    recording = Recording(values)
    WorkerSettings.from_environment(recording)
    assert recording.asked == set(given)


def test_quotas_are_known_for_each_partition_that_the_rules_allow(template: dict[str, Any]) -> None:
    quota = template["Mappings"]["AccountApiQuota"]
    assert quota["aws"] == {"PutRate": "5", "PutBurst": "8", "GetRate": "10", "GetBurst": "15"}
    assert quota["aws-cn"] == {"PutRate": "1", "PutBurst": "6", "GetRate": "3", "GetBurst": "5"}
    assert set(quota) == {"aws", "aws-cn"}


# ---- backfill ---------------------------------------------------------------------------------------------------


def test_cloudformation_waits_for_a_killed_backfill_to_be_tried_again(resources: Resources) -> None:
    function = resources["BackfillFunction"]["Properties"]
    attempts = 1 + function["EventInvokeConfig"]["MaximumRetryAttempts"]
    assert attempts == 2
    assert resources["Backfill"]["Properties"]["ServiceTimeout"] == attempts * function["Timeout"] + 180


def test_letters_of_an_update_wait_until_no_worker_has_the_old_contacts(resources: Resources) -> None:
    delay = int(environment(resources, "BackfillFunction")["UPDATE_DELAY"])
    assert delay == resources["WorkerFunction"]["Properties"]["Timeout"]
    assert delay <= 900  # SQS's longest


def test_the_backfill_waits_for_all_that_reads_and_keeps_its_letters(resources: Resources) -> None:
    needed = {
        "WorkerFunctionLetters",
        *of_type(resources, "AWS::SQS::QueuePolicy"),
        *of_type(resources, "AWS::Events::Rule"),
    }
    assert set(resources["Backfill"]["DependsOn"]) == needed


def test_a_change_of_any_contact_policy_or_mode_runs_the_backfill_again(
    template: dict[str, Any], resources: Resources
) -> None:
    """And enabling it does: AccountQueue keeps letters for seven days only."""
    watched = re.findall(r"'Ref': '(\w+)'", str(resources["Backfill"]["Properties"]))
    contacts = [name for name in template["Parameters"] if name.startswith(("Billing", "Operations", "Security"))]
    assert sorted(watched) == sorted([*contacts, "Mode", "Enabled"])
    assert len(contacts) == 15


def test_the_backfill_gives_every_attribute_that_outputs_read(template: dict[str, Any]) -> None:
    read = re.findall(r"'Fn::GetAtt': \['Backfill', '(\w+)'\]", str(template["Outputs"]))
    assert read
    assert set(read) <= set(backfill_handler._data(BackfillCounts(), "summary"))


def test_the_backfill_gets_exactly_the_variables_that_it_reads(resources: Resources) -> None:
    given = environment(resources, "BackfillFunction")
    lambdas_own = {"AWS_REGION"}
    asked: set[str] = set()

    class Remembering(dict[str, str]):
        def __getitem__(self, key: str) -> str:
            asked.add(key)
            return super().__getitem__(key)

    values = dict.fromkeys(given, "180") | {"MODE": "report", "AWS_REGION": "us-east-1"}
    BackfillSettings.read(Remembering(values))
    assert asked == set(given) | lambdas_own


@pytest.mark.parametrize("function", ["WorkerFunction", "BackfillFunction"])
def test_both_functions_have_the_stacks_mode(resources: Resources, function: str) -> None:
    assert environment(resources, function)["MODE"] == {"Ref": "Mode"}


# ---- schedules, Enabled -----------------------------------------------------------------------------------------


def schedules(resources: Resources) -> dict[str, Any]:
    return of_type(resources, "AWS::Scheduler::Schedule")


def test_the_schedules_call_what_the_backfill_understands(resources: Resources) -> None:
    asked = [invocation.parse_invocation(json.loads(each["Target"]["Input"])) for each in schedules(resources).values()]
    assert asked == [BackfillInvocation(Trigger.RECONCILE, Mode.ENFORCE), None]


def test_what_a_schedule_cannot_hand_over_is_kept(resources: Resources) -> None:
    for schedule in schedules(resources).values():
        target = schedule["Target"]
        assert target["Arn"] == arn("BackfillFunction")
        assert target["RoleArn"] == arn("ScheduleRole")
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
        assert target["DeadLetterConfig"] == {"Arn": arn("UndeliveredQueue")}


def test_what_lambda_cannot_hand_over_is_kept(resources: Resources) -> None:
    destination = resources["BackfillFunction"]["Properties"]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
    assert destination == {"Type": "SQS", "Destination": arn("UndeliveredQueue")}


def test_schedules_begin_when_the_backfill_is_done(resources: Resources) -> None:
    """The watch would otherwise find none."""
    assert {resources[name]["DependsOn"] for name in schedules(resources)} == {"Backfill"}


def test_every_way_to_reconcile_has_a_rate_and_its_two_periods(template: dict[str, Any]) -> None:
    ways = template["Mappings"]["Reconcile"]
    assert list(ways) == template["Parameters"]["Reconcile"]["AllowedValues"]
    assert template["Parameters"]["Reconcile"]["Default"] == "weekly"
    for way in ways.values():
        days = re.fullmatch(r"rate\((\d+) days?\)", way["Schedule"])
        assert days
        assert way["TwoPeriodsInDays"] == 2 * int(days[1])
        assert timedelta(days=way["TwoPeriodsInDays"]) < WATCHED


def test_enabled_stops_worker_and_schedules_and_nothing_else(template: dict[str, Any], resources: Resources) -> None:
    assert template["Conditions"]["IsEnabled"] == {"Fn::Equals": [{"Ref": "Enabled"}, "true"]}
    assert event_source(resources)["Enabled"] == {"Fn::If": ["IsEnabled", True, False]}
    for schedule in schedules(resources).values():
        assert schedule["State"] == {"Fn::If": ["Reconciles", "ENABLED", "DISABLED"]}
    assert {"Condition": "IsEnabled"} in template["Conditions"]["Reconciles"]["Fn::And"]
    for rule in of_type(resources, "AWS::Events::Rule").values():
        assert "State" not in rule


# ---- permissions ------------------------------------------------------------------------------------------------

WORKER_MAY = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ChangeMessageVisibility",
    "sqs:SendMessage",
    "account:GetAlternateContact",
    "account:PutAlternateContact",
    "organizations:DescribeAccount",
    "organizations:ListAWSServiceAccessForOrganization",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
}
BACKFILL_MAY = {
    "account:GetAlternateContact",
    "cloudformation:DescribeStacks",
    "cloudwatch:GetMetricStatistics",
    "organizations:DescribeOrganization",
    "organizations:ListAccounts",
    "organizations:ListAWSServiceAccessForOrganization",
    "organizations:EnableAWSServiceAccess",
    "sqs:GetQueueAttributes",
    "sqs:SendMessage",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
}


SCHEDULE_MAY = {"lambda:InvokeFunction", "sqs:SendMessage"}


@pytest.mark.parametrize(
    ("role", "may"), [("WorkerRole", WORKER_MAY), ("BackfillRole", BACKFILL_MAY), ("ScheduleRole", SCHEDULE_MAY)]
)
def test_a_role_may_do_exactly_what_its_function_calls(resources: Resources, role: str, may: set[str]) -> None:
    assert "ManagedPolicyArns" not in resources[role]["Properties"]
    actions: set[str] = set()
    for statement in statements(resources, role):
        assert statement["Effect"] == "Allow"
        action = statement["Action"]
        actions.update([action] if isinstance(action, str) else action)
    assert actions == may


@pytest.mark.parametrize("role", ["WorkerRole", "BackfillRole", "ScheduleRole"])
def test_the_page_of_permissions_names_every_action(resources: Resources, role: str) -> None:
    page = (ROOT / "docs" / "permissions.md").read_text()
    for statement in statements(resources, role):
        for action in [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]:
            assert f"`{action}`" in page, action


def test_the_worker_sends_to_the_failed_accounts_and_never_to_its_own_queue(resources: Resources) -> None:
    """Lambda stops functions that feed the queue they read."""
    [send] = [each for each in statements(resources, "WorkerRole") if each["Action"] == "sqs:SendMessage"]
    assert send["Resource"] == arn("FailedAccountQueue")


def test_contacts_are_bound_to_accounts_and_types(resources: Resources) -> None:
    [contacts] = [
        each for each in statements(resources, "WorkerRole") if "account:PutAlternateContact" in each["Action"]
    ]
    assert [each["Fn::Sub"] for each in contacts["Resource"]] == [
        "arn:${AWS::Partition}:account::${AWS::AccountId}:account/o-*/*",
        "arn:${AWS::Partition}:account::${AWS::AccountId}:account",
    ]
    assert contacts["Condition"] == {
        "ForAnyValue:StringEquals": {"account:AlternateContactTypes": [kind.value for kind in ContactType]}
    }


def test_only_the_account_service_can_be_given_access(resources: Resources) -> None:
    [enable] = [
        each
        for each in statements(resources, "BackfillRole")
        if each["Action"] == "organizations:EnableAWSServiceAccess"
    ]
    assert enable["Condition"] == {"StringEquals": {"organizations:ServicePrincipal": "account.amazonaws.com"}}


def test_every_wildcard_has_its_reason_beside_it() -> None:
    lines = (ROOT / "template.yaml").read_text().splitlines()
    wild = [
        index
        for index, line in enumerate(lines)
        if re.search(r'(Resource|Principal): "?\*"?|account/o-\*|sqs:\*', line) and "Action: sqs:*" not in line
    ]
    assert wild
    for index in wild:
        assert "#" in lines[index] or any("#" in line for line in lines[index - 2 : index]), lines[index]


def test_no_arn_names_a_partition() -> None:
    assert "arn:aws:" not in (ROOT / "template.yaml").read_text()


# ---- logs, tags, runtime ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["WorkerFunction", "BackfillFunction"])
def test_a_function_logs_to_an_unnamed_group_with_retention(resources: Resources, function: str) -> None:
    group = resources[function]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
    properties = resources[group]["Properties"]
    assert "LogGroupName" not in properties
    assert properties["RetentionInDays"] == {"Ref": "LogRetentionInDays"}


def test_nothing_has_a_name_that_a_second_stack_would_collide_with(resources: Resources) -> None:
    for name, each in resources.items():
        names = r"(Queue|Function|Role|LogGroup|Schedule|Topic|Alarm|Dashboard)?Name"
        assert not {key for key in each["Properties"] if re.fullmatch(names, key)}, name


def test_runtime_and_architecture(template: dict[str, Any]) -> None:
    function = template["Globals"]["Function"]
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])


def test_whatever_can_be_tagged_is_tagged(template: dict[str, Any], resources: Resources) -> None:
    assert template["Globals"]["Function"]["Tags"] == {"Application": "alternate-contacts"}
    for kind in ("AWS::SQS::Queue", "AWS::IAM::Role", "AWS::Logs::LogGroup"):
        for name, properties in of_type(resources, kind).items():
            assert {"Key": "Application", "Value": "alternate-contacts"} in properties["Tags"], name
