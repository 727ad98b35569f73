"""The emulated AWS as a process: `python -m emulation.server`, on 127.0.0.1 only.

It writes two URLs to standard output: of its TLS endpoint, which is AWS's, and of the same endpoint without TLS, whose
calls have `aws:SecureTransport: false`. A client trusts it with AWS_CA_BUNDLE (an SDK) or SSL_CERT_FILE set to
`authority.pem` in its folder.

It ends when its standard input ends, that is, with the process that started it, or at SIGINT or SIGTERM. Then it stops
its Lambda workers and all processes of its process group, and removes its folder.
"""

import asyncio
import gc
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from emulation.certificate import Certificate
from emulation.settings import MANAGEMENT_ACCOUNT, Settings

_HOST = "127.0.0.1"
_REMOVALS = 20
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_ENDING = threading.Lock()
#: Lambda retries an asynchronous invocation after one minute and then after two (invocation-async-error-handling).
_FIRST_RETRY = 60


def main() -> None:
    """Serve until the end (`_end`)."""
    settings = Settings.from_arguments(sys.argv[1:])
    listener, insecure_listener = (socket.create_server((_HOST, port)) for port in (settings.port, 0))
    port, insecure_port = (each.getsockname()[1] for each in (listener, insecure_listener))
    folder = settings.folder or Path(tempfile.mkdtemp(prefix="emulation-"))
    _end_at_signals_and_with_standard_input(folder)
    try:
        Certificate(folder).create()
        os.environ.clear()
        os.environ.update(environment(settings, folder, port))
        tempfile.tempdir = str(folder)
        sys.stdout.write(f"https://{_HOST}:{port}\nhttp://{_HOST}:{insecure_port}\n")
        sys.stdout.flush()
        asyncio.run(_serve(folder, settings, listener, insecure_listener))
    finally:  # only after an error: `_serve` does not return
        traceback.print_exc()
        _end(folder, 1)


def environment(settings: Settings, folder: Path, port: int) -> dict[str, str]:
    """Return the whole environment of ministack; of this process's own only PATH remains."""
    first_retry = _FIRST_RETRY / settings.delay_speed
    certificate = Certificate(folder)
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
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificate.server),
        "MINISTACK_SSL_KEY": str(certificate.key),
        # For the functions: what they call is this server.
        "AWS_CA_BUNDLE": str(certificate.authority),
        "SSL_CERT_FILE": str(certificate.authority),
        "LOG_LEVEL": "WARNING",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": str(first_retry),
        "LAMBDA_ASYNC_RETRY_MAX_SECONDS": str(2 * first_retry),
        # The organization has no devices and no file transfer: no ports for them.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder}/no-docker",
    }


async def _serve(folder: Path, settings: Settings, listener: socket.socket, insecure_listener: socket.socket) -> None:
    # ministack reads its environment while it is imported.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app

    from emulation import services
    from emulation.control import with_control_api

    services.install(settings)
    # Modules stay until the end: without looking for garbage among them, the server takes a tenth less processor time.
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    certificate = Certificate(folder)
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.insecure_bind = [f"fd://{insecure_listener.detach()}"]
    config.certfile, config.keyfile = str(certificate.server), str(certificate.key)
    config.alpn_protocols = ["http/1.1"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    application: Any = with_control_api(app.app)
    await serve(application, config, shutdown_trigger=asyncio.Event().wait)


def _end_at_signals_and_with_standard_input(folder: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _end(folder))

    def read_to_end() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        _end(folder)

    threading.Thread(target=read_to_end, daemon=True, name="stdin").start()


def _end(folder: Path, status: int = 0) -> None:
    """Stop the processes of this group, remove the folder, and end: no request and no thread is waited for.

    The group has the Lambda workers, and `sam` if it runs.
    """
    if not _ENDING.acquire(blocking=False):
        return  # the signal below is for this process, too
    lambda_runtime = sys.modules.get("ministack.core.lambda_runtime")
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGTERM)
    elif lambda_runtime:  # the group is that of a script
        lambda_runtime.reset()
    for _ in range(_REMOVALS):  # a process that is just ending may still write
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
        time.sleep(0.1)
    os._exit(status)


if __name__ == "__main__":
    main()
