"""Relations inside template.yaml, and between the template and the code."""

import itertools
import json
import re
import sys
from collections import UserDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alternate_contacts.backfill import invocation
from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.invocation import BackfillInvocation
from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import SERVICE_PRINCIPAL, Mode, Trigger
from alternate_contacts.backfill.response import CustomResourceResponse
from alternate_contacts.backfill.service import MAX_BACKFILL_AGE
from alternate_contacts.backfill.settings import BackfillSettings
from alternate_contacts.cli.aws.queues import QueueMessage
from alternate_contacts.cli.aws.undelivered import UndeliveredKind, undelivered_kind
from alternate_contacts.worker.account_processor import AccountResult
from alternate_contacts.worker.batch import ACCOUNTS_AT_A_TIME, QueueRecord, failure_attributes
from alternate_contacts.worker.configuration_cache import KEPT_SECONDS
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Outcome
from alternate_contacts.worker.errors import AccessDenied
from alternate_contacts.worker.message import (
    ACCOUNT_JOINED,
    EVENT_ACCOUNT,
    MOVE_ACCOUNT,
    AccountMessage,
    parse_message,
)
from alternate_contacts.worker.settings import WorkerSettings
from tests.template.conftest import (
    ALL_CONDITIONS,
    ROOT,
    Resources,
    actions,
    arn,
    environment,
    of_type,
    resolve,
    statements,
)

NO_KEY = ALL_CONDITIONS | {"HasKmsKey": False}
QUEUES = ("AccountQueue", "FailedAccountQueue", "UndeliveredQueue", "ChangeQueue")
ROLES = ("WorkerRole", "BackfillRole", "ScheduleRole")


# ---- events -----------------------------------------------------------------------------------------------------


def test_the_rule_matches_exactly_the_events_that_the_worker_parses(resources: Resources) -> None:
    rule = of_type(resources, "AWS::Events::Rule")["AccountEventsRule"]
    assert rule["EventPattern"].keys() == {"account", "source", "detail"}
    branches = rule["EventPattern"]["detail"]["$or"]
    assert {name for branch in branches for name in branch["eventName"]} == {*EVENT_ACCOUNT, ACCOUNT_JOINED}
    for branch in branches:
        # AccountJoinedOrganization reports no failure, and AWS has not published its shape.
        states = [detail["state"] for detail in branch.get("serviceEventDetails", {}).values()]
        assert states == ([] if branch["eventName"] == [ACCOUNT_JOINED] else [["SUCCEEDED"]])


def test_rules_match_events_of_this_account_only_and_changes_only_with_a_path(resources: Resources) -> None:
    for name, rule in of_type(resources, "AWS::Events::Rule").items():
        assert rule["EventPattern"]["account"] == [{"Ref": "AWS::AccountId"}]
        assert resources[name].get("Condition") == (None if name == "AccountEventsRule" else "HasContactsPath")


def test_a_successful_move_is_reduced_to_an_account_message(resources: Resources) -> None:
    rule = of_type(resources, "AWS::Events::Rule")["AccountMovesRule"]
    detail = rule["EventPattern"]["detail"]
    assert (detail["eventName"], detail["errorCode"]) == ([MOVE_ACCOUNT], [{"exists": False}])
    body = transform(rule, {"$.detail.requestParameters.accountId": "111122223333"})
    assert body == json.loads(account_message_body("111122223333", trigger=Trigger.ACCOUNT_MOVED, mode=Mode.ENFORCE))
    assert parse_message(json.dumps(body)) == AccountMessage("111122223333", Trigger.ACCOUNT_MOVED)


def test_a_change_of_a_parameter_is_reduced_to_its_name(resources: Resources) -> None:
    rule = of_type(resources, "AWS::Events::Rule")["ParameterChangesRule"]
    # Without the slash, the prefix would also match /alternate-contacts-of-others.
    assert rule["EventPattern"]["detail"]["name"] == [{"prefix": {"Fn::Sub": "${ContactsPath}/"}}]
    name = "/contacts/targets/111122223333"
    body = transform(rule, {"$.detail.name": name})
    assert body == {"version": 1, "parameter": name}
    accounts = frozenset({"111122223333"})
    expected = BackfillInvocation(Trigger.CONFIGURATION_CHANGE, Mode.ENFORCE, accounts)
    assert invocation.parse_invocation({"Records": [{"body": json.dumps(body)}]}) == expected
    assert undelivered_kind(message_of(json.dumps(body))) is UndeliveredKind.CONFIGURATION_CHANGE


