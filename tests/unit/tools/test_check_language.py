"""The language check finds each word, leaves ordinary words alone, and exempts only what it says."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tools import check_language
from tools.check_language import NAMES, find


def words(text: str, path: str = "docs/page.md") -> list[str]:
    return [finding.word for finding in find(path, text)]


@pytest.mark.parametrize(
    "word",
    [
        *NAMES,
        *("letter", "Letters", "LETTER_VERSION", "parse_letter", "AccountLetter", "letter's"),
        *("told", "_told", "mend", "mends", "mended", "nobody", "Somebody", "whoever", "obstacle", "troubles"),
        *("stand back", "stands back", "stood back", "stood_back", "standing-back", "works off", "worked_off"),
        *("bring an account right", "brings all three\n    contacts right", "could not be brought right."),
        *("complaint", "complaints", "door", "e-mail", "E-mails", "time-out", "behaviour", "colours"),
    ],
)
def test_a_word_is_found(word: str) -> None:
    assert len(words(f"one {word} two")) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("dead-letter queue", "dead_letter", "deadLetterTargetArn", "DeadLetterConfig", "dead letters"),
        *(
            "a capital letter",
            "lower-case letters",
            "letters and digits",
            "letters of the alphabet",
            "letter-spacing: 0",
        ),
        *("amend", "recommended", "toldo", "troubleshoot", "newsletter", "indoors", "behavior", "timeout", "time out"),
        *("the right side", "bring it to the right place", "refused", "NotAuthorized", "surroundings", "stand alone"),
        *("an email address", "WorkerFunctionLetters"),
    ],
)
def test_an_ordinary_word_is_not_found(text: str) -> None:
    assert words(text) == []


def test_the_event_name_is_allowed_only_at_its_place() -> None:
    assert words("        Letters:\n", "template.yaml") == []
    assert words("        Letters:\n", "control_tower/home_region.yaml") == ["Letters"]
    assert words("Letters wait", "template.yaml") == ["Letters"]


def test_a_finding_says_where_it_is_and_what_to_write() -> None:
    text = "The queue\nholds letters that\nsomebody brought\nright.\n"
    assert [str(finding) for finding in find("README.md", text)] == [
        "README.md:2: letters -> message",
        "README.md:3: somebody -> name the subject: the operator, the function, the AWS service",
        "README.md:3: brought right -> process, or set the contacts",
    ]


def test_an_identifier_is_one_finding_with_its_new_name() -> None:
    assert [str(finding) for finding in find("x.py", "unreadable_letter")] == [
        "x.py:1: unreadable_letter -> invalid_message"
    ]


def test_no_replacement_is_a_word_that_the_check_finds() -> None:
    replacements = [*NAMES.values(), *(replacement for _, _, replacement in check_language.WORDS)]
    assert [text for text in replacements if words(text)] == []


EXEMPT = [
    "CHANGELOG.md",
    "cli/alternate_contacts/cli/aws/previous_release.py",
    "tests/emulated/test_upgrade.py",
    "tests/events/README.md",
    "tests/events/create-account-result.json",
    "tests/unit/cli/test_previous_release.py",
    "tests/unit/tools/test_check_language.py",
    "tools/check_language.py",
]
CHECKED = [
    "Makefile",
    "cli/alternate_contacts/cli/audit/page.js",
    "cli/alternate_contacts/cli/aws/failure_reasons.py",
    "docs/CHANGELOG.md",
    "docs/page.md",
    "tests/emulated/test_update.py",
    "tests/unit/cli/test_failures.py",
]


def write_tree(root: Path) -> None:
    for path in [*EXEMPT, *CHECKED, ".venv/module.py", "src/__pycache__/module.py"]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("somebody was told\n")
    (root / "docs/picture.png").write_bytes(b"\x89PNG somebody")
    shutil.copy(check_language.ROOT / ".gitignore", root)


@pytest.mark.parametrize("with_git", [True, False])
def test_every_text_file_is_checked_but_the_exempt_ones(
    with_git: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write_tree(tmp_path)
    if with_git:
        for arguments in (["init", "--quiet"], ["add", "--all"]):
            subprocess.run(["git", *arguments], cwd=tmp_path, check=True)  # noqa: S603, S607
        (tmp_path / "untracked.md").write_text("somebody")
    assert sorted({finding.path for finding in check_language.check(tmp_path)}) == CHECKED


def test_findings_fail_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".gitignore").write_text(".venv/\n")
    (tmp_path / "page.md").write_text("all is well\n")
    assert check_language.main(tmp_path) == 0
    (tmp_path / "page.md").write_text("a letter\n")
    assert check_language.main(tmp_path) == 1
    assert capsys.readouterr().out == "page.md:1: letter -> message\n"
