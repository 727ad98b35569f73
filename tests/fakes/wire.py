"""AWS as a botocore client sees it, one step before a socket: real requests, real parsing of the answers."""

import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders


@dataclass(frozen=True)
class HttpAnswer:
    """What AWS answers to one request."""

    status: int = 200
    body: Mapping[str, Any] | str = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(code: str, status: int, message: str = "no") -> HttpAnswer:
    """An error as both JSON protocols tell it."""
    return HttpAnswer(status, {"__type": code, "message": message}, {"x-amzn-ErrorType": code})


class _Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


class FakeWire:
    """Answers the clients that are attached to it, and remembers what they asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        """Operations with their parameters."""
        self._answers: dict[str, Callable[[dict[str, Any]], HttpAnswer]] = {}
        self._lock = threading.Lock()

    def attach(self, client: Any) -> None:
        """From now on the client's requests come here."""
        client.meta.events.register("before-send", self._send)

    def answer(self, operation: str, answer: HttpAnswer | Callable[[dict[str, Any]], HttpAnswer]) -> None:
        """Answer ``operation`` from now on; with a function, by its parameters."""
        self._answers[operation] = answer if callable(answer) else lambda _: answer

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of every request of ``operation``."""
        return [parameters for name, parameters in self.requests if name == operation]

    def _send(self, event_name: str, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        parameters = json.loads(str(request.body, "utf-8") if isinstance(request.body, bytes) else "{}")
        with self._lock:
            self.requests.append((operation, parameters))
        answer = self._answers[operation](parameters)
        body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        headers = HTTPHeaders()
        for name, value in answer.headers.items():
            headers[name] = value
        return AWSResponse(request.url, answer.status, headers, _Raw(body.encode()))
