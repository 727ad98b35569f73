"""Headless Chromium, controlled over a pipe: https://chromedevtools.github.io/devtools-protocol/"""

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

WIDTH, HEIGHT = 1280, 1000

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--remote-debugging-pipe",
)
_BROWSER_READS, _BROWSER_WRITES = 3, 4
"""The file descriptors that `--remote-debugging-pipe` uses in the browser's process."""
_TIMEOUT_SECONDS = 20
_KEYS = {"Tab": 9, "Enter": 13, "Space": 32}
"""https://www.w3.org/TR/uievents/#fixed-virtual-key-codes"""
_TEXTS = {"Enter": "\r", "Space": " "}


class NoBrowser(Exception):  # noqa: N818 - names what is missing
    """There is no Chromium on the PATH."""


class Page:
    """One page of a running browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to_browser, self._from_browser = to_browser, from_browser
        self._ids = itertools.count(1)
        self._received = b""
        self._session: dict[str, str] = {}
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}

    def open(self, address: str, *, dark: bool = False, width: int = WIDTH) -> None:
        """Load a page in a window of this width, and wait until it is complete."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        # Another fragment of the same address loads nothing, so an empty page comes first.
        for url in ("about:blank", address):
            self._call("Page.navigate", url=url)
            self.wait_for(f"document.readyState === 'complete' && location.href === {json.dumps(url)}")

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression in the page.

        Raises:
            RuntimeError: the expression raised an error.
        """
        evaluated = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in evaluated:
            raise RuntimeError(evaluated["exceptionDetails"]["exception"]["description"])
        return evaluated["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Wait until a JavaScript expression is true in the page.

        Raises:
            TimeoutError: it did not become true.
        """
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not self.evaluate(script):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{script} was not true within {_TIMEOUT_SECONDS} s")
            time.sleep(0.02)

    def press(self, key: str) -> None:
        """Press and release Tab, Enter or Space."""
        names = {"key": _TEXTS[key] if key == "Space" else key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        text = {"text": _TEXTS[key]} if key in _TEXTS else {}
        self._call("Input.dispatchKeyEvent", type="keyDown", **names, **text)
        self._call("Input.dispatchKeyEvent", type="keyUp", **names)

    def type(self, text: str) -> None:
        """Type a text into the element with the focus."""
        self._call("Input.insertText", text=text)

    def picture(self, *, left: float, top: float, width: float, height: float) -> bytes:
        """Return a PNG of a part of the page, at any scroll position."""
        clip = {"x": left, "y": top, "width": width, "height": height, "scale": 1}
        screenshot = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(screenshot["data"])

    def print(self) -> bytes:
        """Return the PDF that the page is printed to."""
        return base64.b64decode(self._call("Page.printToPDF")["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self._ids)
        request = {"id": number, "method": method, "params": parameters, **self._session}
        os.write(self._to_browser, json.dumps(request).encode() + b"\0")
        while True:
            response = self._receive()
            if response.get("id") == number:
                if "error" in response:
                    raise RuntimeError(f"{method}: {response['error']['message']}")
                result: dict[str, Any] = response["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            received = os.read(self._from_browser, 1 << 20)
            if not received:
                raise RuntimeError("The browser has ended.")
            self._received += received
        text, _, self._received = self._received.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


@contextmanager
def chromium() -> Iterator[Page]:
    """Run a browser with an empty profile, and yield its page.

    Raises:
        NoBrowser: there is none.
    """
    browser = next(filter(None, map(shutil.which, _NAMES)), None)
    if browser is None:
        raise NoBrowser(f"No browser on the PATH: install one of {', '.join(_NAMES)}.")
    browser_reads, to_browser = os.pipe()
    from_browser, browser_writes = os.pipe()

    def connect() -> None:
        # Duplicated first: a pipe may already have the number that the other one must get.
        ends = os.dup(browser_reads), os.dup(browser_writes)
        os.dup2(ends[0], _BROWSER_READS)
        os.dup2(ends[1], _BROWSER_WRITES)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(  # noqa: S603
            [browser, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=connect,
            pass_fds=(_BROWSER_READS, _BROWSER_WRITES),
            env={**os.environ, "TMPDIR": profile},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(browser_reads)
        os.close(browser_writes)
        try:
            yield Page(to_browser, from_browser)
        finally:
            # The browser ends when its pipe is closed.
            os.close(to_browser)
            os.close(from_browser)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_TIMEOUT_SECONDS)
            process.kill()
            process.wait()
