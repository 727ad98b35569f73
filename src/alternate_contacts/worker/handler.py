"""Entry point of WorkerFunction: from the event of SQS to a batch, and back to the partial batch response."""

import os
import time
from typing import TYPE_CHECKING, Any

from alternate_contacts.worker.aws import RESERVE
from alternate_contacts.worker.batch import QueueRecord
from alternate_contacts.worker.factory import build_worker

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Built in Lambda's INIT phase, once per execution environment: the pacers must remember the calls of earlier batches.
_worker = build_worker(os.environ)


@_worker.telemetry.logger.inject_lambda_context(log_event=False)
def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, list[dict[str, str]]]:
    """Process one batch of AccountQueue, and return the messages that stay on the queue.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE
    records = [
        QueueRecord(
            message_id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            tries=int(record["attributes"]["ApproximateReceiveCount"]),
        )
        for record in event["Records"]
    ]
    remaining = _worker.batch.process_batch(records, deadline=deadline)
    _worker.telemetry.flush()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in remaining]}
