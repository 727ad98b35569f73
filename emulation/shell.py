"""`make emulation`: a shell on an organization on this machine. See emulation/README.md.

`sam`, `aws` and `alternate-contacts` in this shell call the emulation, because its environment has AWS_ENDPOINT_URL and
the emulation's credentials. The emulation ends with the shell.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from emulation.organization import Emulation
from emulation.settings import ROOT, Settings

QUOTA_SPEED = 10
DELAY_SPEED = 600
"""As in the demo: an hour of retries takes six seconds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the shell and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m emulation.shell", description=__doc__)
    parser.add_argument("--accounts", type=int, default=60, help="size of the organization, at least 2 (default: 60)")
    accounts = parser.parse_args(arguments).accounts
    if accounts < 2:
        parser.error("--accounts must be at least 2")
    with Emulation(Settings(quota_speed=QUOTA_SPEED, delay_speed=DELAY_SPEED)) as emulation:
        emulation.create_accounts(accounts - 1)
        sys.stderr.write(
            f"An organization of {accounts:,} accounts, at {emulation.endpoint_url}. Its management account is "
            f"{emulation.management_account}.\nsam, aws and alternate-contacts call it in this shell. `exit` ends it.\n"
        )
        return run_shell(emulation)


def run_shell(emulation: Emulation) -> int:
    """Run the user's shell. `sam` is that of `make setup`, unless the shell's own settings change PATH."""
    path = f"{ROOT / '.venv' / 'sam' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    shell = subprocess.Popen([os.environ.get("SHELL", "/bin/sh")], env=emulation.environment | {"PATH": path})  # noqa: S603
    while True:
        try:
            return shell.wait()
        except KeyboardInterrupt:  # Ctrl-C is for a command in the shell
            continue


if __name__ == "__main__":
    sys.exit(main())
