"""`sam build` and `sam package`, by the sam that `make setup` installs."""

import os
import subprocess
from pathlib import Path

from control_tower.errors import PackagingError
from control_tower.manifest import MAIN_REGION

ROOT = Path(__file__).resolve().parents[1]

_SAM = ROOT / ".venv" / "sam" / "bin" / "sam"
_PREFIX = "alternate-contacts"
_TAIL = 3000


def build(folder: Path) -> Path:
    """Build both functions below a folder, and return the template that refers to the built code.

    Raises:
        PackagingError: sam failed; with the end of its output.
    """
    # A folder below the given one, because sam writes a file beside it.
    _run("build", "--build-dir", str(folder / "build"))
    return folder / "build" / "template.yaml"


def package(template: Path, folder: Path, bucket: str | None) -> str:
    """Upload the functions' code, and return the template that refers to it there.

    Args:
        template: what `build` returned, or the template of a bundle.
        folder: for the packaged template.
        bucket: in the stack's region; None is the bucket that SAM creates and manages there.

    Raises:
        PackagingError: sam failed; with the end of its output.
    """
    packaged = folder / "packaged.yaml"
    destination = ["--s3-bucket", bucket] if bucket else ["--resolve-s3"]
    files = ["--template-file", str(template.resolve()), "--output-template-file", str(packaged)]
    _run("package", "--region", MAIN_REGION, "--s3-prefix", _PREFIX, *destination, *files)
    return packaged.read_text(encoding="utf-8")


def _run(*arguments: str) -> None:
    if not _SAM.is_file():
        raise PackagingError(f"{_SAM} does not exist. Run make setup.")
    process = subprocess.run(  # noqa: S603
        [str(_SAM), *arguments],
        cwd=ROOT,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if process.returncode:
        raise PackagingError(f"sam {arguments[0]} failed: {process.stdout[-_TAIL:].strip()}")
