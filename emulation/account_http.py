"""The strict account API on a port of this machine, for an unmodified SDK: ``endpoint_url`` is all it needs.

The protocol is rest-json: a POST to the operation's path with its parameters as a JSON body, answered by JSON and, if
it failed, the error's code in the header ``x-amzn-errortype`` (botocore service model ``account`` 2021-02-01). Nobody
looks at signatures: every call comes from the one account that the server was started for. Two more paths are for
whoever watches: ``GET /counts``, and ``GET /contacts``: how many are set, and how many accounts have all three.

As a program it serves an organization of its own, for benchmarks: ``python -m emulation.account_http --help``.
"""

import argparse
import json
import random
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from socket import SHUT_RDWR, socket
from typing import Any

from emulation.account_api import CONTACT_TYPES, QUOTAS, REQUIRED, AccountApi, Answer

MANAGEMENT_ACCOUNT = "000000000000"

_OPERATIONS = {f"/{name[0].lower()}{name[1:]}": name for name in REQUIRED}
_SHUTDOWN_POLL = 0.02
"""Seconds until the accepting thread sees that it should stop."""


@contextmanager
def serve(
    api: AccountApi, *, caller: str = MANAGEMENT_ACCOUNT, port: int = 0, transit: Callable[[], float] = lambda: 0.0
) -> Iterator[str]:
    """Answer calls on 127.0.0.1 until the context ends, with all connections closed and all threads gone.

    Args:
        api: the rules.
        caller: 12-digit id of the account that all calls come from.
        port: 0 takes a free one.
        transit: draws the seconds that a call is on its way before the rules see it; calls overtake each other there.

    Yields:
        The endpoint's URL.
    """
    with _Server(api, caller, port, transit) as server:
        accepting = threading.Thread(target=server.serve_forever, args=(_SHUTDOWN_POLL,), name="account-http")
        accepting.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            accepting.join()


class _Handler(BaseHTTPRequestHandler):
    """One connection, which lives until the client or the server ends it."""

    server: "_Server"
    protocol_version = "HTTP/1.1"
    # Header and body leave as one segment and at once; otherwise each answer waits 40 ms for a delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            parameters = json.loads(body or b"{}")
        except ValueError:
            parameters = None
        if not isinstance(parameters, dict):
            self._send(400, {"message": "The body is not a JSON object"}, "SerializationException")
            return
        self.server.stopping.wait(self.server.transit())
        operation = _OPERATIONS.get(self.path, self.path)
        self._deliver(self.server.api.answer(operation, parameters, self.server.caller))

    def do_GET(self) -> None:
        if self.path == "/counts":
            self._send(200, self.server.api.counts)
        elif self.path == "/contacts":
            contacts = self.server.api.contacts().values()
            complete = sum(len(each) == len(CONTACT_TYPES) for each in contacts)
            self._send(200, {"contacts": sum(map(len, contacts)), "accounts": complete})
        else:
            self._send(404, {"message": "No such path"})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Log nothing: a line for each of some thousand calls tells nobody anything."""

    def _deliver(self, answer: Answer) -> None:
        if (answer.latency > 0 and self.server.stopping.wait(answer.latency)) or answer.dropped:
            self.close_connection = True
        elif answer.error is None:
            self._send(answer.status, answer.body)
        else:
            self._send(answer.status, {"__type": answer.error, **answer.body}, answer.error)

    def _send(self, status: int, body: object, error: str | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if error is not None:
            self.send_header("x-amzn-errortype", error)
        self.end_headers()
        self.wfile.write(content)


class _Server(socketserver.ThreadingTCPServer):
    """A thread for each connection. Not ``http.server``'s own, which looks up a host name before it serves."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, api: AccountApi, caller: str, port: int, transit: Callable[[], float]) -> None:
        self.api = api
        self.caller = caller
        self.transit = transit
        self.stopping = threading.Event()
        self._connections: set[socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """End what is still going on: SDKs keep their connections open, and a thread waits at each."""
        self.stopping.set()
        for connection in tuple(self._connections):
            with suppress(OSError):  # ended by itself meanwhile
                connection.shutdown(SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is its own business; anything else is a bug and shows its traceback."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _ActiveOrganization:
    """A management account and ``members`` accounts, 100000000000 and up, all active and open to the service."""

    management_account_id = MANAGEMENT_ACCOUNT

    def __init__(self, members: int) -> None:
        self._accounts = {MANAGEMENT_ACCOUNT, *(str(100_000_000_000 + number) for number in range(members))}

    def account_state(self, account_id: str) -> str | None:
        return "ACTIVE" if account_id in self._accounts else None

    def trusted_access(self) -> bool:
        return True


def main() -> None:
    """Print the endpoint's URL as the first line, and serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m emulation.account_http", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--accounts", type=int, default=0, help="members, with ids from 100000000000 up")
    parser.add_argument(
        "--quotas", choices=("on", "off"), default="on", help="throttle as AWS does (default), or never"
    )
    parser.add_argument("--speed", type=float, default=1.0, help="multiplies the quotas' rates")
    parser.add_argument(
        "--latency-ms",
        type=float,
        nargs=2,
        default=(0, 0),
        metavar=("LOW", "HIGH"),
        help="of each call, evenly drawn, half of it on the way to the rules",
    )
    options = parser.parse_args()
    low, high = (bound / 2000 for bound in options.latency_ms)
    dice = random.Random(0)  # noqa: S311 - repeatable delays, no secret
    api = AccountApi(
        _ActiveOrganization(options.accounts),
        quotas=QUOTAS if options.quotas == "on" else None,
        speed=options.speed,
        latency=lambda: dice.uniform(low, high),
    )
    with (
        serve(api, port=options.port, transit=lambda: dice.uniform(low, high)) as endpoint,
        suppress(KeyboardInterrupt),
    ):
        sys.stdout.write(f"{endpoint}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
