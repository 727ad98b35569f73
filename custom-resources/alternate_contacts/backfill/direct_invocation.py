"""Run a backfill, or report its age, for a schedule or an operator."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from threading import Event

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.deadline import run_until
from alternate_contacts.backfill.enqueue import AccountQueue
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.invocation import BackfillInvocation, parse_invocation
from alternate_contacts.backfill.invocation_result import BackfillAgeResult, BackfillResult, backfill_result
from alternate_contacts.backfill.protocol import Trigger
from alternate_contacts.backfill.recorder import BackfillRecorder
from alternate_contacts.backfill.service import BackfillService, report_backfill_age


class DirectInvocation:
    """Invocations of the function that do not come from CloudFormation."""

    def __init__(
        self,
        get_service: Callable[[], BackfillService],
        recorder: BackfillRecorder,
        *,
        error_message: Callable[[Exception], str],
        find_last_backfill: Callable[[datetime], datetime | None],
        get_undelivered_queue: Callable[[], AccountQueue],
        new_stop: Callable[[], Event],
    ) -> None:
        """The callables may raise any error; `run` then reports it."""
        self._get_service = get_service
        self._recorder = recorder
        self._error_message = error_message
        self._find_last_backfill = find_last_backfill
        self._get_undelivered_queue = get_undelivered_queue
        self._new_stop = new_stop

    def run(self, event: Mapping[str, object], deadline: float) -> BackfillResult | BackfillAgeResult:
        """Do what ``event`` asks for, a backfill until ``deadline``; return the result for the caller.

        Raises:
            BackfillError: anything failed. The caller and UndeliveredQueue get its message.
        """
        try:
            invocation = parse_invocation(event)
            if invocation is None:
                days = report_backfill_age(self._find_last_backfill, self._recorder, datetime.now(UTC))
                return {"daysSinceBackfill": days}
            return self._backfill(invocation, deadline)
        except Exception as error:  # noqa: BLE001 - the error itself may repeat its input, and Lambda would log it
            message = self._error_message(error)
            self._recorder.backfill_failed(message)
            raise BackfillError(message) from None

    def _backfill(self, invocation: BackfillInvocation, deadline: float) -> BackfillResult:
        counts = BackfillCounts()

        def backfill(stop: Event) -> bool:
            return self._get_service().backfill_for_invocation(invocation, counts=counts, stop=stop)

        try:
            was_run = run_until(deadline, backfill, counts=counts, stop=self._new_stop())
        except Exception:
            if invocation.trigger is Trigger.RECONCILE and counts.enqueued:
                self._record_failed_reconcile()
            raise
        return backfill_result(counts, reconcile_skipped=not was_run)

    def _record_failed_reconcile(self) -> None:
        """Send the failed reconcile to UndeliveredQueue, which Lambda would not do.

        Lambda's retry finds messages of the first attempt waiting, skips the reconcile, and so succeeds.
        """
        trigger = Trigger.RECONCILE.value
        # `reason` is what the previous release reads.
        record = {"requestPayload": {"trigger": trigger, "reason": trigger}}
        try:
            self._get_undelivered_queue().send([json.dumps(record)], delay=0)
        except Exception as error:  # noqa: BLE001 - the first failure is the one to report
            self._recorder.failed_reconcile_not_recorded(error)
