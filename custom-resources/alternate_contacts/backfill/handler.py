"""Entry point of BackfillFunction. No other module of the backfill has effects on import."""

import os
from typing import TYPE_CHECKING, Any

from alternate_contacts.backfill.deadline import deadline_after
from alternate_contacts.backfill.factory import build_function
from alternate_contacts.backfill.invocation_result import BackfillAgeResult, BackfillResult

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Built in Lambda's INIT phase, once per execution environment.
_function = build_function(os.environ)


@_function.telemetry.logger.inject_lambda_context(log_event=False)
def lambda_handler(event: Any, context: "LambdaContext") -> BackfillResult | BackfillAgeResult | None:
    """Respond to CloudFormation, or run what the schedule, the operator or ChangeQueue asks for."""
    deadline = deadline_after(context.get_remaining_time_in_millis())
    if isinstance(event, dict) and "RequestType" in event:
        _function.custom_resource.respond(event, deadline)
        return None
    return _function.direct_invocation.run(event, deadline)
