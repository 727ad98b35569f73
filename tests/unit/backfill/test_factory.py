"""Clients open in the INIT phase. If that fails, each invocation reports it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alternate_contacts.backfill import aws
from alternate_contacts.backfill.deadline import deadline_after
from alternate_contacts.backfill.errors import BackfillError
from tests.fakes.cloudformation import custom_resource_event
from tests.fakes.wire import error_response
from tests.unit.backfill.conftest import DeployedFunction

pytestmark = pytest.mark.usefixtures("logs_to_stdout")


def test_the_init_phase_opens_the_clients_of_a_backfill_once(function: DeployedFunction) -> None:
    built = function.build()
    assert function.opened == ["organizations", "account", "sqs"]
    assert function.wire.requests == []
    for _ in range(2):
        built.direct_invocation.run({"trigger": "reconcile"}, deadline_after(900_000))
    assert len(function.opened) == 3


def test_the_other_clients_open_when_they_are_needed(function: DeployedFunction) -> None:
    function.wire.respond("ListAccounts", error_response("AccessDeniedException", 400))
    function.request("Update")
    assert function.opened[3:] == ["cloudformation"]


def test_the_backfill_age_comes_from_cloudwatch(function: DeployedFunction, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)

    def find_last_backfill(client: Any, since: datetime, until: datetime) -> datetime:
        assert client.meta.service_model.service_name == "cloudwatch"
        assert now - since > timedelta(days=61)
        assert until >= now
        return now - timedelta(hours=36)

    monkeypatch.setattr(aws, "find_last_backfill", find_last_backfill)
    assert function.invoke(trigger="report_backfill_age") == {"daysSinceBackfill": 1.5}


def test_the_logger_of_the_handler_is_that_of_the_function(function: DeployedFunction) -> None:
    assert function.build().telemetry.logger.service == "backfill"


@pytest.mark.parametrize(
    ("variable", "value"), [("ACCOUNT_QUEUE_URL", None), ("MODE", "secret"), ("UPDATE_DELAY", "secret")]
)
@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_invalid_settings_get_one_response_that_names_the_variable(
    function: DeployedFunction, variable: str, value: str | None, request_type: str
) -> None:
    del function.environment[variable]
    function.environment |= {variable: value} if value else {}
    response = function.request(request_type)
    assert response["Status"] == "FAILED"
    assert variable in response["Reason"]
    assert "secret" not in response["Reason"]


def test_invalid_settings_fail_an_invocation(function: DeployedFunction) -> None:
    function.environment.clear()
    with pytest.raises(BackfillError, match="environment variable"):
        function.invoke(trigger="manual")


def test_an_error_of_the_init_phase_does_not_last(function: DeployedFunction) -> None:
    function.client_errors["sqs"] = [MemoryError(), RuntimeError()]
    built = function.build()
    function.client_errors.clear()
    built.custom_resource.respond(custom_resource_event("Create"), deadline_after(900_000))
    assert [response["Status"] for response in function.response_url.responses()] == ["SUCCESS"]


@pytest.mark.parametrize(("managed", "read"), [("BILLING,SECURITY", "BILLING"), ("OPERATIONS", "OPERATIONS")])
def test_the_check_reads_the_first_managed_contact_type(function: DeployedFunction, managed: str, read: str) -> None:
    function.environment["MANAGED_CONTACT_TYPES"] = managed
    function.request("Create")
    assert {request["AlternateContactType"] for request in function.wire.requests_of("GetAlternateContact")} == {read}
