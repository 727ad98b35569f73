"""The emulated AWS as a process: `python -m emulation.server`, on 127.0.0.1 only.

It writes its URL to standard output and ends when its standard input ends, that is, with the process that started it.
At its end it stops its Lambda workers and removes its folder.
"""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from emulation.settings import MANAGEMENT_ACCOUNT, Settings

_HOST = "127.0.0.1"
#: Lambda retries an asynchronous invocation after one minute and then after two (invocation-async-error-handling).
_FIRST_RETRY = 60


def main() -> None:
    """Serve until standard input ends, or SIGINT or SIGTERM arrives."""
    settings = Settings.from_arguments(sys.argv[1:])
    listener = socket.create_server((_HOST, settings.port))
    port = listener.getsockname()[1]
    folder = settings.folder or Path(tempfile.mkdtemp(prefix="emulation-"))
    os.environ.clear()
    os.environ.update(environment(settings, folder, port))
    tempfile.tempdir = str(folder)
    sys.stdout.write(f"http://{_HOST}:{port}\n")
    sys.stdout.flush()
    try:
        asyncio.run(_serve(settings, listener))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment(settings: Settings, folder: Path, port: int) -> dict[str, str]:
    """Return the whole environment of ministack; of this process's own only PATH remains."""
    first_retry = _FIRST_RETRY / settings.delay_speed
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": _HOST,
        "MINISTACK_ACCOUNT_ID": MANAGEMENT_ACCOUNT,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AUTH": "true",
        "LOG_LEVEL": "WARNING",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": str(first_retry),
        "LAMBDA_ASYNC_RETRY_MAX_SECONDS": str(2 * first_retry),
        # The organization has no devices and no file transfer: no ports for them.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder}/no-docker",
    }


async def _serve(settings: Settings, listener: socket.socket) -> None:
    # ministack reads its environment while it is imported.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app
    from ministack.core import lambda_runtime

    from emulation import services
    from emulation.control import with_control_api

    services.install(settings)
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 0.2
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    application: Any = with_control_api(app.app)
    try:
        await serve(application, config, shutdown_trigger=_stop_event().wait)
    finally:
        lambda_runtime.reset()


def _stop_event() -> asyncio.Event:
    """Return an event that is set when the server has to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def read_to_end() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=read_to_end, daemon=True, name="stdin").start()
    return stop


if __name__ == "__main__":
    main()
