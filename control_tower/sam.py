"""`sam build` and `sam package`, by the sam that `make setup` installs."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from control_tower.manifest import MAIN_REGION
from control_tower.refusal import RefusalError

ROOT = Path(__file__).resolve().parents[1]

_SAM = ROOT / ".venv" / "sam" / "bin" / "sam"
_PREFIX = "alternate-contacts"
_TAIL = 3000


def build(folder: Path) -> Path:
    """Build both functions below a folder; returns the template that names them there.

    Raises:
        RefusalError: sam failed; with its last words.
    """
    # A folder below the given one, because sam writes a file beside it.
    _sam(["build", "--build-dir", str(folder / "build")])
    return folder / "build" / "template.yaml"


def package(template: Path, bucket: str | None) -> str:
    """Upload the functions' code, and return the template that names it there.

    Args:
        template: what `build` returned.
        bucket: in the stack's region; None is the bucket that SAM makes and manages there.

    Raises:
        RefusalError: sam failed; with its last words.
    """
    packaged = template.with_name("packaged.yaml")
    place = ["--s3-bucket", bucket] if bucket else ["--resolve-s3"]
    files = ["--template-file", str(template), "--output-template-file", str(packaged)]
    _sam(["package", "--region", MAIN_REGION, "--s3-prefix", _PREFIX, *place, *files])
    return packaged.read_text(encoding="utf-8")


def _sam(arguments: Sequence[str]) -> None:
    done = subprocess.run(  # noqa: S603
        [str(_SAM), *arguments],
        cwd=ROOT,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RefusalError(f"sam {arguments[0]} failed: {done.stdout[-_TAIL:].strip()}")
