"""The real command with a server on 127.0.0.1 in place of AWS: a proxy that sends a page, and an STS that denies."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alternate_contacts.cli.main import app

PAGES = {
    "page": "<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Hello</body></html>",
    "valid XML": "<html><body><p>Hello</p></body></html>",
    "text": "OK",
    "nothing": "",
}


DENIED = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
PROFILE = """
[profile assumes]
role_arn = arn:aws:iam::111122223333:role/r
source_profile = keys
[profile keys]
aws_access_key_id = a
aws_secret_access_key = b
"""


class _Server(BaseHTTPRequestHandler):
    status = 200
    page = ""
    content_type = "text/html"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(self.status)
        self.send_header("Content-Type", self.content_type)
        self.end_headers()
        self.wfile.write(self.page.encode())

    do_GET = do_PUT = do_POST  # noqa: N815 - names of the base class

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def server(**attributes: object) -> Iterator[str]:
    """Start a server with these attributes of `_Server`; yield its URL."""
    handler = type("Handler", (_Server,), attributes)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def run(home: Path, url: str, *arguments: str, **variables: str) -> str:
    """Run the command without the user's AWS settings, and return the one line with which it must fail."""
    users_own = dict.fromkeys(name for name in os.environ if name.startswith("AWS_"))
    environment = {**users_own, "HOME": str(home), "AWS_ENDPOINT_URL": url, **variables}
    ended = CliRunner().invoke(app, arguments, env=environment)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    return ended.stderr


@pytest.mark.parametrize("verb", ["status", "preflight"])
@pytest.mark.parametrize("content_type", ["text/html", "text/xml"])
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_in_place_of_a_response_is_not_from_aws(tmp_path: Path, page: str, content_type: str, verb: str) -> None:
    with server(page=page, content_type=content_type) as url:
        line = run(tmp_path, url, verb, AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")
    assert "not from AWS" in line


def test_a_role_that_cannot_be_assumed_is_named_as_such_without_a_region(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(PROFILE)
    with server(status=403, page=DENIED, content_type="text/xml") as url:
        line = run(tmp_path, url, "--profile", "assumes", "status", AWS_CONFIG_FILE=str(tmp_path / "config"))
    assert line.startswith("AssumeRole failed: AccessDenied. ")
