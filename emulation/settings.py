"""What can be chosen when an emulation starts; the command line of `python -m emulation.server` in a dataclass."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: A Python with boto3 and nothing else: what AWS Lambda's runtime brings along.
RUNTIME = ROOT / ".venv" / "runtime" / "bin" / "python"
#: ministack's default account. Its root user (keys test/test) is the caller of everything that names no other.
MANAGEMENT_ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Settings:
    """How the emulated AWS differs from AWS: by default only in where it runs."""

    port: int = 0
    """Where to listen on 127.0.0.1; 0 is any free port."""
    folder: Path | None = None
    """Everything the server writes goes here, and the folder goes with the server. None: a new temporary one."""
    runtime: Path = RUNTIME
    """The interpreter that runs the Lambda functions."""
    quotas: bool = True
    """Whether the account API throttles."""
    quota_speed: float = 1.0
    """How many times faster than on AWS the account API's quotas refill."""
    delay_speed: float = 1.0
    """By what the waits of a retry are divided: ChangeMessageVisibility, DelaySeconds, Lambda's asynchronous retries;
    and the minute that trusted access takes to settle.
    A queue's own VisibilityTimeout is never shortened: it is measured against how long a function runs."""
    latency: float = 0.0
    """Seconds the account API takes to answer."""

    @property
    def settling(self) -> float:
        """Seconds for which the account API still refuses members after trusted access was enabled."""
        return 60 / self.delay_speed

    def arguments(self) -> list[str]:
        """These settings as command-line arguments."""
        return [
            f"--{field.name.replace('_', '-')}={value}"
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
        ]

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> "Settings":
        """The settings on a command line; the inverse of `arguments`."""
        parser = argparse.ArgumentParser(prog="python -m emulation.server", description="An AWS organization here.")
        parser.add_argument("--port", type=int, default=cls.port, help="on 127.0.0.1; 0: any free one")
        parser.add_argument("--folder", type=Path, help="for all files, removed at the end (default: a temporary one)")
        parser.add_argument("--runtime", type=Path, default=cls.runtime, help="the Python of the Lambda functions")
        parser.add_argument("--quotas", type=_truth, default=cls.quotas, help="throttle the account API (True)")
        parser.add_argument("--quota-speed", type=float, default=cls.quota_speed, help="quotas refill faster")
        parser.add_argument("--delay-speed", type=float, default=cls.delay_speed, help="retries wait shorter")
        parser.add_argument("--latency", type=float, default=cls.latency, help="seconds of every account API call")
        settings = cls(**vars(parser.parse_args(arguments)))
        if not settings.runtime.exists():
            sys.exit(f"No Python for the Lambda functions at {settings.runtime}: run `make setup`.")
        return settings


def _truth(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(text)
    return text == "True"
