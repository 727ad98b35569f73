"""How a failed request is reported, so that the stack can be deployed again.

A failed Update of a stack that rolls back reports success. Reported as a failure, it would leave the stack in
UPDATE_ROLLBACK_FAILED, and no fix could be deployed.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.response import CustomResourceRequest, CustomResourceResponse

if TYPE_CHECKING:
    from alternate_contacts.backfill.telemetry import BackfillTelemetry

_ROLLBACK = "UPDATE_ROLLBACK_"
"""The prefix of all statuses of such a stack. The request itself does not contain the status.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""
_DELETE_FIRST = "A stack that is in ROLLBACK_COMPLETE afterwards cannot be updated: delete it before you deploy again."
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html"""


def respond_to_failure(
    request: CustomResourceRequest,
    message: str,
    counts: BackfillCounts,
    *,
    get_stack_status: Callable[[str], str],
    telemetry: "BackfillTelemetry",
) -> CustomResourceResponse:
    """Return the response to a request that failed with ``message``. An unknown stack status is no rollback."""
    if request.request_type == "Update":
        try:
            status = get_stack_status(request.stack_id)
        except Exception as error:  # noqa: BLE001 - without a response CloudFormation waits until its timeout
            telemetry.stack_status_unknown(error)
        else:
            if status.startswith(_ROLLBACK):
                reason = f"The rollback continues although its backfill failed. {message}"
                return replace(CustomResourceResponse.succeeded(message, counts), reason=reason)
    if request.request_type == "Create":
        message = f"{message} {_DELETE_FIRST}"
    return CustomResourceResponse.failed(message)
