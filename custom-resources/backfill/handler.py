"""The backfill's door: CloudFormation's request in, exactly one answer out, whatever happens between."""

import os
import time
import traceback
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.utilities.data_classes import CloudFormationCustomResourceEvent
from botocore.exceptions import BotoCoreError, ClientError

from backfill import aws
from backfill.answer import Answer, Request, deliver
from backfill.figures import Figures
from backfill.run import BackfillError, run

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="backfill")

_RESERVE = 60
"""Seconds kept at the end of an invocation to tell CloudFormation."""


@logger.inject_lambda_context(log_event=False)
def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> None:
    """Answer one request of CloudFormation."""
    request = CloudFormationCustomResourceEvent(event)
    answer = _answer(request, time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _RESERVE)
    log = logger.info if answer.success else logger.error
    log(
        "answering CloudFormation",
        extra={"request": request.request_type, "success": answer.success, "why": answer.reason},
    )
    deliver(
        Request(
            stack_id=request.stack_id,
            request_id=request.request_id,
            logical_resource_id=request.logical_resource_id,
            # Stable: another id would make CloudFormation delete the one before.
            physical_resource_id=request.physical_resource_id or f"{request.stack_id}/{request.logical_resource_id}",
            response_url=request.response_url,
        ),
        answer,
    )


def _answer(request: CloudFormationCustomResourceEvent, deadline: float) -> Answer:
    if request.request_type == "Delete":
        return Answer(success=True, reason="The contacts stay as they are.", data=_data(Figures()))
    try:
        figures = run(
            aws.AwsOrganization(aws.organizations_client()),
            aws.AwsAccountQueue(aws.sqs_client(), os.environ["ACCOUNT_QUEUE_URL"]),
            delay=int(os.environ["UPDATE_DELAY"]) if request.request_type == "Update" else 0,
            deadline=deadline,
        )
    except BackfillError as error:
        return Answer(success=False, reason=str(error))
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "none")
        return Answer(
            success=False, reason=f"{error.operation_name} was refused: {code}. See the log of BackfillFunction."
        )
    except BotoCoreError as error:
        return Answer(success=False, reason=f"AWS could not be reached: {type(error).__name__}.")
    except Exception as error:  # noqa: BLE001 - CloudFormation waits for hours if nobody answers
        place = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
        logger.error("unforeseen", extra={"error": type(error).__name__, "at": place})
        return Answer(success=False, reason=f"Unforeseen {type(error).__name__}. See the log of BackfillFunction.")
    return Answer(success=True, reason=figures.summary(), data=_data(figures))


def _data(figures: Figures) -> dict[str, str]:
    """Every attribute that the template's outputs read, in every success."""
    return {
        "Summary": figures.summary(),
        "Listed": str(figures.listed),
        "Enqueued": str(figures.enqueued),
        "Skipped": str(figures.skipped.total()),
    }
