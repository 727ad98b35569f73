"""What the backfill reports to its logs and metrics."""

from typing import Protocol

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.backfill.response import CustomResourceRequest, CustomResourceResponse


class BackfillRecorder(Protocol):
    """One method per event. `BackfillTelemetry` names the log lines and metrics."""

    def backfill_completed(self, trigger: Trigger, mode: Mode, counts: BackfillCounts, *, stack_mode: bool) -> None:
        """Every message is sent. Without ``stack_mode`` it is no reconcile: the stack enforces, the run reports."""

    def reconcile_skipped(self, messages_waiting: int) -> None:
        """The quota is left to the messages of an earlier run."""

    def days_since_backfill(self, days: float) -> None:
        """The alarm on an overdue reconcile reads it."""

    def backfill_failed(self, failure: str) -> None: ...

    def failed_reconcile_not_recorded(self, error: Exception) -> None: ...

    def custom_resource_response(self, request: CustomResourceRequest, response: CustomResourceResponse) -> None: ...

    def stack_status_unknown(self, error: Exception) -> None: ...

    def unexpected_error(self, error: Exception) -> None: ...
