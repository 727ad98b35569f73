"""Files that the command writes, which only the user can read if they hold contacts, and files that it reads."""

import io
import os
import stat
from pathlib import Path

import pytest

from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.cli.terminal.files import read_text, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_new_file_is_private(tmp_path: Path) -> None:
    write_private(tmp_path / "file", "東京\r\n")
    assert (tmp_path / "file").read_bytes() == "東京\r\n".encode()
    assert mode(tmp_path / "file") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_existing_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path, reader = tmp_path / "file", tmp_path / "another name"
    path.write_text("old")
    path.chmod(0o666)
    reader.hardlink_to(path)
    write_private(path, "contacts")
    assert (path.read_text(), mode(path)) == ("contacts", 0o600)
    assert reader.read_text() == "old"


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_is_not_written_through(tmp_path: Path, exists: bool) -> None:
    target, path = tmp_path / "target", tmp_path / "file"
    if exists:
        target.write_text("old")
    path.symlink_to(target)
    write_private(path, "contacts")
    assert not path.is_symlink()
    assert mode(path) == 0o600
    assert not exists or target.read_text() == "old"


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_private(path, "contacts")
    assert os.read(descriptor, 100) == b"contacts"
    os.close(descriptor)


def test_after_an_error_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_a_terminal_as_standard_input_is_asked_for_the_content(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal(io.BytesIO(b"{}\n")))
    assert read_text("-", content="a target as JSON", max_bytes=3) == "{}\n"
    assert "a target as JSON" in capsys.readouterr().err


def test_no_more_than_the_largest_file_is_read() -> None:
    """The device has no end."""
    with pytest.raises(CliError, match="larger than 1,000 bytes"):
        read_text("/dev/zero", content="text", max_bytes=1000)
