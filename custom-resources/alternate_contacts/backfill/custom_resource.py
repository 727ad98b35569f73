"""Respond to CloudFormation: exactly one response to each request."""

from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.deadline import run_until
from alternate_contacts.backfill.recorder import BackfillRecorder
from alternate_contacts.backfill.response import CustomResourceRequest, CustomResourceResponse
from alternate_contacts.backfill.rollback import respond_to_failure
from alternate_contacts.backfill.service import BackfillService


class CustomResource:
    """The custom resource ``Backfill`` of the template."""

    def __init__(
        self,
        get_service: Callable[[], BackfillService],
        recorder: BackfillRecorder,
        *,
        error_message: Callable[[Exception], str],
        get_stack_status: Callable[[str], str],
        send_response: Callable[[CustomResourceRequest, CustomResourceResponse], None],
        new_stop: Callable[[], Event],
    ) -> None:
        """``get_service`` may raise any error; the response then reports it."""
        self._get_service = get_service
        self._recorder = recorder
        self._error_message = error_message
        self._get_stack_status = get_stack_status
        self._send_response = send_response
        self._new_stop = new_stop

    def respond(self, event: Mapping[str, Any], deadline: float) -> None:
        """Do what the request asks for until ``deadline``, and send the response.

        Raises:
            ResponseDeliveryError: the response was not delivered; Lambda retries the invocation.
        """
        request = CustomResourceRequest.from_event(event)
        response = self._run(request, deadline)
        self._recorder.custom_resource_response(request, response)
        self._send_response(request, response)

    def _run(self, request: CustomResourceRequest, deadline: float) -> CustomResourceResponse:
        counts = BackfillCounts()
        if request.request_type == "Delete":
            return CustomResourceResponse.succeeded("Delete leaves the alternate contacts in place.", counts)

        def backfill(stop: Event) -> str:
            is_update = request.request_type == "Update"
            return self._get_service().backfill_for_deployment(is_update=is_update, counts=counts, stop=stop)

        try:
            summary = run_until(deadline, backfill, counts=counts, stop=self._new_stop())
        except Exception as error:  # noqa: BLE001 - without a response CloudFormation waits until its timeout
            return respond_to_failure(
                request,
                self._error_message(error),
                counts,
                get_stack_status=self._get_stack_status,
                recorder=self._recorder,
            )
        return CustomResourceResponse.succeeded(summary, counts)
