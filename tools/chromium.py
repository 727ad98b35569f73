"""Headless Chromium, spoken to over a pipe: https://chromedevtools.github.io/devtools-protocol/"""

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
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_QUIETLY = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_HEARS, _SAYS = 3, 4
"""The file descriptors that `--remote-debugging-pipe` means, as the browser sees them."""
_READY_SECONDS = 20


class NoBrowser(Exception):  # noqa: N818 - says what is missing
    """There is no Chromium on the PATH."""


class Page:
    """One page of a running browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to_browser, self._from_browser = to_browser, from_browser
        self._ids = itertools.count(1)
        self._received = b""
        self._session: dict[str, str] = {}
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}

    def open(self, address: str, *, width: int, height: int, dark: bool = False) -> None:
        """Load a page, and wait until it is complete."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", **size)
        # By way of an empty page, because another fragment alone loads nothing.
        for each in ("about:blank", address):
            self._ask("Page.navigate", url=each)
            self._wait_for(each)

    def evaluate(self, script: str) -> Any:
        """What an expression of the page's is."""
        return self._ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def picture(self, *, left: float, top: float, width: float, height: float) -> bytes:
        """A PNG of a part of the page, whether it is scrolled there or not."""
        clip = {"x": left, "y": top, "width": width, "height": height, "scale": 1}
        answer = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(answer["data"])

    def _wait_for(self, address: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while self.evaluate("document.readyState + ' ' + location.href") != f"complete {address}":
            if time.monotonic() > deadline:
                raise TimeoutError(f"{address} was not complete within {_READY_SECONDS} s")
            time.sleep(0.05)

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        request = {"id": number, "method": method, "params": parameters, **self._session}
        os.write(self._to_browser, json.dumps(request).encode() + b"\0")
        while True:
            answer = self._hear()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            received = os.read(self._from_browser, 1 << 20)
            if not received:
                raise RuntimeError("The browser has ended.")
            self._received += received
        message, _, self._received = self._received.partition(b"\0")
        heard: dict[str, Any] = json.loads(message)
        return heard


@contextmanager
def chromium() -> Iterator[Page]:
    """A page in a browser that knows nobody, and that is gone with the block.

    Raises:
        NoBrowser: there is none.
    """
    browser = next(filter(None, map(shutil.which, _NAMES)), None)
    if browser is None:
        raise NoBrowser(f"No browser on the PATH: one of {', '.join(_NAMES)} is needed.")
    hears, to_browser = os.pipe()
    from_browser, says = os.pipe()

    def connect() -> None:
        # First out of the way: the pipes may have the very numbers that they are to get.
        ends = os.dup(hears), os.dup(says)
        os.dup2(ends[0], _HEARS)
        os.dup2(ends[1], _SAYS)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, Path(os.devnull).open("w") as nowhere:
        process = subprocess.Popen(  # noqa: S603
            [browser, *_QUIETLY, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"],
            preexec_fn=connect,
            pass_fds=(_HEARS, _SAYS),
            env={**os.environ, "TMPDIR": profile},
            stdout=nowhere,
            stderr=nowhere,
        )
        os.close(hears)
        os.close(says)
        try:
            yield Page(to_browser, from_browser)
        finally:
            # It ends when nobody speaks to it any more.
            os.close(to_browser)
            os.close(from_browser)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_READY_SECONDS)
            process.kill()
            process.wait()
