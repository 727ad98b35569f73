"""Run a backfill, or report its age, for a schedule, an operator or ChangeQueue."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.deadline import run_until
from alternate_contacts.backfill.enqueue import AccountQueue
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.invocation import BackfillInvocation, parse_invocation
from alternate_contacts.backfill.invocation_result import BackfillAgeResult, BackfillResult, backfill_result
from alternate_contacts.backfill.protocol import Trigger
from alternate_contacts.backfill.service import BackfillService, report_backfill_age

if TYPE_CHECKING:
    from alternate_contacts.backfill.telemetry import BackfillTelemetry


@dataclass(frozen=True)
class DirectInvocation:
    """Invocations that do not come from CloudFormation. The callables may raise any error: `run` reports it."""

    get_service: Callable[[], BackfillService]
    telemetry: "BackfillTelemetry"
    error_message: Callable[[Exception], str]
    find_last_backfill: Callable[[datetime, datetime], datetime | None]
    get_undelivered_queue: Callable[[], AccountQueue]
    new_stop: Callable[[], Event]

    def run(self, event: object, deadline: float) -> BackfillResult | BackfillAgeResult:
        """Do what ``event`` asks for, a backfill until ``deadline``; return the result for the caller.

        Raises:
            BackfillError: anything failed. The caller and UndeliveredQueue get its message; ChangeQueue keeps its own.
        """
        counts, invocation = BackfillCounts(), None
        try:
            invocation = parse_invocation(event)
            if invocation is None:
                days = report_backfill_age(self.find_last_backfill, self.telemetry, datetime.now(UTC))
                return {"daysSinceBackfill": days}
            backfill = partial(self._backfill, invocation, counts)
            was_run = run_until(deadline, backfill, counts=counts, stop=self.new_stop())
            return backfill_result(counts, reconcile_skipped=not was_run)
        except Exception as error:  # noqa: BLE001 - the error itself may repeat its input, and Lambda would log it
            message = self.error_message(error)
            self.telemetry.backfill_failed(message)
            if invocation and invocation.trigger is Trigger.RECONCILE and counts.enqueued:
                self._record_failed_reconcile()
            raise BackfillError(message) from None

    def _backfill(self, invocation: BackfillInvocation, counts: BackfillCounts, stop: Event) -> bool:
        return self.get_service().backfill_for_invocation(invocation, counts=counts, stop=stop)

    def _record_failed_reconcile(self) -> None:
        """Send the failed reconcile to UndeliveredQueue, which Lambda would not do.

        Lambda's retry finds messages of the first attempt waiting, skips the reconcile, and so succeeds.
        """
        trigger = Trigger.RECONCILE.value
        # `reason` is what the previous release reads.
        record = {"requestPayload": {"trigger": trigger, "reason": trigger}}
        try:
            rejected = self.get_undelivered_queue().send([json.dumps(record)], delay=0)
            if rejected:
                raise BackfillError(f"SendMessageBatch failed: {rejected[0]}")
        except Exception as error:  # noqa: BLE001 - the first failure is the one to report
            self.telemetry.failed_reconcile_not_recorded(error)
