"""Respond to CloudFormation: exactly one response to each request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.deadline import run_until
from alternate_contacts.backfill.response import CustomResourceRequest, CustomResourceResponse
from alternate_contacts.backfill.rollback import respond_to_failure
from alternate_contacts.backfill.service import BackfillService

if TYPE_CHECKING:
    from alternate_contacts.backfill.telemetry import BackfillTelemetry


@dataclass(frozen=True)
class CustomResource:
    """The custom resource ``Backfill`` of the template. An error of ``get_service`` is reported in the response."""

    get_service: Callable[[], BackfillService]
    telemetry: "BackfillTelemetry"
    error_message: Callable[[Exception], str]
    get_stack_status: Callable[[str], str]
    send_response: Callable[[CustomResourceRequest, CustomResourceResponse], None]
    new_stop: Callable[[], Event]

    def respond(self, event: Mapping[str, Any], deadline: float) -> None:
        """Do what the request asks for until ``deadline``, and send the response.

        Raises:
            ResponseDeliveryError: the response was not delivered; Lambda retries the invocation.
        """
        request = CustomResourceRequest.from_event(event)
        response = self._run(request, deadline)
        self.telemetry.custom_resource_response(request, response)
        self.send_response(request, response)

    def _run(self, request: CustomResourceRequest, deadline: float) -> CustomResourceResponse:
        counts = BackfillCounts()
        if request.request_type == "Delete":
            return CustomResourceResponse.succeeded("Delete leaves the alternate contacts in place.", counts)

        def backfill(stop: Event) -> str:
            return self.get_service().backfill_for_deployment(
                is_update=request.request_type == "Update",
                extends_protection=request.extends_protection,
                counts=counts,
                stop=stop,
            )

        try:
            summary = run_until(deadline, backfill, counts=counts, stop=self.new_stop())
        except Exception as error:  # noqa: BLE001 - without a response CloudFormation waits until its timeout
            return respond_to_failure(
                request,
                self.error_message(error),
                counts,
                get_stack_status=self.get_stack_status,
                telemetry=self.telemetry,
            )
        return CustomResourceResponse.succeeded(summary, counts)
