"""EventBridge Scheduler: the role of a schedule.

AWS (EventBridge Scheduler user guide: setting-up.html, cross-service-confused-deputy-prevention.html): CreateSchedule
and UpdateSchedule check that Scheduler may assume the role. There and at each delivery `aws:SourceArn` is the ARN of
the schedule's group, not of the schedule. ministack does not check the role, and looks for due schedules only every ten
seconds. It keeps the last invocation of a deleted schedule, so that a new one-time schedule with the same name never
invokes its target. Deliveries are in `eventbridge`.
"""

from typing import Any

from ministack.services import scheduler

from emulation.services import iam
from emulation.services.patching import Patches

patches = Patches()
patches.value("ministack.services.scheduler._SCHEDULE_TICK_INTERVAL", 1)

SERVICE = "scheduler.amazonaws.com"
_CANNOT_ASSUME = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."


def group_arn(schedule_arn: str) -> str:
    """Return the ARN of a schedule's group."""
    prefix, _, path = schedule_arn.partition(":schedule/")
    return f"{prefix}:schedule-group/{path.partition('/')[0]}"


@patches.around("ministack.services.scheduler._create_schedule")
def create_schedule(original: Any, name: str, parameters: dict[str, Any]) -> Any:
    """Create a schedule, after ministack has forgotten the last invocation of a deleted schedule with its name."""
    key = f"{parameters.get('GroupName', 'default')}/{name}"
    if key not in scheduler._schedules:
        scheduler._schedule_last_fired.pop(scheduler._schedules._scoped(key), None)
    return original(name, parameters)


@patches.around("ministack.services.scheduler._create_schedule")
@patches.around("ministack.services.scheduler._update_schedule")
def put_schedule(original: Any, name: str, parameters: dict[str, Any]) -> Any:
    """Check the role of a schedule, then create or update it."""
    violation = _violation(parameters)
    return scheduler._error(400, "ValidationException", violation) if violation else original(name, parameters)


def check_resource(resource_type: str, properties: dict[str, Any]) -> None:
    """Check a schedule of CloudFormation, which ignores the response of `put_schedule`.

    Raises:
        ValueError: Scheduler may not assume the role.
    """
    violation = _violation(properties) if resource_type == "AWS::Scheduler::Schedule" else None
    if violation:
        raise ValueError(f'Resource handler returned message: "{violation}" (HandlerErrorCode: InvalidRequest)')


def _violation(schedule: dict[str, Any]) -> str | None:
    role = schedule.get("Target", {}).get("RoleArn", "")
    group = scheduler._group_arn(schedule.get("GroupName", "default"))
    return None if iam.may_assume(role, SERVICE, group) else _CANNOT_ASSUME
