"""An organization on this machine for tests, the demo and benchmarks: `with Emulation() as emulation: ...`.

It runs in a process of its own (`emulation.server`), which ends with the block, or with this process if that is
interrupted or killed. No process, open port or file remains.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import boto3
import botocore.session
from botocore.config import Config

from emulation.certificate import Certificate
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT, Settings
from emulation.waiting import eventually

REGION = "us-east-1"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_LOG_TAIL = 2000
#: Without the proxy that the environment may name.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class EmulationError(Exception):
    """The emulation did not start, or rejected a request."""


class Emulation:
    """An AWS organization that has one account at first, `management_account`.

    Attributes:
        endpoint_url: its address, with TLS.
        insecure_endpoint_url: the same without TLS.
        environment: the environment for subprocesses that call it (`sam`, the command line), without the user's own AWS
            settings.
        folder: where it writes everything; removed at its end, however it ends.
        log: the log file of ministack and its Lambda workers.
        process_group: a process in this group ends with the emulation, however that ends.
    """

    management_account = MANAGEMENT_ACCOUNT

    def __init__(self, settings: Settings | None = None) -> None:
        """Take the settings; the `with` block starts the process."""
        self._settings = settings or Settings()
        self.folder = Path()
        self._process: subprocess.Popen[str] | None = None
        self._clients: dict[tuple[object, ...], Any] = {}
        self.endpoint_url = ""
        self.insecure_endpoint_url = ""

    def __enter__(self) -> Self:
        """Start the process; this takes about a second."""
        self.folder = Path(tempfile.mkdtemp(prefix="emulation-"))
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the process and remove its folder."""
        self._stop()

    @property
    def log(self) -> Path:
        return self.folder / "emulation.log"

    @property
    def process_group(self) -> int:
        if self._process is None:
            raise EmulationError("The emulation is not running")
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **inherited,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_CA_BUNDLE": str(Certificate(self.folder).authority),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": str(self.folder / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "no-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.1",  # a stack is up in a moment
            "__SAM_CLI_APP_DIR": str(self.folder / "sam"),
            "TMPDIR": str(self.folder),  # sam leaves empty folders behind
            "NO_PROXY": "127.0.0.1",
        }

    def client(
        self,
        service: str,
        *,
        account: str | None = None,
        region: str = REGION,
        secure: bool = True,
        **credentials: str,
    ) -> Any:
        """Return a boto3 client that does not retry, the same one for the same arguments.

        The caller is the root user of the management account, or of `account`, or the principal of the credentials
        (`aws_access_key_id`, ..., from `assume_role`). It calls without TLS if it is not `secure`.
        """
        keys = credentials or {"aws_access_key_id": account or "test", "aws_secret_access_key": "test"}
        arguments = (service, region, secure, *keys.items())
        if arguments not in self._clients:
            self._clients[arguments] = self._session.client(  # type: ignore[call-overload]
                service,
                region_name=region,
                endpoint_url=self.endpoint_url if secure else self.insecure_endpoint_url,
                verify=str(Certificate(self.folder).authority),
                config=Config(retries={"total_max_attempts": 1}, proxies={}),
                **keys,
            )
        return self._clients[arguments]

    def assume_role(self, role_arn: str, session: str = "test") -> dict[str, str]:
        """Return the `Credentials` of a role for an administrator, since the root user may not assume roles."""
        iam = self.client("iam")
        name = f"administrator-{uuid4().hex}"
        iam.create_user(UserName=name)
        iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        key = iam.create_access_key(UserName=name)["AccessKey"]
        sts = self.client("sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
        credentials: dict[str, str] = sts.assume_role(RoleArn=role_arn, RoleSessionName=session)["Credentials"]
        return credentials

    def create_accounts(self, count: int, suspended: int = 0, *, invited: bool = False) -> list[str]:
        """Add members, the last ones suspended, and return their IDs. Unlike CreateAccount, this emits no event.

        Accounts that were created have the role OrganizationAccountAccessRole, invited accounts have not.
        """
        return list(self._control("create-accounts", count=count, suspended=suspended, invited=invited))

    def set_state(self, account_id: str, state: str) -> None:
        """Set the State of an account, such as PENDING_ACTIVATION."""
        self._control("set-state", account_id=account_id, state=state)

    def set_feature_set(self, feature_set: str) -> None:
        """Set the organization's feature set: ALL or CONSOLIDATED_BILLING."""
        self._control("set-feature-set", feature_set=feature_set)

    def enable_trusted_access(self) -> None:
        """Enable trusted access for the account API, and wait until it has taken effect."""
        self.client("organizations").enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
        time.sleep(self._settings.trusted_access_delay)

    def throttle_organizations(self, calls: int) -> None:
        """Make the next calls of Organizations fail with TooManyRequestsException."""
        self._control("throttle-organizations", calls=calls)

    def throttle_parameter_store(self, calls: int) -> None:
        """Make the next calls of Systems Manager fail with ThrottlingException."""
        self._control("throttle-parameter-store", calls=calls)

    def enforce_quotas(self, speed: float = 1.0) -> None:
        """Throttle Organizations and Systems Manager at AWS's published rates times `speed`, until the next reset."""
        self._control("enforce-quotas", speed=speed)

    def contacts(self) -> dict[str, dict[str, dict[str, str]]]:
        """Return the contacts of all accounts, by account ID and contact type."""
        return dict(self._control("contacts"))

    def contact_count(self) -> int:
        """Return the number of contacts of all accounts."""
        return int(self._control("contact-count"))

    def set_contact(self, account_id: str, contact: Mapping[str, str]) -> None:
        """Store a contact without a call of the account API."""
        self._control("set-contact", account_id=account_id, contact=dict(contact))

    def counts(self) -> dict[str, int]:
        """Return the number of calls of the account API; see `AccountApi.counts`."""
        return dict(self._control("counts"))

    def set_fault(
        self,
        account_id: str,
        error: str,
        *,
        operation: str | None = None,
        contact_type: str | None = None,
        times: int | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Make calls on an account ("*": every account) fail; replaces the account's earlier faults.

        `error` is a code such as AccessDeniedException, or `dropped`, `slow` or `not-ready`; see `account_api.Fault`.
        `times` is the number of calls that fail; None: all.
        """
        fault = {"operation": operation, "contact_type": contact_type, "remaining": times, "seconds": seconds}
        self._control("set-faults", account_id=account_id, faults=[{"effect": error, **fault}])

    def clear_fault(self, account_id: str) -> None:
        """Remove the faults of an account."""
        self._control("clear-faults", account_id=account_id)

    def deliver(self, event: Mapping[str, Any]) -> None:
        """Emit a recorded event as AWS; it gets a new ID and time, and the management account's ID."""
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "Resources": event.get("resources", []),
        }
        response = self.client("events", region=event.get("region", REGION)).put_events(Entries=[entry])
        if response["FailedEntryCount"]:
            raise EmulationError(f"EventBridge rejected the event: {response['Entries']}")

    def reset(self, *, stacks: bool = True) -> None:
        """Restore the initial state; with `stacks=False` keep what was deployed."""
        if stacks:
            self._post("_ministack/reset", {})
        else:
            self._control("reset-data")

    @cached_property
    def _session(self) -> boto3.Session:
        """One session for all clients, because it caches the service models; without the user's AWS settings."""
        missing = str(self.folder / "missing")
        unconfigured = {
            "profile": (None, None, None, None),
            "config_file": (None, None, missing, None),
            "credentials_file": (None, None, missing, None),
        }
        return boto3.Session(botocore_session=botocore.session.Session(session_vars=unconfigured))

    def _start(self) -> None:
        settings = replace(self._settings, folder=self.folder)
        with self.log.open("w") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "emulation.server", *settings.arguments()],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                process_group=0,  # Ctrl-C must reach only this process, which then stops the server
            )
        self.endpoint_url, self.insecure_endpoint_url = (self._read_url(self._process) for _ in range(2))
        eventually(self._is_ready, within=_START_SECONDS)

    def _read_url(self, process: "subprocess.Popen[str]") -> str:
        url = process.stdout.readline().strip() if process.stdout else ""
        if not url:
            raise EmulationError(f"The emulation did not start:\n{self._log_tail()}")
        return url

    def _is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise EmulationError(f"The emulation ended during its start:\n{self._log_tail()}")
        try:
            with _open(urllib.request.Request(f"{self.insecure_endpoint_url}/_ministack/ready")):  # noqa: S310
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin and process.stdout:
            process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            # The server if it hangs, and the Lambda workers of a server that was killed.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _log_tail(self) -> str:
        return self.log.read_text()[-_LOG_TAIL:]

    def _control(self, name: str, **arguments: Any) -> Any:
        return self._post(f"_emulation/{name}", arguments)

    def _post(self, path: str, body: object) -> Any:
        request = urllib.request.Request(  # noqa: S310
            f"{self.insecure_endpoint_url}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with _open(request) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise EmulationError(f"{path}: {error.read().decode()}") from None


def _open(request: urllib.request.Request) -> Any:
    return _OPENER.open(request, timeout=_START_SECONDS)
