"""The account API alone on a port of this machine, for benchmarks: an unmodified SDK needs only its ``endpoint_url``.

The protocol is rest-json: a POST to the operation's path with its parameters as a JSON body. The response is JSON, with
the error code in the header ``x-amzn-errortype`` (botocore service model ``account`` 2021-02-01). Signatures are not
checked: every call comes from the one account that the server was started for. ``GET /counts`` returns the calls, and
``GET /contacts`` the number of contacts and of accounts that have all three.

Benchmarks do not use the whole emulation (`emulation.server`), because it would change their figures: checking
signatures and policies in one event loop bunches calls, so that the worker was throttled 1 to 4 times in each of eight
runs of 100 accounts there, and never in the same runs here.

``python -m emulation.account_http --help`` serves an organization of its own.
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

from emulation.account_api import CONTACT_TYPES, OPERATIONS, AccountApi, Response

MANAGEMENT_ACCOUNT = "000000000000"

_SHUTDOWN_POLL = 0.02
"""Seconds between two checks of the accepting thread whether it must stop."""


@contextmanager
def serve(
    api: AccountApi, *, caller: str = MANAGEMENT_ACCOUNT, transit: Callable[[], float] = lambda: 0.0
) -> Iterator[str]:
    """Serve calls on 127.0.0.1 until the context ends; then all connections are closed and all threads ended.

    Args:
        caller: 12-digit ID of the account that all calls come from.
        transit: draws the seconds between a call's arrival and its check; calls may overtake each other there.

    Yields:
        The endpoint's URL.
    """
    with _Server(api, caller, transit) as server:
        accepting = threading.Thread(target=server.serve_forever, args=(_SHUTDOWN_POLL,), name="account-http")
        accepting.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            accepting.join()


class _Handler(BaseHTTPRequestHandler):
    """One connection, open until the client or the server ends it."""

    server: "_Server"
    protocol_version = "HTTP/1.1"
    # Header and body are sent at once as one segment; otherwise each response waits 40 ms for a delayed ACK.
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
        operation = OPERATIONS.get(self.path, self.path)
        self._deliver(self.server.api.call(operation, parameters, self.server.caller))

    def do_GET(self) -> None:
        if self.path == "/counts":
            self._send(200, self.server.api.counts)
        elif self.path == "/contacts":
            contacts = self.server.api.contacts().values()
            complete = sum(len(contact_set) == len(CONTACT_TYPES) for contact_set in contacts)
            self._send(200, {"contacts": sum(map(len, contacts)), "accounts": complete})
        else:
            self._send(404, {"message": "No such path"})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Log nothing: thousands of calls would be thousands of lines."""

    def _deliver(self, response: Response) -> None:
        if (response.latency > 0 and self.server.stopping.wait(response.latency)) or response.dropped:
            self.close_connection = True
        elif response.error is None:
            self._send(response.status, response.body)
        else:
            self._send(response.status, {"__type": response.error, **response.body}, response.error)

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
    """A thread for each connection. ``http.server``'s own class looks up a host name before it serves."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, api: AccountApi, caller: str, transit: Callable[[], float]) -> None:
        self.api = api
        self.caller = caller
        self.transit = transit
        self.stopping = threading.Event()
        self._connections: set[socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Close the connections that SDKs keep open, each with a thread that waits for the next call."""
        self.stopping.set()
        for connection in tuple(self._connections):
            with suppress(OSError):  # already closed
                connection.shutdown(SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that close their connection; any other error is a bug and prints its traceback."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _ActiveMembers:
    """A management account and ``members`` accounts, 100000000000 and up, all ACTIVE and with trusted access."""

    management_account_id = MANAGEMENT_ACCOUNT

    def __init__(self, members: int) -> None:
        self._accounts = {MANAGEMENT_ACCOUNT, *(str(100_000_000_000 + number) for number in range(members))}

    def account_state(self, account_id: str) -> str | None:
        return "ACTIVE" if account_id in self._accounts else None

    def has_trusted_access(self) -> bool:
        return True

    def is_delegated_administrator(self, _account_id: str) -> bool:
        return False


def main() -> None:
    """Print the endpoint's URL as the first line, and serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m emulation.account_http", description=main.__doc__)
    parser.add_argument("--accounts", type=int, default=0, help="members, with IDs from 100000000000 up")
    parser.add_argument("--speed", type=float, default=1.0, help="multiplies the quotas' rates")
    parser.add_argument(
        "--latency-ms",
        type=float,
        nargs=2,
        default=(0, 0),
        metavar=("LOW", "HIGH"),
        help="of each call, drawn evenly; half of it passes before the call is checked",
    )
    options = parser.parse_args()
    low, high = (bound / 2000 for bound in options.latency_ms)
    dice = random.Random(0)  # noqa: S311 - repeatable delays, no secret
    api = AccountApi(
        _ActiveMembers(options.accounts),
        speed=options.speed,
        latency=lambda: dice.uniform(low, high),
    )
    with (
        serve(api, transit=lambda: dice.uniform(low, high)) as endpoint,
        suppress(KeyboardInterrupt),
    ):
        sys.stdout.write(f"{endpoint}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
