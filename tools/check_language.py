"""Check the words of every tracked text file. `make check` runs it.

Version 0.1.0 used private words for things that AWS has a name for. This check keeps them out of code, tests, template
and docs. It prints ``path:line: word -> what to write`` for each finding, and exits with 1 if there are
any. A word is found alone and as a part of an identifier, such as ``ReadLetters`` or ``LETTER_VERSION``.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]

EXEMPT = frozenset(
    {
        "CHANGELOG.md",  # lists the old names for the users of the previous release
        "cli/alternate_contacts/cli/aws/previous_release.py",  # reads what the previous release wrote
        "tests/unit/cli/test_previous_release.py",
        "tests/emulated/test_upgrade.py",  # upgrades from the previous release
        "tools/check_language.py",
        "tests/unit/tools/test_check_language.py",
    }
)
EXEMPT_FOLDER = PurePosixPath("tests/events")
"""Events as AWS sends them."""

# A second event source mapping of the same function and queue is refused by AWS, so the name of this event stays.
# CloudFormation makes the mapping's logical ID, WorkerFunctionLetters, of the names of function and event.
MAPPING_ID = "WorkerFunctionLetters"
EVENT_NAME: Mapping[str, tuple[str, ...]] = {
    "template.yaml": ("Letters:", "`Letters`"),
    "tests/template/test_template.py": ('"Letters"',),
}
"""Where the event name may stand, and as what."""

NAMES: Mapping[str, str] = {
    # Functions, classes and modules
    "bring_right": "process",
    "work_off": "process_batch",
    "put_back": "schedule_retry",
    "went_through": "on_success",
    "not_settled": "left_for_redelivery",
    "not_given_back": "unreturned",
    "in_plain_words": "describe_aws_error",
    "carry_out": "apply",
    "to_make_up_for": "failed_invocations",
    "MakeUp": "RedriveUndelivered",
    "Surroundings": "Environment",
    "Examination": "PreflightReport",
    "RefusalError": "PackagingError",
    # Failure reasons, log fields, JSON keys
    "unreadable_letter": "invalid_message",
    "UnreadableLetter": "InvalidMessage",
    "contact_refused": "invalid_contact",
    "ContactRefused": "InvalidContact",
    "not_authorized": "access_denied",
    "letter_reason": "trigger",
    "letters_waiting": "messages_waiting",
    "lettersWaiting": "messagesWaiting",
    "next_try_in_seconds": "retry_in_seconds",
    "stoodBack": "reconcileSkipped",
    "percentRight": "percentCompliant",
    "isWell": "healthy",
    "ifAllAreRight": "ifAllCompliant",
    "ifNoneIs": "ifNoneCompliant",
    "lastRunsFrom": "historySource",
    "whatToDo": "remedy",
    "notTaken": "notSent",
    # Logical IDs and statement IDs of the template
    "LettersTooOldAlarm": "QueueBacklogAlarm",
    "LettersTooOld": "QueueBacklog",
    "WatchSchedule": "BackfillAgeSchedule",
    "NobodyWithoutTls": "DenyInsecureTransport",
    "OurRulesMaySend": "AllowEventBridgeRules",
    "OurRuleMaySend": "AllowEventBridgeRules",
    "AlarmsOfThisAccountMayPublish": "AllowCloudWatchAlarms",
    "ReadLetters": "ReceiveMessages",
    "KeepFailedAccounts": "SendFailedMessages",
    "ExplainRefusedAccounts": "DescribeAccounts",
    "ExplainRefusedOrganization": "ListServiceAccess",
    "LookAtTheOrganization": "DescribeOrganization",
    "TryOneRead": "ReadOneContact",
    "SendLettersAndSeeWhetherTheyWait": "SendMessages",
    "SeeWhetherTheStackRollsBack": "DescribeOwnStack",
    "SeeWhenTheLastBackfillWas": "ReadBackfillMetric",
    "KeepFailedInvocations": "SendFailedInvocations",
    "CallTheBackfill": "InvokeBackfill",
    "KeepWhatIsUndelivered": "SendUndelivered",
}
"""Identifiers, in exactly this spelling, and their replacement."""

_NAME_THE_SUBJECT = "name the subject: the operator, the function, the AWS service"
_PROCESS = "process, or set the contacts"
WORDS: tuple[tuple[str, str, str], ...] = (
    # Not the dead-letter queue, the letters of the alphabet, and a property of CSS.
    (
        "letter",
        r"(?<!dead)(?<!dead[ _-])(?<!case )(?<!capital )letters?(?!s? and digits|s? of the alphabet|-spacing)",
        "message",
    ),
    ("bring", r"bring(?:s|ing)?\b[^.:;!?]{1,60}?(?<!\bthe)\s+right", _PROCESS),
    ("brought", r"brought\b[^.:;!?]{0,60}?(?<!\bthe)\s+right", _PROCESS),
    ("told", "told", "report, log, print, return, describe"),
    ("stood", r"stood[\s_-]+back", "skip"),
    ("stand", r"stand(?:s|ing)?[\s_-]+back", "skip"),
    ("mend", "mend(?:s|ed|ing)?", "fix"),
    ("work", r"work(?:s|ed|ing)?[\s_-]+off", "process"),
    ("nobody", "nobody", _NAME_THE_SUBJECT),
    ("somebody", "somebody", _NAME_THE_SUBJECT),
    ("whoever", "whoever", _NAME_THE_SUBJECT),
    ("obstacle", "obstacles?", "failure"),
    ("trouble", "troubles?", "error"),
    ("complaint", "complaints?", "violation"),
    ("door", "doors?", "entry point, or handler"),
    ("e-mail", "e-mail(?:s|ed)?", "email"),
    ("time-out", "time-outs?", "timeout"),
    ("behaviour", "behaviours?", "behavior"),
    ("colour", "colours?", "color"),
)
"""What each match contains in lower case, the pattern in any capitalization, and what to write."""


@dataclass(frozen=True)
class Finding:
    """A word that the check does not accept."""

    path: str
    line: int
    word: str
    replacement: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.word} -> {self.replacement}"


# Where a word begins: after what is no letter, or with a capital after a small one.
_START = r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
_END = r"(?![a-z])"
_RULES = [
    *((name.lower(), re.compile(_START + re.escape(name) + _END), instead) for name, instead in NAMES.items()),
    *((stem, re.compile(f"{_START}(?i:{pattern}){_END}"), instead) for stem, pattern, instead in WORDS),
]


def find(path: str, text: str) -> list[Finding]:
    """Return the findings in the ``text`` of the file ``path``, in the order of the text."""
    for allowed in (MAPPING_ID, *EVENT_NAME.get(path, ())):
        text = text.replace(allowed, "." * len(allowed))
    # Looking for the stems first keeps the check under a second.
    lower = text.lower()
    matches: list[tuple[int, int, str]] = []
    for stem, pattern, replacement in _RULES:
        if stem in lower:
            matches += [(*match.span(), replacement) for match in pattern.finditer(text)]
    findings: list[Finding] = []
    last = 0
    for start, end, replacement in sorted(matches, key=lambda match: (match[0], -match[1])):
        if start >= last:  # or else it is a part of the finding before
            last = end
            word = " ".join(text[start:end].split())
            findings.append(Finding(path, text.count("\n", 0, start) + 1, word, replacement))
    return findings


def is_exempt(path: str) -> bool:
    """Return whether ``path``, relative to the root, is not checked."""
    return path in EXEMPT or PurePosixPath(path).is_relative_to(EXEMPT_FOLDER)


def tracked_files(root: Path) -> list[str]:
    """Return the paths of the files that git tracks, or of all files in a source tree without git."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True, text=True).stdout  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        listed = ""
    return [path for path in listed.split("\0") if path] or sorted(_walk(root))


def _walk(root: Path) -> Iterator[str]:
    ignored = {line.rstrip("/") for line in (root / ".gitignore").read_text().splitlines() if line.endswith("/")}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in ignored | {".git"}]
        yield from (Path(folder, name).relative_to(root).as_posix() for name in names)


def check(root: Path) -> list[Finding]:
    """Return the findings in every text file below ``root`` that is not exempt."""
    findings: list[Finding] = []
    for path in tracked_files(root):
        if is_exempt(path) or not (root / path).is_file():  # deleted, and not yet committed
            continue
        try:
            text = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture
            continue
        findings += find(path, text)
    return findings


def main(root: Path = ROOT) -> int:
    """Print the findings and return the exit code."""
    findings = check(root)
    sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