def transform(rule: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return what the input transformer of a rule makes of an event, given its values by JSON path."""
    [target] = rule["Targets"]
    text = target["InputTransformer"]["InputTemplate"]
    for name, path in target["InputTransformer"]["InputPathsMap"].items():
        text = text.replace(f"<{name}>", json.dumps(values[path]))
    body: dict[str, Any] = json.loads(text)
    return body


def message_of(body: str) -> QueueMessage:
    return QueueMessage("id", "handle", body, {}, datetime(2026, 1, 1, tzinfo=UTC), redriven=False)


QUEUE_OF_RULE = {"AccountEventsRule": "AccountQueue", "AccountMovesRule": "AccountQueue"} | {
    "ParameterChangesRule": "ChangeQueue"
}


def test_events_and_invocations_are_retried_for_a_day_and_then_kept(resources: Resources) -> None:
    targets = {name: rule["Targets"] for name, rule in of_type(resources, "AWS::Events::Rule").items()}
    assert {name: target["Arn"] for name, [target] in targets.items()} == {
        name: arn(queue) for name, queue in QUEUE_OF_RULE.items()
    }
    schedules = [schedule["Target"] for schedule in of_type(resources, "AWS::Scheduler::Schedule").values()]
    assert [(target["Arn"], target["RoleArn"]) for target in schedules] == [
        (arn("BackfillFunction"), arn("ScheduleRole"))
    ] * 2
    for target in (*itertools.chain(*targets.values()), *schedules):
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
        assert target["DeadLetterConfig"] == {"Arn": arn("UndeliveredQueue")}
    on_failure = resources["BackfillFunction"]["Properties"]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
    assert on_failure == {"Type": "SQS", "Destination": arn("UndeliveredQueue")}


# ---- queues -----------------------------------------------------------------------------------------------------


def queue_statements(resources: Resources, queue: str, effect: str) -> list[dict[str, Any]]:
    [policy] = [
        each for each in of_type(resources, "AWS::SQS::QueuePolicy").values() if each["Queues"] == [{"Ref": queue}]
    ]
    return [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == effect]


def test_every_queue_is_encrypted_and_denies_access_without_tls(resources: Resources) -> None:
    assert of_type(resources, "AWS::SQS::Queue").keys() == set(QUEUES)
    for queue in QUEUES:
        assert resolve(resources[queue]["Properties"], NO_KEY)["SqsManagedSseEnabled"] is True
        [deny] = queue_statements(resources, queue, "Deny")
        assert (deny["Principal"], deny["Action"], deny["Resource"]) == ("*", "sqs:*", arn(queue))
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("configured", [True, False])
def test_only_the_rules_of_the_stack_may_send_events(resources: Resources, configured: bool) -> None:
    assert queue_statements(resources, "FailedAccountQueue", "Allow") == []
    conditions = ALL_CONDITIONS | {"HasContactsPath": configured}
    rules = [rule for rule in QUEUE_OF_RULE if configured or "Condition" not in resources[rule]]
    senders = {
        "AccountQueue": [rule for rule in rules if QUEUE_OF_RULE[rule] == "AccountQueue"],
        "ChangeQueue": ["ParameterChangesRule"],
        "UndeliveredQueue": rules,
    }
    for queue, names in senders.items():
        [allow] = queue_statements(resources, queue, "Allow")
        assert allow["Principal"] == {"Service": "events.amazonaws.com"}
        assert (allow["Action"], allow["Resource"]) == ("sqs:SendMessage", arn(queue))
        condition = resolve(allow["Condition"], conditions)
        assert condition.keys() == {"ArnEquals"}
        source = condition["ArnEquals"]["aws:SourceArn"]
        sources = source if isinstance(source, list) else [source]
        assert sorted(each["Fn::GetAtt"][0] for each in sources) == sorted(names)


def test_no_other_account_and_no_other_service_may_invoke_a_function(resources: Resources) -> None:
    """Without a resource policy, only principals of the account with lambda:InvokeFunction may."""
    assert of_type(resources, "AWS::Lambda::Permission") == {}
    functions = of_type(resources, "AWS::Serverless::Function")
    assert {event["Type"] for each in functions.values() for event in each.get("Events", {}).values()} == {"SQS"}
    assert not any("FunctionUrlConfig" in each for each in functions.values())


def test_only_the_two_dead_letter_queues_may_be_ones(resources: Resources) -> None:
    """`byQueue` would be a cycle with the redrive policies of AccountQueue and ChangeQueue."""
    allowed = {queue: resources[queue]["Properties"].get("RedriveAllowPolicy") for queue in QUEUES}
    deny, allow = {"redrivePermission": "denyAll"}, {"redrivePermission": "allowAll"}
    assert allowed == {
        "AccountQueue": deny,
        "FailedAccountQueue": None,
        "UndeliveredQueue": allow,
        "ChangeQueue": deny,
    }


def test_a_change_is_tried_until_it_is_undelivered(resources: Resources) -> None:
    queue, mapping = resources["ChangeQueue"]["Properties"], resources["ChangeQueueMapping"]["Properties"]
    timeout = resources["BackfillFunction"]["Properties"]["Timeout"]
    assert queue["VisibilityTimeout"] == mapping["MaximumBatchingWindowInSeconds"] + 2 * timeout
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": arn("UndeliveredQueue"), "maxReceiveCount": 5}
    assert queue["VisibilityTimeout"] * queue["RedrivePolicy"]["maxReceiveCount"] < queue["MessageRetentionPeriod"]


def test_the_changes_of_a_minute_run_at_most_two_backfills(resources: Resources) -> None:
    mapping = resources["ChangeQueueMapping"]["Properties"]
    assert mapping["EventSourceArn"] == arn("ChangeQueue")
    assert mapping["FunctionName"] == {"Ref": "BackfillFunction"}
    assert (mapping["MaximumBatchingWindowInSeconds"], mapping["BatchSize"]) == (60, 10_000)
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    # Throttled invocations would count as receives of good messages.
    assert "ReservedConcurrentExecutions" not in resources["BackfillFunction"]["Properties"]
    # IAM needs time for the permissions of the role, without which Lambda rejects the mapping.
    assert resources["ChangeQueueMapping"]["DependsOn"] == "Backfill"


def test_what_is_for_changes_exists_only_with_a_path(resources: Resources) -> None:
    for name in ("ChangeQueue", "ChangeQueuePolicy", "ChangeQueueMapping", "ParameterChangesRule", "AccountMovesRule"):
        assert resources[name]["Condition"] == "HasContactsPath"


def test_a_failed_message_outlives_its_time_on_account_queue(resources: Resources) -> None:
    """A message that SQS moves keeps its age: the retention of the queue before must be much shorter."""
    retention = {queue: resources[queue]["Properties"]["MessageRetentionPeriod"] for queue in QUEUES}
    assert retention["FailedAccountQueue"] == retention["UndeliveredQueue"] == 14 * 24 * 3600  # the maximum of SQS
    assert retention["AccountQueue"] <= retention["FailedAccountQueue"] / 2
    assert retention["ChangeQueue"] <= retention["UndeliveredQueue"] / 2


def test_a_failed_message_fits_with_its_attributes(resources: Resources) -> None:
    """Name, type and value of the attributes count towards the size, and an error code may be anything."""
    record = QueueRecord("", "", "", tries=sys.maxsize)
    result = AccountResult(outcomes=dict.fromkeys(ContactType, Outcome.FAILED))
    error = AccessDenied("\N{OWL}" * 10_000, "\N{OWL}" * 10_000)
    attributes = failure_attributes(AccountMessage("1" * 12, "manual"), record, result, error)
    size = sum(len(f"{name}String{value}".encode()) for name, value in attributes.items())
    limits = {queue: resources[queue]["Properties"].get("MaximumMessageSize", 2**20) for queue in QUEUES}
    assert limits["AccountQueue"] + size <= limits["FailedAccountQueue"] <= 2**18
    assert size <= 7_294


def test_the_worker_gives_up_before_sqs_moves_a_message(resources: Resources) -> None:
    redrive = resources["AccountQueue"]["Properties"]["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == arn("FailedAccountQueue")
    assert redrive["maxReceiveCount"] == int(environment(resources, "WorkerFunction")["MAX_TRIES"]) + 3


# ---- worker -----------------------------------------------------------------------------------------------------


def test_a_received_message_stays_hidden_for_six_timeouts_of_the_worker(resources: Resources) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    timeout = resources["WorkerFunction"]["Properties"]["Timeout"]
    assert resources["AccountQueue"]["Properties"]["VisibilityTimeout"] == 6 * timeout


def test_the_event_source_fits_the_worker(resources: Resources) -> None:
    # Lambda rejects a second mapping of one function and queue, so the event keeps its name.
    source = resources["WorkerFunction"]["Properties"]["Events"]["Letters"]["Properties"]
    assert source["Queue"] == arn("AccountQueue")
    assert source["BatchSize"] == ACCOUNTS_AT_A_TIME
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    workers = environment(resources, "WorkerFunction")["CONCURRENT_WORKERS"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": int(workers)}
    assert "ReservedConcurrentExecutions" not in resources["WorkerFunction"]["Properties"]


def test_a_full_batch_without_contacts_takes_less_than_half_of_the_timeout(
    template: dict[str, Any], resources: Resources
) -> None:
    """At the lowest quota that the parameters allow: 1 call per second, of which a worker has share / 100 / 2."""
    lowest_rate = 1 * template["Parameters"]["QuotaShare"]["MinValue"] / 100 / 2
    puts = ACCOUNTS_AT_A_TIME * len(ContactType)
    assert puts / lowest_rate < resources["WorkerFunction"]["Properties"]["Timeout"] / 2


def test_the_quotas_are_those_that_aws_documents(template: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/accounts/latest/reference/quotas.html and its China edition"""
    assert template["Mappings"]["AccountApiQuota"] == {
        "aws": {"PutRate": "5", "PutBurst": "8", "GetRate": "10", "GetBurst": "15"},
        "aws-cn": {"PutRate": "1", "PutBurst": "6", "GetRate": "3", "GetBurst": "5"},
    }


class RecordedEnvironment(UserDict[str, str]):
    """Environment variables that record which of them are read."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self.data[name]


def test_each_function_reads_exactly_the_variables_that_it_gets(resources: Resources) -> None:
    names = environment(resources, "WorkerFunction").keys()
    values = {name: "overwrite" if name.endswith("_POLICY") else "7" for name in names} | {"MODE": "enforce"}
    worker = RecordedEnvironment(values)
    WorkerSettings.from_environment(worker)
    assert worker.names == names

    names = environment(resources, "BackfillFunction").keys()
    valid = {"MODE": "report", "ENABLED": "true", "AWS_REGION": "us-east-1", "MANAGED_CONTACT_TYPES": "BILLING"}
    valid |= {"CONTACTS_PATH": "none"}
    backfill = RecordedEnvironment(dict.fromkeys(names, "180") | valid)
    BackfillSettings.from_environment(backfill)
    assert backfill.names == names | {"AWS_REGION"}  # which Lambda sets


# ---- backfill ---------------------------------------------------------------------------------------------------


def test_cloudformation_waits_for_the_retry_of_a_killed_backfill(resources: Resources) -> None:
    function = resources["BackfillFunction"]["Properties"]
    attempts = 1 + function["EventInvokeConfig"]["MaximumRetryAttempts"]
    assert attempts == 2
    assert resources["Backfill"]["Properties"]["ServiceTimeout"] == attempts * function["Timeout"] + 180


def test_messages_of_an_update_are_delayed_until_no_worker_has_the_old_contacts(resources: Resources) -> None:
    delay = int(environment(resources, "BackfillFunction")["UPDATE_DELAY"])
    assert delay == resources["WorkerFunction"]["Properties"]["Timeout"]
    assert delay <= 900  # the maximum of SQS


def test_messages_after_a_change_are_delayed_until_no_worker_has_the_old_configuration(resources: Resources) -> None:
    assert int(environment(resources, "BackfillFunction")["UPDATE_DELAY"]) > KEPT_SECONDS


def test_the_backfill_runs_after_everything_that_receives_or_keeps_its_messages(resources: Resources) -> None:
    policies, rules = of_type(resources, "AWS::SQS::QueuePolicy"), of_type(resources, "AWS::Events::Rule")
    before = set(resources["Backfill"]["DependsOn"])
    # Those under a condition by a property: DependsOn may not name them.
    before |= set(re.findall(r"'(\w+(?:Rule|Policy))'", str(resources["Backfill"]["Properties"]["Changes"])))
    assert "ParameterChangesRule" in str(resources["ChangeQueuePolicy"])
    assert before | {"ParameterChangesRule"} == {"WorkerFunctionLetters", *policies, *rules}


def test_a_changed_contact_policy_or_mode_runs_the_backfill_and_so_does_enabled(
    template: dict[str, Any], resources: Resources
) -> None:
    """Enabled too, because SQS deletes messages after seven days; and the protected target, for the preflight."""
    properties = {name: each for name, each in resources["Backfill"]["Properties"].items() if name != "Changes"}
    references = re.findall(r"'Ref': '(\w+)'", str(properties))
    contacts = [name for name in template["Parameters"] if name.startswith(("Billing", "Operations", "Security"))]
    assert sorted(references) == sorted([*contacts, "Mode", "Enabled", "ContactsPath", "ProtectedTargetId"])


def test_the_response_has_every_attribute_that_an_output_reads(template: dict[str, Any]) -> None:
    attributes = re.findall(r"'Fn::GetAtt': \['Backfill', '(\w+)'\]", str(template["Outputs"]))
    # The outputs of the previous release too: its template reads them in a rollback.
    assert {*attributes, "Listed", "Enqueued", "Skipped"} <= CustomResourceResponse.succeeded(
        "summary", BackfillCounts()
    ).data.keys()


def test_both_functions_have_the_mode_of_the_stack(resources: Resources) -> None:
    for function in of_type(resources, "AWS::Serverless::Function"):
        assert environment(resources, function)["MODE"] == {"Ref": "Mode"}


# ---- schedules, Enabled -----------------------------------------------------------------------------------------


def test_both_this_release_and_the_previous_one_understand_the_schedules(resources: Resources) -> None:
    """Scheduler may retry an invocation for a day, also after an update or its rollback."""
    schedules = of_type(resources, "AWS::Scheduler::Schedule").values()
    inputs = [json.loads(schedule["Target"]["Input"]) for schedule in schedules]
    assert [each["trigger"] for each in inputs] == ["reconcile", "report_backfill_age"]
    assert [each["reason"] for each in inputs] == ["reconcile", "watch"]
    expected = [BackfillInvocation(Trigger.RECONCILE, Mode.ENFORCE), None]
    assert [invocation.parse_invocation(each) for each in inputs] == expected


def test_schedules_start_after_the_backfill(resources: Resources) -> None:
    """Otherwise the first report of the backfill age would find no backfill."""
    assert {resources[name]["DependsOn"] for name in of_type(resources, "AWS::Scheduler::Schedule")} == {"Backfill"}


def test_every_reconcile_schedule_has_a_rate_and_two_periods_of_it(template: dict[str, Any]) -> None:
    choices = template["Mappings"]["Reconcile"]
    assert list(choices) == template["Parameters"]["Reconcile"]["AllowedValues"]
    for choice in choices.values():
        days = re.fullmatch(r"rate\((\d+) days?\)", choice["Schedule"])
        assert days
        assert choice["TwoPeriodsInDays"] == 2 * int(days[1])
        assert timedelta(days=choice["TwoPeriodsInDays"]) < MAX_BACKFILL_AGE


def test_enabled_stops_worker_and_schedules_and_nothing_else(template: dict[str, Any], resources: Resources) -> None:
    assert template["Conditions"]["IsEnabled"] == {"Fn::Equals": [{"Ref": "Enabled"}, "true"]}
    assert {"Condition": "IsEnabled"} in template["Conditions"]["Reconciles"]["Fn::And"]
    [source] = resources["WorkerFunction"]["Properties"]["Events"].values()
    mapping = resources["ChangeQueueMapping"]
    for each in (source, mapping):
        assert each["Properties"]["Enabled"] == {"Fn::If": ["IsEnabled", True, False]}
    for schedule in of_type(resources, "AWS::Scheduler::Schedule").values():
        assert schedule["State"] == {"Fn::If": ["Reconciles", "ENABLED", "DISABLED"]}
    for rule in of_type(resources, "AWS::Events::Rule").values():
        assert "State" not in rule


# ---- permissions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_a_role_only_allows_and_may_use_the_key_if_there_is_one(resources: Resources, role: str) -> None:
    assert {statement["Effect"] for statement in statements(resources, role)} == {"Allow"}
    assert resources[role]["Properties"]["ManagedPolicyArns"] == {
        "Fn::If": ["HasKmsKey", [{"Ref": "KmsKeyPolicy"}], {"Ref": "AWS::NoValue"}]
    }


def test_the_worker_may_not_send_to_the_queue_that_it_reads(resources: Resources) -> None:
    """Lambda stops a function that sends to its own event source."""
    [send] = [each for each in statements(resources, "WorkerRole") if "sqs:SendMessage" in actions(each)]
    assert send["Resource"] == arn("FailedAccountQueue")


def if_(condition: str, then: object, otherwise: object) -> dict[str, object]:
    return {"Fn::If": [condition, then, otherwise]}


def test_the_backfill_gets_the_contact_types_that_are_managed(resources: Resources) -> None:
    """In the order of the role's condition: its preflight reads the first."""
    nothing = {"Ref": "AWS::NoValue"}
    types = [if_(f"Manages{each.capitalize()}", each.value, nothing) for each in ContactType]
    assert environment(resources, "BackfillFunction")["MANAGED_CONTACT_TYPES"] == {"Fn::Join": [",", types]}


CONTACT_ACTIONS = {"WorkerRole": {"Get", "Put"}, "BackfillRole": {"Get"}, "ScheduleRole": set()}


def contact_statements(resources: Resources, role: str, conditions: Mapping[str, bool]) -> list[dict[str, Any]]:
    granted = statements(resources, role, conditions)
    return [each for each in granted if any(name.startswith("account:") for name in actions(each))]


@pytest.mark.parametrize("role", CONTACT_ACTIONS)
@pytest.mark.parametrize("managed", [each for n in (1, 2, 3) for each in itertools.combinations(ContactType, n)])
def test_contacts_are_limited_to_accounts_of_the_organization_and_to_managed_contact_types(
    resources: Resources, role: str, managed: tuple[ContactType, ...]
) -> None:
    conditions = ALL_CONDITIONS | {f"Manages{each.title()}": each in managed for each in ContactType}
    granted = contact_statements(resources, role, conditions)
    assert set().union(*map(actions, granted)) == {f"account:{name}AlternateContact" for name in CONTACT_ACTIONS[role]}
    for contacts in granted:
        assert [each["Fn::Sub"] for each in contacts["Resource"]] == [
            "arn:${AWS::Partition}:account::${AWS::AccountId}:account/o-*/*",
            "arn:${AWS::Partition}:account::${AWS::AccountId}:account",
        ]
        # The backfill only checks that contacts can be read, so one type is enough.
        types = [each.value for each in managed][: 1 if role == "BackfillRole" else None]
        assert contacts["Condition"] == {"ForAnyValue:StringEquals": {"account:AlternateContactTypes": types}}


CONTACT_CONFIGURATION = {"WorkerRole": ["ssm:GetParametersByPath", "organizations:ListParents"]} | {
    "BackfillRole": [
        "ssm:GetParametersByPath",
        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
    ]
}


@pytest.mark.parametrize("role", CONTACT_CONFIGURATION)
def test_the_contact_configuration_may_be_read_only_with_a_path_and_only_there(
    template: dict[str, Any], resources: Resources, role: str
) -> None:
    assert template["Conditions"]["HasContactsPath"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ContactsPath"}, "none"]}]}
    [conditional] = [each["Fn::If"] for each in resources[role]["Properties"]["Policies"] if "Fn::If" in each]
    condition, policy, otherwise = conditional
    assert (condition, otherwise) == ("HasContactsPath", {"Ref": "AWS::NoValue"})
    granted = policy["PolicyDocument"]["Statement"]
    assert [each["Action"] for each in granted] == CONTACT_CONFIGURATION[role]
    path = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${ContactsPath}"
    assert granted[0]["Resource"] == {"Fn::Sub": path}
    assert [each for each in statements(resources, role) if any("ssm:" in action for action in actions(each))] == [
        granted[0]
    ]


def test_all_contact_types_may_be_ignored_only_with_a_contact_configuration(template: dict[str, Any]) -> None:
    [assertion] = template["Rules"]["AtLeastOneContactType"]["Assertions"]
    managed, configured = assertion["Assert"]["Fn::Or"]
    assert configured == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ContactsPath"}, "none"]}]}
    [ignored] = [each["Fn::And"] for each in managed["Fn::Not"]]
    assert ignored == [{"Fn::Equals": [{"Ref": f"{each.title()}Policy"}, "ignore"]} for each in ContactType]


def test_a_contact_type_is_managed_if_the_stack_or_a_contact_set_may_set_it(template: dict[str, Any]) -> None:
    for contact_type in ContactType:
        condition = template["Conditions"][f"Manages{contact_type.title()}"]
        managed = {"Fn::Not": [{"Fn::Equals": [{"Ref": f"{contact_type.title()}Policy"}, "ignore"]}]}
        assert condition == {"Fn::Or": [managed, {"Condition": "HasContactsPath"}]}


def test_mode_report_denies_every_change(template: dict[str, Any], resources: Resources) -> None:
    """Whatever else is attached to the roles: a Deny is stronger than any Allow."""
    assert template["Conditions"]["Enforces"] == {"Fn::Equals": [{"Ref": "Mode"}, "enforce"]}
    effects = {
        mode: {
            action: statement["Effect"]
            for role in ROLES
            for statement in statements(resources, role, ALL_CONDITIONS | {"Enforces": mode == "enforce"})
            for action in actions(statement)
        }
        for mode in ("enforce", "report")
    }
    changes = {"account:PutAlternateContact", "organizations:EnableAWSServiceAccess"}
    assert {action for action, effect in effects["report"].items() if effect == "Deny"} == changes
    assert set(effects["enforce"].values()) == {"Allow"}


def test_trusted_access_may_be_enabled_for_account_management_only(resources: Resources) -> None:
    [enable] = [
        each
        for each in statements(resources, "BackfillRole")
        if "organizations:EnableAWSServiceAccess" in actions(each)
    ]
    assert enable["Condition"] == {"StringEquals": {"organizations:ServicePrincipal": SERVICE_PRINCIPAL}}


def test_only_the_schedules_of_the_stack_may_use_the_role_of_scheduler(resources: Resources) -> None:
    """A schedule group, because AWS advises against the ARN of a single schedule:

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    [trust] = resources["ScheduleRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Effect"], trust["Action"]) == ("Allow", "sts:AssumeRole")
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    group = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/default"
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}, "aws:SourceArn": {"Fn::Sub": group}}
    }
    # A schedule without GroupName is in the group default.
    assert not any("GroupName" in each for each in of_type(resources, "AWS::Scheduler::Schedule").values())


def test_a_function_s_role_is_for_lambda_only(resources: Resources) -> None:
    """Lambda sends no aws:SourceArn when it assumes the role of a function."""
    for role in ("WorkerRole", "BackfillRole"):
        [trust] = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust == {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }


def test_every_wildcard_has_its_reason_in_a_comment() -> None:
    lines = (ROOT / "template.yaml").read_text().splitlines()
    wildcards = [
        index
        for index, line in enumerate(lines)
        if re.search(r'(Resource|Principal): "?\*"?|account/o-\*|alarm:\*"', line)
    ]
    assert wildcards
    for index in wildcards:
        assert "#" in lines[index] or any("#" in line for line in lines[index - 2 : index]), lines[index]


# ---- encryption ---------------------------------------------------------------------------------------------------


def test_without_a_key_of_the_customer_aws_encrypts_and_no_role_may_use_kms(resources: Resources) -> None:
    assert not re.search("Kms", str(resolve({queue: resources[queue] for queue in QUEUES}, NO_KEY)))
    for resource in ("AlarmTopic", "WorkerLogGroup", "BackfillLogGroup"):
        assert not re.search("Kms", str(resolve(resources[resource]["Properties"], NO_KEY)))
    for role in ROLES:
        assert not [each for each in statements(resources, role, NO_KEY) if "kms:" in str(each["Action"])]


def test_the_customer_s_key_encrypts_queues_logs_and_topic_and_every_sender_and_receiver_may_use_it(
    template: dict[str, Any], resources: Resources
) -> None:
    assert template["Conditions"]["HasKmsKey"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "KmsKeyArn"}, "none"]}]}
    key = {"Ref": "KmsKeyArn"}
    for resource_type, property_name in {
        "AWS::SQS::Queue": "KmsMasterKeyId",
        "AWS::SNS::Topic": "KmsMasterKeyId",
        "AWS::Logs::LogGroup": "KmsKeyId",
    }.items():
        for name, properties in of_type(resources, resource_type).items():
            resolved = resolve(properties, ALL_CONDITIONS)
            assert resolved[property_name] == key, name
            assert "SqsManagedSseEnabled" not in resolved  # SQS takes one of the two
    assert not of_type(resources, "AWS::KMS::Key")
    assert resources["KmsKeyPolicy"]["Condition"] == "HasKmsKey"
    # Every role sends to a queue or receives from one; that of Scheduler sends what it could not deliver.
    users = {role for role in ROLES if "sqs:" in str(list(statements(resources, role)))}
    assert users == set(ROLES)
    for role in users:
        [use] = [each for each in statements(resources, role) if "kms:" in str(each["Action"])]
        assert (actions(use), use["Resource"]) == ({"kms:Decrypt", "kms:GenerateDataKey"}, key)


# ---- logs, names, tags, runtime ---------------------------------------------------------------------------------


def test_each_function_writes_to_a_log_group_with_retention(resources: Resources) -> None:
    for properties in of_type(resources, "AWS::Serverless::Function").values():
        group = resources[properties["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionInDays"}


def test_logs_outlive_the_stack_and_nothing_else_does(resources: Resources) -> None:
    kept = {name for name, each in resources.items() if "DeletionPolicy" in each or "UpdateReplacePolicy" in each}
    assert kept == set(of_type(resources, "AWS::Logs::LogGroup"))
    for name in kept:
        assert resources[name]["DeletionPolicy"] == resources[name]["UpdateReplacePolicy"] == "Retain"


def test_no_resource_has_a_name_that_would_collide_with_a_second_stack(resources: Resources) -> None:
    for logical_id, each in resources.items():
        names = r"(Queue|Function|Role|LogGroup|Schedule|Topic|Alarm|Dashboard)?Name"
        # The name of a mapping's function refers to it, and a name with that of the stack is another in each stack.
        named = {
            key
            for key, name in each["Properties"].items()
            if re.fullmatch(names, key) and "${AWS::StackName}" not in str(name)
        }
        assert named == ({"FunctionName"} if logical_id == "ChangeQueueMapping" else set()), logical_id


def test_both_functions_run_on_python_3_13_and_arm64(template: dict[str, Any]) -> None:
    function = template["Globals"]["Function"]
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])


def test_every_resource_that_can_have_tags_has_the_tag_of_the_package(
    template: dict[str, Any], resources: Resources
) -> None:
    assert template["Globals"]["Function"]["Tags"] == {"Application": "alternate-contacts"}
    for resource_type in (
        *("SQS::Queue", "IAM::Role", "Logs::LogGroup", "SNS::Topic", "CloudWatch::Alarm"),
        *("Lambda::EventSourceMapping", "Organizations::Policy"),
    ):
        for name, properties in of_type(resources, f"AWS::{resource_type}").items():
            assert properties["Tags"] == [{"Key": "Application", "Value": "alternate-contacts"}], name
