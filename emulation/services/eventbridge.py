"""EventBridge: permissions of deliveries, and dead-letter queues for events that cannot be delivered.

AWS (EventBridge user guide: eb-use-resource-based.html, eb-rule-dlq.html, eb-cross-region.html; EventBridge Scheduler
user guide):

* Only AWS puts events whose source begins with `aws.`.
* A rule's delivery needs the policy of the queue or function; to a bus of another region it needs the target's role. A
  schedule's delivery always needs its role. Without permission or target, or if the event is larger than the queue
  accepts, there is no retry: the event goes to the target's dead-letter queue, if that queue's policy allows it, with
  attributes that have the error.
* Functions are invoked asynchronously, with Lambda's own retries.
* An event that was forwarded to another region keeps its original region.

ministack rejects all `aws.` events, delivers without any permission, loses what cannot be delivered, invokes functions
once, and drops events for other regions. Here the root user of the management account may put `aws.` events, in place
of AWS.
"""

import json
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.iam_evaluator import EvalContext, caller_arn, evaluate_resource_policy, pin_request_origin
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge, lambda_svc, sqs

from emulation.services import iam, scheduler
from emulation.services import sqs as queues
from emulation.services.patching import Patches

patches = Patches()

Target = dict[str, Any]
Failure = tuple[str, str]

_RULES = "events.amazonaws.com"
#: The action of a delivery, by the target's service.
_DELIVERY = {"sqs": "sqs:SendMessage", "lambda": "lambda:InvokeFunction", "events": "events:PutEvents"}


@patches.around("ministack.services.eventbridge._put_events")
def put_events(original: Any, parameters: dict[str, Any], allow_aws_source: bool = False) -> Any:
    """Accept `aws.` events from the root user only."""
    return original(parameters, allow_aws_source=allow_aws_source or caller_arn().endswith(":root"))


@patches.around("ministack.services.eventbridge._invoke_target")
def invoke_target(original: Any, target: Target, event: Any, rule: dict[str, Any], view: Any = None) -> None:
    """Deliver an event to a target or, if that is not possible, to the target's dead-letter queue."""
    arn = parse_arn(target["Arn"])
    # The event may have come in a request without TLS; AWS services always use it.
    pin_request_origin("127.0.0.1", True)
    failure = _failure(arn, target, event, rule["Arn"])
    if failure:
        _send_to_dead_letter_queue(failure, target, event, rule["Arn"])
    elif arn.service == "events" and arn.region != get_region():
        with request_scope(arn.account_id, arn.region):
            eventbridge._dispatch_event({**event, "EventBusName": arn.resource.removeprefix("event-bus/")})
    else:
        original(target, event, rule, view)


@patches.around("ministack.services.eventbridge._dispatch_to_lambda")
def dispatch_to_lambda(_: Any, arn: str, body: str) -> None:
    """Invoke a function asynchronously."""
    function, configuration, _name = lambda_svc._get_func_record_for_ref(arn)
    record = lambda_svc._execution_record_for_config(function, configuration)
    lambda_svc.invoke_async_with_retry(record, json.loads(body))


def _failure(arn: Any, target: Target, event: Any, rule_arn: str) -> Failure | None:
    """Return code and message if a delivery fails. Targets that the product does not use are left to ministack."""
    if arn.service not in _DELIVERY:
        return None
    find = {"sqs": sqs._queue_by_arn, "lambda": lambda_svc.function_policy_for_arn}.get(arn.service, bool)
    if not find(str(arn)):
        return "NO_RESOURCE", "The target does not exist."
    if arn.service == "sqs" and not queues.fits(sqs._queue_by_arn(str(arn)), _envelope(event)):
        return "INVALID_PARAMETER", "The event is larger than the queue accepts."
    return None if _may_deliver(arn, target, rule_arn) else ("NO_PERMISSIONS", f"{_DELIVERY[arn.service]} is denied.")


def _may_deliver(arn: Any, target: Target, rule_arn: str) -> bool:
    role = target.get("RoleArn", "")
    if ":scheduler:" in rule_arn:
        return iam.role_may_use(
            role, scheduler.SERVICE, scheduler.group_arn(rule_arn), _DELIVERY[arn.service], str(arn)
        )
    if arn.service == "events":
        return iam.role_may(role, _RULES, rule_arn, _DELIVERY[arn.service], str(arn))
    if arn.service == "sqs":
        return bool(sqs.queue_policy_allows(str(arn), _RULES, rule_arn, get_account_id()))
    return _function_policy_allows(str(arn), rule_arn)


def _function_policy_allows(function_arn: str, rule_arn: str) -> bool:
    policy, _ = lambda_svc.function_policy_for_arn(function_arn)
    context = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=_DELIVERY["lambda"],
        resource_arn=function_arn,
        region=get_region(),
        service_context={"aws:sourcearn": rule_arn, "aws:sourceaccount": get_account_id()},
    )
    return bool(evaluate_resource_policy(policy, context, service=_RULES).decision == "Allow")


def _send_to_dead_letter_queue(failure: Failure, target: Target, event: Any, rule_arn: str) -> None:
    arn = target.get("DeadLetterConfig", {}).get("Arn")
    queue = arn and sqs._queue_by_arn(arn)
    if queue and _may_deliver(parse_arn(arn), target, rule_arn):
        code, message = failure
        attributes = {"RULE_ARN": rule_arn, "TARGET_ARN": target["Arn"], "ERROR_CODE": code, "ERROR_MESSAGE": message}
        body = str(target.get("Input", "{}")) if ":scheduler:" in rule_arn else _envelope(event)
        queues.put(queue, body, attributes)


def _envelope(event: Any) -> str:
    return json.dumps(eventbridge._pattern_event_view(event).event_with_detail())
