"""The emulated AWS as a process: `python -m emulation.server`, on 127.0.0.1 only.

It writes two URLs to standard output: of its TLS endpoint, which is AWS's, and of the same endpoint without TLS, whose
calls have `aws:SecureTransport: false`. A client trusts it with AWS_CA_BUNDLE (an SDK) or SSL_CERT_FILE set to
`authority.pem` in its folder.

It ends when its standard input ends, that is, with the process that started it. At its end it stops its Lambda workers
and all processes of its process group, and removes its folder.
"""

import asyncio
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
from typing import Any, NoReturn

from emulation.certificate import Certificate
from emulation.settings import MANAGEMENT_ACCOUNT, Settings

_HOST = "127.0.0.1"
#: Seconds for open requests and threads at the end; a custom resource may still wait for half an hour.
_STOP_SECONDS = 5
_REMOVALS = 20
#: Lambda retries an asynchronous invocation after one minute and then after two (invocation-async-error-handling).
_FIRST_RETRY = 60


def main() -> None:
    """Serve until standard input ends, or SIGINT or SIGTERM arrives."""
    settings = Settings.from_arguments(sys.argv[1:])
    listener, insecure_listener = (socket.create_server((_HOST, port)) for port in (settings.port, 0))
    port, insecure_port = (each.getsockname()[1] for each in (listener, insecure_listener))
    folder = settings.folder or Path(tempfile.mkdtemp(prefix="emulation-"))
    try:
        certificate = Certificate(folder)
        certificate.create()
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


async def _serve(
    folder: Path, settings: Settings, listener: socket.socket, insecure_listener: socket.socket
) -> NoReturn:
    # ministack reads its environment while it is imported.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app

    from emulation import services
    from emulation.control import with_control_api

    services.install(settings)
    certificate = Certificate(folder)
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.insecure_bind = [f"fd://{insecure_listener.detach()}"]
    config.certfile, config.keyfile = str(certificate.server), str(certificate.key)
    config.alpn_protocols = ["http/1.1"]
    config.graceful_timeout = 0.2
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    application: Any = with_control_api(app.app)
    await serve(application, config, shutdown_trigger=_stop_event(folder).wait)
    _end(folder)


def _end(folder: Path, status: int = 0) -> NoReturn:
    """Stop the processes of this group, remove the folder, and end without waiting for threads.

    The group has the Lambda workers, and `sam` if it runs.
    """
    lambda_runtime = sys.modules.get("ministack.core.lambda_runtime")
    if os.getpgrp() == os.getpid():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        os.killpg(0, signal.SIGTERM)
    elif lambda_runtime:  # the group is that of a script
        lambda_runtime.reset()
    for _ in range(_REMOVALS):  # a process that is just ending may still write
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
        time.sleep(0.1)
    os._exit(status)


def _stop_event(folder: Path) -> asyncio.Event:
    """Return an event that is set when the server has to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def read_to_end() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        loop.call_soon_threadsafe(stop.set)
        time.sleep(_STOP_SECONDS)
        _end(folder)

    threading.Thread(target=read_to_end, daemon=True, name="stdin").start()
    return stop


if __name__ == "__main__":
    main()
