"""What the functions print: every line is searched for contact data, and the lines that the checks need are kept."""

import json
import re
from collections import Counter
from collections.abc import Collection
from typing import Any, TextIO, cast


class FunctionOutput:
    """Takes the place of standard output of both functions."""

    def __init__(self, secrets: Collection[str]) -> None:
        self.leaks: list[str] = []
        """Lines with contact data."""
        self.messages: Counter[str] = Counter()
        """How often each log message was printed."""
        self.skipped: dict[str, str] = {}
        """The last reason of each account for which ``account skipped`` was printed."""
        self.outcomes: Counter[str] = Counter()
        """How often each outcome of a contact was printed."""
        self._secrets = re.compile("|".join(map(re.escape, sorted(secrets))))

    @property
    def stream(self) -> TextIO:
        """The object as the stream that its methods make it."""
        return cast(TextIO, self)

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line:
                self._read(line)
        return len(text)

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def _read(self, line: str) -> None:
        if self._secrets.search(line):
            self.leaks.append(line)
        content: dict[str, Any] = json.loads(line)
        if "message" in content:
            self.messages[content["message"]] += 1
        if content.get("message") == "account skipped":
            self.skipped[content["account_id"]] = content["state"]
        self.outcomes.update(content.get("outcomes", {}).values())
