"""What the package does in the emulation with the permissions of its policies: one function for each flow.

The first line of a docstring is what docs/permissions.md says to fail without the permission. A flow raises
`FlowError` or an error of boto3 if it fails; it takes one or two seconds.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from emulation.settings import MANAGEMENT_ACCOUNT
from tests.emulated.alarm import create_alarm
from tests.permissions.plan import PATH
from tests.permissions.stack import LEFT, FlowError, Stack

_SERVICE = "account.amazonaws.com"
_OTHER = {"Name": "Other", "Title": "Team", "EmailAddress": "other@acme.test", "PhoneNumber": "+1 206 555 0199"}
_DENIED = "AccessDeniedException"
_ATTEMPTS = 2
"""Of an asynchronous invocation of BackfillFunction: EventInvokeConfig in template.yaml."""
_FULL_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True)
class Flow:
    """A flow, and the variants of the stack that have it; none: every variant."""

    run: Callable[[Stack], None]
    variants: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.run.__name__.replace("_", " ")

    @property
    def description(self) -> str:
        return (self.run.__doc__ or "").partition("\n")[0].rstrip(".")


def _expect(actual: object, expected: object, what: str) -> None:
    if actual != expected:
        raise FlowError(f"{what}: {actual!r} instead of {expected!r}")


def _expect_denied(what: str, call: Callable[..., object], **parameters: object) -> None:
    try:
        call(**parameters)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403 or "AccessDenied" in str(error):
            return
        raise
    raise FlowError(f"{what} is not denied")


# ---- logs and event source mappings ----------------------------------------------------------------------------------


def write_the_log_of_the_worker(stack: Stack) -> None:
    """WorkerFunction writes its log."""
    since = time.time()
    stack.package.send("not json")
    stack.wait_for(lambda: stack.package.message_count("AccountQueue") == 0, "not processed")
    _expect(bool(stack.lines("Worker", since)), True, "log")


def write_the_log_of_the_backfill(stack: Stack) -> None:
    """BackfillFunction writes its log."""
    since = time.time()
    stack.package.invoke_backfill_with({"trigger": "no such trigger"})
    _expect(bool(stack.lines("Backfill", since)), True, "log")


def connect_account_queue(stack: Stack) -> None:
    """Lambda accepts the mapping of AccountQueue to WorkerFunction."""
    _enable_mapping(stack, "WorkerFunction")


def connect_change_queue(stack: Stack) -> None:
    """Lambda accepts the mapping of ChangeQueue to BackfillFunction."""
    _enable_mapping(stack, "BackfillFunction")


def _enable_mapping(stack: Stack, function: str) -> None:
    functions, name = stack.client("lambda"), stack.package.outputs[f"{function}Name"]
    [mapping] = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


# ---- the worker ------------------------------------------------------------------------------------------------------


def set_contacts_of_a_new_account(stack: Stack) -> None:
    """The event of a new account sets its contacts."""
    account, since = stack.package.new_account(), time.time()
    stack.package.emit_event(account)
    stack.wait_for_outcome(account, since)
    if stack.enforces:
        _expect(stack.package.is_compliant(account), True, "compliant")


def set_contacts_of_the_management_account(stack: Stack) -> None:
    """A message sets the contacts of the management account."""
    since = time.time()
    [message] = stack.package.send(stack.package.message_body(MANAGEMENT_ACCOUNT))
    stack.wait_for_outcome(message, since)
    if stack.enforces:
        _expect(stack.package.is_compliant(MANAGEMENT_ACCOUNT), True, "compliant")


def retry_after_a_temporary_error(stack: Stack) -> None:
    """The worker schedules a retry after a temporary error."""
    account, since = stack.package.new_account(), time.time()
    stack.emulation.set_fault(account, "InternalServerException", times=1)
    [message] = stack.package.send(stack.package.message_body(account))
    stack.wait_for_outcome(message, since, expected="retry scheduled")
    stack.wait_for_outcome(message, since, ends=("account processed", LEFT))


def keep_a_failed_message(stack: Stack) -> None:
    """FailedAccountQueue keeps a message that cannot be processed."""
    text, since = uuid4().hex, time.time()
    stack.package.send(text)
    stack.wait_for(lambda: stack.lines("Worker", since), "no log line")
    stack.expect_message("FailedAccountQueue", text)


def skip_a_suspended_account(stack: Stack) -> None:
    """The worker skips an account that is not active."""
    account, since = stack.package.new_account(), time.time()
    stack.emulation.set_state(account, "SUSPENDED")
    stack.package.send(stack.package.message_body(account))
    line = stack.wait_for_outcome(account, since, expected="account skipped")
    _expect(line["state"], "SUSPENDED", "state")


def report_that_trusted_access_is_off(stack: Stack) -> None:
    """The worker reports disabled trusted access as the failure reason."""
    account, since = stack.package.new_account(), time.time()
    stack.client("organizations").disable_aws_service_access(ServicePrincipal=_SERVICE)
    stack.package.send(stack.package.message_body(account))
    [line] = stack.wait_for(
        lambda: stack.lines("Worker", since, account_id=account, message="account failed"), "not failed"
    )
    _expect(line["reason"], "trusted_access_off", "reason")


def set_the_contact_set_of_an_account(stack: Stack) -> None:
    """The worker sets the own contact set of an account."""
    account = stack.package.new_account()
    with _target(stack, account):
        _wait_for_own_contact(stack, account)


def apply_a_change_of_the_configuration(stack: Stack) -> None:
    """A change of the contact configuration processes the accounts that it concerns."""
    account, since = stack.package.new_account(), time.time()
    with _target(stack, account):
        line = stack.wait_for_outcome(account, since)
    _expect(line["trigger"], "configuration_change", "trigger")


@contextmanager
def _target(stack: Stack, account: str) -> Iterator[None]:
    """Give an account the contact set `own` meanwhile."""
    ssm, name = stack.client("ssm"), f"{PATH}/targets/{account}"
    ssm.put_parameter(Name=name, Type="String", Value=json.dumps({"security": "own"}))
    try:
        yield
    finally:
        ssm.delete_parameter(Name=name)


def _wait_for_own_contact(stack: Stack, account: str) -> None:
    since = time.time()
    stack.package.restart_worker()
    stack.package.send(stack.package.message_body(account))
    stack.wait_for_outcome(account, since)
    name = stack.emulation.contacts().get(account, {}).get("SECURITY", {}).get("Name")
    _expect(name, "own", "name of the contact")


def read_the_ous_of_an_account(stack: Stack) -> None:
    """With an old botocore, the worker reads the OUs of an account."""
    account, organizations = stack.package.new_account(), stack.client("organizations")
    unit = organizations.create_organizational_unit(ParentId=stack.root, Name=uuid4().hex)["OrganizationalUnit"]["Id"]
    for child in (account, unit):
        _expect(
            stack.package.call_as("WorkerFunction", "organizations", "list_parents", ChildId=child), "success", child
        )


def process_a_moved_account(stack: Stack) -> None:
    """A move to another OU processes the account."""
    account, organizations = stack.package.new_account(), stack.client("organizations")
    unit = organizations.create_organizational_unit(ParentId=stack.root, Name=uuid4().hex)["OrganizationalUnit"]["Id"]
    since = time.time()
    organizations.move_account(AccountId=account, SourceParentId=stack.root, DestinationParentId=unit)
    _expect(stack.wait_for_outcome(account, since)["trigger"], "account_moved", "trigger")


# ---- the backfill ----------------------------------------------------------------------------------------------------


def backfill_every_account(stack: Stack) -> None:
    """A backfill sends a message for every account."""
    stack.package.new_account()
    _expect(stack.invoke_backfill({"trigger": "manual"})["enqueued"] > 1, True, "several accounts")


def backfill_an_organization_without_members(stack: Stack) -> None:
    """A backfill runs in an organization without member accounts."""
    stack.reset()
    _expect(stack.invoke_backfill({"trigger": "manual"})["enqueued"], 1, "messages")


def enable_trusted_access(stack: Stack) -> None:
    """A backfill enables trusted access if it is off."""
    organizations = stack.client("organizations")
    organizations.disable_aws_service_access(ServicePrincipal=_SERVICE)
    stack.invoke_backfill({"trigger": "manual"})
    services = organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
    _expect([each["ServicePrincipal"] for each in services], [_SERVICE], "trusted access")


def skip_or_run_a_reconcile(stack: Stack) -> None:
    """A reconcile finds out whether messages are waiting."""
    stack.invoke_backfill({"trigger": "reconcile"})


def report_the_backfill_age(stack: Stack) -> None:
    """The daily report finds the last backfill."""
    stack.invoke_backfill({"trigger": "report_backfill_age"})


def simulate_the_worker(stack: Stack) -> None:
    """The first deployment finds out what WorkerRole is denied."""
    stack.package.new_account()
    since = time.time()
    _send_request(stack, "Create", since, status="SUCCESS")
    _expect(stack.lines("Backfill", since, message="worker permissions unknown"), [], "unknown permissions")


def detect_a_rollback(stack: Stack) -> None:
    """A failed update finds out whether the stack rolls back."""
    stack.emulation.set_feature_set("CONSOLIDATED_BILLING")
    since = time.time()
    _send_request(stack, "Update", since, status="FAILED")
    _expect(stack.lines("Backfill", since, message="stack status unknown"), [], "unknown status")


def _send_request(stack: Stack, request_type: str, since: float, *, status: str) -> None:
    """Send a request as CloudFormation does; nothing waits for its response."""
    request = {
        "RequestType": request_type,
        "RequestId": uuid4().hex,
        "StackId": stack.package.stack()["StackId"],
        "LogicalResourceId": "Backfill",
        "PhysicalResourceId": "backfill",
        "ResponseURL": f"{stack.emulation.endpoint_url}/_ministack/cfn-response/{uuid4().hex}",
        "ResourceProperties": {},
    }
    name = stack.package.outputs["BackfillFunctionName"]
    stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps(request))
    [line] = stack.wait_for(lambda: stack.lines("Backfill", since, message="custom resource response"), "no response")
    _expect(line["status"], status, "status")


def keep_a_failed_invocation(stack: Stack) -> None:
    """UndeliveredQueue keeps a failed invocation of BackfillFunction."""
    text, since = uuid4().hex, time.time()
    stack.client("lambda").invoke(
        FunctionName=stack.package.outputs["BackfillFunctionName"],
        InvocationType="Event",
        Payload=json.dumps({"trigger": text}),
    )
    stack.wait_for(lambda: len(stack.lines("Backfill", since, message="backfill failed")) == _ATTEMPTS, "not failed")
    stack.wait_for_message("UndeliveredQueue", text, within=2)


# ---- schedules -------------------------------------------------------------------------------------------------------


def run_a_schedule(stack: Stack) -> None:
    """EventBridge Scheduler invokes BackfillFunction."""
    since = time.time()
    stack.schedule_now(stack.schedule_target("ReconcileSchedule"))

    def is_invoked() -> bool:
        if stack.messages("UndeliveredQueue"):
            raise FlowError("on UndeliveredQueue")
        skipped = stack.lines("Backfill", since, message="reconcile skipped")
        return bool(skipped or stack.lines("Backfill", since, trigger="reconcile"))

    stack.wait_for(is_invoked, "no reconcile")


def keep_an_undelivered_schedule(stack: Stack) -> None:
    """UndeliveredQueue keeps what EventBridge Scheduler could not deliver."""
    target, text = stack.schedule_target("ReconcileSchedule"), uuid4().hex
    missing = f"arn:aws:lambda:us-east-1:{MANAGEMENT_ACCOUNT}:function:missing"
    name = stack.schedule_now({**target, "Arn": missing, "Input": json.dumps({"trigger": text})})
    stack.wait_for(lambda: not stack.has_schedule(name), "not run")
    stack.expect_message("UndeliveredQueue", text)


def refuse_a_schedule_of_another_group(stack: Stack) -> None:
    """A schedule of another group may not use the role of EventBridge Scheduler."""
    scheduler, group = stack.client("scheduler"), f"test-{uuid4().hex}"
    scheduler.create_schedule_group(Name=group)
    try:
        stack.schedule_now(stack.schedule_target("ReconcileSchedule"), group)
    except scheduler.exceptions.ValidationException:
        return
    raise FlowError("accepted")


# ---- queues and topic ------------------------------------------------------------------------------------------------


def keep_an_undelivered_event(stack: Stack) -> None:
    """UndeliveredQueue keeps the event of a new account that EventBridge could not deliver."""
    account = stack.package.new_account()
    with stack.closed("AccountQueue"):
        stack.package.emit_event(account)
        stack.expect_message("UndeliveredQueue", account)


def keep_an_undelivered_move(stack: Stack) -> None:
    """UndeliveredQueue keeps the event of a moved account that EventBridge could not deliver."""
    account, organizations = stack.package.new_account(), stack.client("organizations")
    unit = organizations.create_organizational_unit(ParentId=stack.root, Name=uuid4().hex)["OrganizationalUnit"]["Id"]
    with stack.closed("AccountQueue"):
        organizations.move_account(AccountId=account, SourceParentId=stack.root, DestinationParentId=unit)
        stack.expect_message("UndeliveredQueue", account)


def keep_an_undelivered_change(stack: Stack) -> None:
    """UndeliveredQueue keeps a change of the configuration that EventBridge could not deliver."""
    account = stack.package.new_account()
    with stack.closed("ChangeQueue"), _target(stack, account):
        stack.expect_message("UndeliveredQueue", account)


def refuse_events_of_another_rule(stack: Stack) -> None:
    """A rule outside the stack may not send to a queue of the stack."""
    events = stack.client("events")
    queues = [each for each in ("AccountQueue", "UndeliveredQueue", "ChangeQueue") if stack.has(each)]
    with stack.queue("events.amazonaws.com") as (url, arn):
        for queue in queues:
            rule, source = f"test-{uuid4().hex}", f"acme.{queue}"
            events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
            queue_arn = f"arn:aws:sqs:us-east-1:{MANAGEMENT_ACCOUNT}:{stack.physical_id(queue).rpartition('/')[2]}"
            target = {"Id": "queue", "Arn": queue_arn, "DeadLetterConfig": {"Arn": arn}}
            events.put_targets(Rule=rule, Targets=[target])
            events.put_events(Entries=[{"Source": source, "DetailType": "test", "Detail": "{}"}])
            try:
                _expect(any(source in body for body in stack.bodies(url)), True, f"not delivered to {queue}")
            finally:
                events.remove_targets(Rule=rule, Ids=["queue"])
                events.delete_rule(Name=rule)


def refuse_requests_without_tls(stack: Stack) -> None:
    """A request without TLS is denied."""
    sqs = stack.emulation.client("sqs", secure=False)
    for queue in ("AccountQueue", "FailedAccountQueue", "UndeliveredQueue", "ChangeQueue"):
        if stack.has(queue):
            url = stack.physical_id(queue)
            _expect_denied(queue, sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["All"])
            _expect_denied(queue, sqs.send_message, QueueUrl=url, MessageBody="x")
    topic, sns = stack.package.outputs["AlarmTopicArn"], stack.emulation.client("sns", secure=False)
    _expect_denied("AlarmTopic", sns.publish, TopicArn=topic, Message="x")


def use_the_queues_with_tls(stack: Stack) -> None:
    """An operator reads the queues."""
    for queue in ("AccountQueue", "FailedAccountQueue", "UndeliveredQueue", "ChangeQueue"):
        if stack.has(queue):
            stack.client("sqs").get_queue_attributes(QueueUrl=stack.physical_id(queue), AttributeNames=["All"])


def publish_with_tls(stack: Stack) -> None:
    """An operator publishes to AlarmTopic."""
    stack.client("sns").publish(TopicArn=stack.package.outputs["AlarmTopicArn"], Message="test")


def notify_of_an_alarm(stack: Stack) -> None:
    """An alarm notifies the subscribers of AlarmTopic."""
    with _subscriber(stack) as bodies:
        alarm = stack.physical_id("WorkerErrorsAlarm")
        _change_state(stack.client("cloudwatch"), alarm)
        # CloudWatch notifies before SetAlarmState returns.
        _expect(any(alarm in body for body in bodies()), True, "notified")


def refuse_alarms_of_another_account(stack: Stack) -> None:
    """An alarm of another account may not notify the subscribers of AlarmTopic."""
    account = stack.package.new_account()
    with _subscriber(stack) as bodies:
        cloudwatch, alarm = stack.emulation.client("cloudwatch", account=account), f"test-{uuid4().hex}"
        create_alarm(cloudwatch, alarm, stack.package.outputs["AlarmTopicArn"])
        _change_state(cloudwatch, alarm)
        _expect(any(alarm in body for body in bodies()), False, "notified")


def _change_state(cloudwatch: Any, alarm: str) -> None:
    for state in ("OK", "ALARM"):
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="test")


@contextmanager
def _subscriber(stack: Stack) -> Iterator[Callable[[], list[str]]]:
    """Subscribe a queue to AlarmTopic meanwhile; give a function that returns the bodies of its messages."""
    topic, sns = stack.package.outputs["AlarmTopicArn"], stack.client("sns")
    with stack.queue("sns.amazonaws.com") as (url, arn):
        subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
        try:
            yield lambda: stack.bodies(url)
        finally:
            sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])


# ---- what is refused -------------------------------------------------------------------------------------------------


def refuse_trusted_access_for_another_service(stack: Stack) -> None:
    """BackfillRole may not enable trusted access for another service."""
    service = "config.amazonaws.com"
    result = stack.package.call_as(
        "BackfillFunction", "organizations", "enable_aws_service_access", ServicePrincipal=service
    )
    _expect(result, _DENIED, service)


def refuse_an_ignored_contact_type(stack: Stack) -> None:
    """The roles may not read or set a contact type with the policy ignore."""
    account = {"AccountId": stack.package.new_account()}
    for function, contact_type in (("Worker", "BILLING"), ("Backfill", "BILLING"), ("Backfill", "SECURITY")):
        result = stack.package.call_as(
            f"{function}Function", "account", "get_alternate_contact", AlternateContactType=contact_type, **account
        )
        _expect(result, _DENIED, f"{function} reads {contact_type}")
    result = stack.package.call_as(
        "WorkerFunction", "account", "put_alternate_contact", AlternateContactType="BILLING", **account, **_OTHER
    )
    _expect(result, _DENIED, "Worker sets BILLING")


def refuse_another_contact_type(stack: Stack) -> None:
    """BackfillRole may read no other contact type than the one of its check."""
    result = stack.package.call_as(
        "BackfillFunction", "account", "get_alternate_contact", AlternateContactType="SECURITY"
    )
    _expect(result, _DENIED, "SECURITY")


def change_nothing_in_mode_report(stack: Stack) -> None:
    """In mode report, the roles may change nothing, whatever else is attached to them."""
    account, iam = stack.package.new_account(), stack.client("iam")
    roles = [stack.role(f"{function}Function").rpartition("/")[2] for function in ("Worker", "Backfill")]
    for role in roles:
        iam.attach_role_policy(RoleName=role, PolicyArn=_FULL_ACCESS)
    try:
        for contact_type in ("OPERATIONS", "SECURITY"):
            for target in ({"AccountId": account}, {}):
                result = stack.package.call_as(
                    "WorkerFunction",
                    "account",
                    "put_alternate_contact",
                    AlternateContactType=contact_type,
                    **target,
                    **_OTHER,
                )
                _expect(result, _DENIED, f"put {contact_type} {target}")
        stack.client("organizations").disable_aws_service_access(ServicePrincipal=_SERVICE)
        enabled = stack.package.call_as(
            "BackfillFunction", "organizations", "enable_aws_service_access", ServicePrincipal=_SERVICE
        )
        _expect(enabled, _DENIED, "trusted access")
    finally:
        for role in roles:
            iam.detach_role_policy(RoleName=role, PolicyArn=_FULL_ACCESS)


def protect_the_contacts_of_members(stack: Stack) -> None:
    """Member accounts may not change or delete the contacts that the stack overwrites."""
    account, other = stack.emulation.create_accounts(2)
    organizations = stack.client("organizations")
    organizations.register_delegated_administrator(AccountId=account, ServicePrincipal=_SERVICE)
    api = stack.emulation.client("account", account=account)
    targets: tuple[Mapping[str, str], ...] = ({}, {"AccountId": other})
    for contact_type in ("OPERATIONS", "SECURITY"):
        for target in targets:
            contact = {"AlternateContactType": contact_type, **target}
            _expect_denied(f"{contact} is set", api.put_alternate_contact, **contact, **_OTHER)
            _expect_denied(f"{contact} is deleted", api.delete_alternate_contact, **contact)


def leave_other_contacts_to_members(stack: Stack) -> None:
    """Member accounts may change a contact that the stack does not overwrite."""
    api = stack.emulation.client("account", account=stack.package.new_account())
    api.put_alternate_contact(AlternateContactType="BILLING", **_OTHER)


_EVERY = ("every feature",)
_IGNORED = ("BILLING ignored", "mode report")
_ENFORCE = ("every feature", "BILLING ignored")

FLOWS = (
    Flow(use_the_queues_with_tls),
    Flow(publish_with_tls),
    Flow(refuse_requests_without_tls),
    Flow(connect_account_queue),
    Flow(connect_change_queue, _EVERY),
    Flow(write_the_log_of_the_worker),
    Flow(write_the_log_of_the_backfill),
    Flow(set_contacts_of_a_new_account),
    Flow(set_contacts_of_the_management_account),
    Flow(skip_a_suspended_account, _ENFORCE),
    Flow(retry_after_a_temporary_error),
    Flow(keep_a_failed_message),
    Flow(report_that_trusted_access_is_off),
    Flow(set_the_contact_set_of_an_account, _EVERY),
    Flow(read_the_ous_of_an_account, _EVERY),
    Flow(process_a_moved_account, _EVERY),
    Flow(report_the_backfill_age),
    Flow(skip_or_run_a_reconcile),
    Flow(backfill_every_account),
    Flow(backfill_an_organization_without_members),
    Flow(enable_trusted_access, _ENFORCE),
    Flow(simulate_the_worker),
    Flow(detect_a_rollback),
    Flow(apply_a_change_of_the_configuration, _EVERY),
    Flow(keep_a_failed_invocation),
    Flow(run_a_schedule),
    Flow(keep_an_undelivered_schedule),
    Flow(refuse_a_schedule_of_another_group),
    Flow(keep_an_undelivered_event),
    Flow(keep_an_undelivered_move, _EVERY),
    Flow(keep_an_undelivered_change, _EVERY),
    Flow(refuse_events_of_another_rule),
    Flow(notify_of_an_alarm),
    Flow(refuse_alarms_of_another_account),
    Flow(refuse_trusted_access_for_another_service, _ENFORCE),
    Flow(refuse_another_contact_type),
    Flow(refuse_an_ignored_contact_type, _IGNORED),
    Flow(change_nothing_in_mode_report, ("mode report",)),
    Flow(protect_the_contacts_of_members, _EVERY),
    Flow(leave_other_contacts_to_members, _EVERY),
)
