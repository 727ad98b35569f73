"""How the command of `tests.fakes.program` ended, in this process or one of its own."""

from dataclasses import dataclass
from pathlib import Path

CLOSED = 141


@dataclass(frozen=True)
class Ended:
    """The exit code, and what the command wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


def one_line(ended: Ended) -> str:
    """Check that the command failed with one line on stderr, and return it."""
    assert ended.returncode == 2, ended.stderr.decode()
    text = ended.stderr.decode()
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text


def check_encoded(ended: Ended, folder: Path) -> None:
    """Check that the streams have escapes for what they cannot encode, and the files the characters."""
    assert (ended.returncode, b"Traceback" in ended.stderr) == (1, False)
    assert b"\\u6771\\u4eac \\x1b[31m" in ended.stdout
    for name in ("a.csv", "a.html"):
        (folder / name).read_text(encoding="utf-8")
    assert "東京" in (folder / "a.csv").read_text(encoding="utf-8")


def has_state_file(home: Path) -> bool:
    """Return whether an audit left its state file. It has made the folder for it."""
    assert (home / ".cache" / "alternate-contacts").is_dir()
    return list(home.rglob("*.jsonl")) != []
