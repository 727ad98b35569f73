"""The real command behind a proxy that responds with a page in HTML and status 200, as a hotel's network does."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emulation.settings import ROOT

PAGES = {
    "page": "<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Hello</body></html>",
    "valid XML": "<html><body><p>Hello</p></body></html>",
    "text": "OK",
    "nothing": "",
}


class _Proxy(BaseHTTPRequestHandler):
    page = ""
    content_type = "text/html"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(200)
        self.send_header("Content-Type", self.content_type)
        self.end_headers()
        self.wfile.write(self.page.encode())

    do_GET = do_PUT = do_POST  # noqa: N815 - names of the base class

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=[(page, content) for page in PAGES for content in ("text/html", "text/xml")], ids=" as ".join)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    name, content_type = request.param
    handler = type("Handler", (_Proxy,), {"page": PAGES[name], "content_type": content_type})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("verb", ["status", "preflight"])
def test_a_page_in_place_of_a_response_is_one_line_with_2(url: str, verb: str, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("cli", "src", "custom-resources")),
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL": url,
    }
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "alternate_contacts.cli", verb],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert "not from AWS" in ended.stderr
