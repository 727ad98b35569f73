"""A page in headless Chromium. Without Chromium the tests are skipped (Debian: `apt-get install chromium`)."""

from collections.abc import Iterator

import pytest

from tools.chromium import NoBrowser, Page, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Page]:
    try:
        with chromium() as page:
            yield page
    except NoBrowser as missing:
        pytest.skip(str(missing))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the reason once, instead of once for each skipped test."""
    for skipped in terminalreporter.stats.get("skipped", [])[:1]:
        terminalreporter.write_line(f"The browser tests were not run. {skipped.longrepr[2]}")
