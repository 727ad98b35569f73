"""The settings of an emulation: the command line of `python -m emulation.server` as a dataclass."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: A Python with boto3 and nothing else, like AWS Lambda's runtime.
RUNTIME = ROOT / ".venv" / "runtime" / "bin" / "python"
#: ministack's default account. Its root user (keys test/test) is the caller unless a client has other credentials.
MANAGEMENT_ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Settings:
    """The differences from AWS; the defaults are AWS's own values."""

    port: int = 0
    """The port on 127.0.0.1; 0 is any free port."""
    folder: Path | None = None
    """The server writes everything here and removes the folder at its end. None: a new temporary folder."""
    quota_speed: float = 1.0
    """Multiplies the rate of the account API's quotas."""
    delay_speed: float = 1.0
    """Divides the delays of retries (ChangeMessageVisibility, DelaySeconds, Lambda's asynchronous retries), the
    batching windows of event source mappings, and the minute until enabled trusted access takes effect. A queue's own
    VisibilityTimeout stays: it has to be longer than a function runs."""

    @property
    def trusted_access_delay(self) -> float:
        """Seconds for which the account API still denies calls on members after trusted access was enabled."""
        return 60 / self.delay_speed

    def arguments(self) -> list[str]:
        """Return the settings as command-line arguments."""
        return [
            f"--{field.name.replace('_', '-')}={value}"
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
        ]

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> "Settings":
        """Parse the settings from a command line; the inverse of `arguments`."""
        parser = argparse.ArgumentParser(
            prog="python -m emulation.server", description="Run an AWS organization on this machine."
        )
        parser.add_argument("--port", type=int, default=cls.port, help="on 127.0.0.1; 0 (default): any free port")
        parser.add_argument(
            "--folder", type=Path, help="for all files; removed at the end (default: a temporary folder)"
        )
        parser.add_argument(
            "--quota-speed", type=float, default=cls.quota_speed, help="multiplies the rate of the quotas"
        )
        parser.add_argument("--delay-speed", type=float, default=cls.delay_speed, help="divides the delays of retries")
        settings = cls(**vars(parser.parse_args(arguments)))
        if not RUNTIME.exists():
            sys.exit(f"No Python for the Lambda functions at {RUNTIME}: run `make setup`.")
        return settings
