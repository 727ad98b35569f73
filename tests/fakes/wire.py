"""AWS as a botocore client sees it, without a socket: botocore writes real requests and parses real responses."""

import io
import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders


@dataclass(frozen=True)
class HttpResponse:
    """The response of AWS to one request."""

    status: int = 200
    body: Mapping[str, Any] | str = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def error_response(code: str, status: int, message: str = "no") -> HttpResponse:
    """Return an error response in the form of both JSON protocols."""
    return HttpResponse(status, {"__type": code, "message": message}, {"x-amzn-ErrorType": code})


class _Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


class FakeWire:
    """Responds to the clients that are attached to it, and keeps their requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        """The operation and the parameters of each."""
        self._responses: dict[str, Callable[[dict[str, Any]], HttpResponse]] = {}
        self._lock = threading.Lock()

    def attach(self, client: Any) -> None:
        """Respond to the client's requests from now on."""
        client.meta.events.register("before-send", self._send)

    def detach(self, client: Any) -> None:
        """Respond to the client's requests no longer."""
        client.meta.events.unregister("before-send", self._send)

    def attached_to(self, session: boto3.Session) -> AbstractContextManager[None]:
        """Respond to every client that ``session`` creates within the context."""
        return responding(session, self._send)

    def respond(self, operation: str, response: HttpResponse | Callable[[dict[str, Any]], HttpResponse]) -> None:
        """Set the response to ``operation``: a fixed one, or what a function of the parameters returns."""
        self._responses[operation] = response if callable(response) else lambda _: response

    def requests_of(self, operation: str) -> list[dict[str, Any]]:
        """Return the parameters of every request of ``operation``."""
        return [parameters for name, parameters in self.requests if name == operation]

    def _send(self, event_name: str, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        operation, parameters = parse_request(event_name, request)
        with self._lock:
            self.requests.append((operation, parameters))
        return to_botocore(request, self._responses[operation](parameters))


@contextmanager
def responding(session: boto3.Session, send: Callable[..., AWSResponse]) -> Iterator[None]:
    """Let ``send`` respond to every client that ``session`` creates within the context."""
    events: Any = session.events
    events.register("before-send", send)
    try:
        yield
    finally:
        events.unregister("before-send", send)


def parse_request(event_name: str, request: AWSPreparedRequest) -> tuple[str, dict[str, Any]]:
    """Return operation and parameters of a request that a handler of ``before-send`` gets."""
    text = str(request.body, "utf-8") if isinstance(request.body, bytes) else "{}"
    # SNS has the query protocol, the others JSON.
    parameters = json.loads(text) if text.startswith("{") else dict(urllib.parse.parse_qsl(text))
    return event_name.rpartition(".")[2], parameters


def to_botocore(request: AWSPreparedRequest, response: HttpResponse) -> AWSResponse:
    """Return the response in the form that a handler of ``before-send`` returns."""
    body = response.body if isinstance(response.body, str) else json.dumps(response.body)
    headers = HTTPHeaders()
    for name, value in response.headers.items():
        headers[name] = value
    return AWSResponse(request.url, response.status, headers, _Raw(body.encode()))
