"""Clients of botocore that live for all tests, because to create one takes longer than many tests."""

from collections.abc import Callable
from typing import Any

from botocore.config import Config

from tests.fakes.wire import FakeWire


class SharedClients:
    """By service and configuration. Their event handlers are those that the session had when a client was created.

    What is not shared: the wire, and the pace, which is a handler of the client. Its users replace `pace_calls`.
    """

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str], Any] = {}
        self._attached: list[Any] = []

    def get(self, create: Callable[..., Any], wire: FakeWire, service: str, config: Config | None) -> Any:
        """Return the client. Until `detach`, the wire responds to it."""
        key = service, repr(config and sorted(vars(config).items()))
        client = self._clients.get(key) or self._clients.setdefault(key, create(service, config=config))
        if client not in self._attached:
            wire.attach(client)
            self._attached.append(client)
        return client

    def detach(self, wire: FakeWire) -> None:
        """Let the wire respond no longer."""
        while self._attached:
            wire.detach(self._attached.pop())
